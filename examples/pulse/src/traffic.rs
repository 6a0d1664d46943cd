//! Simulated visitors: who does what, and when it is sent.
//!
//! Time here is virtual: milliseconds since the traffic began. The same seed gives the same events, whatever the machine
//! does; [`Traffic::until`] only returns those that are due. Most events are sent when they happen. Some are sent late,
//! as from a phone without a signal, so they arrive out of order, and [`Traffic::straggler`] creates one that is far too
//! late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use crate::events::{User, UserId};
use crate::site::{
    ADD_TO_CART, CART, COUNTRIES, FIRST_NAMES, LAST_NAMES, PAGES, PHOTO, PRODUCT_LINKS, PRODUCTS, TASTES, To,
    product_path,
};

/// The maximum time between an event and its sending, except for stragglers, in milliseconds.
pub const DELAY_MAX_MS: i64 = 1_500;

/// How long before the traffic a straggler happened, in milliseconds: far longer than any window's grace.
pub const STRAGGLER_AGE_MS: i64 = 600_000;

/// The percentage of visitors who are guests, without a row in the users table.
const GUESTS_PERCENT: u64 = 10;

/// How many percent of the products that visitors open are to their taste.
const TO_TASTE_PERCENT: u32 = 88;

/// Visitors do not come back to so many of the products that they have seen last.
const NOT_AGAIN: usize = 4;

/// Something that a visitor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The visitor.
    pub user: UserId,
    /// The page's path.
    pub page: String,
    /// The element that was clicked; `None` means that the page was opened.
    pub clicked: Option<String>,
    /// When it happened, in milliseconds since the traffic began.
    pub at_ms: i64,
    /// Whether it is sent late.
    pub arrival: Arrival,
}

/// When an event arrives, compared to when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// At once.
    Prompt,
    /// After later ones, within [`DELAY_MAX_MS`].
    OutOfOrder,
    /// After its window was closed.
    TooLate,
}

/// The simulated visitors.
pub struct Traffic {
    rng: Rng,
    stragglers: Rng,
    visitors: Vec<Visitor>,
    due: BinaryHeap<Reverse<Due>>,
    /// Numbers the planned things, so that those due at the same time come in the order in which they were planned.
    planned: u64,
    /// When this traffic began, on the clock of all traffic.
    since_ms: i64,
}

struct Visitor {
    id: UserId,
    taste: usize,
    /// `None` means that the visitor is away.
    on: Option<On>,
    /// The products that were opened last, newest first.
    seen: Vec<usize>,
    has_cart: bool,
}

/// Where a visitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Page(usize),
    /// The photo was clicked, or was not.
    Product(usize, bool),
}

impl On {
    fn path(self) -> String {
        match self {
            Self::Page(page) => PAGES[page].path.to_owned(),
            Self::Product(product, _) => product_path(product),
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at_ms: i64,
    number: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The visitor does the next thing.
    Act { visitor: usize },
    /// A delayed event is sent.
    Send { visitor: usize, page: String, element: Option<&'static str>, happened_ms: i64 },
}

impl Traffic {
    /// That many visitors, most of whom are already there, spread over the pages.
    pub fn new(visitors: usize, seed: u64) -> Self {
        Self::of(0..visitors, seed, 0)
    }

    /// The visitors with these numbers, from that time on.
    pub fn of(visitors: std::ops::Range<usize>, seed: u64, since_ms: i64) -> Self {
        let mut traffic = Self {
            rng: Rng::with_seed(seed),
            stragglers: Rng::with_seed(seed.wrapping_add(1)),
            visitors: Vec::new(),
            due: BinaryHeap::new(),
            planned: 0,
            since_ms,
        };
        for (number, visitor) in visitors.enumerate() {
            let on = (traffic.rng.u32(..100) < 75).then(|| On::Page(traffic.rng.usize(..PAGES.len())));
            // Who likes what does not depend on the seed: it is part of who they are.
            let taste = Rng::with_seed(visitor as u64).usize(..TASTES.len());
            traffic.visitors.push(Visitor { id: user_id(visitor), taste, on, seen: Vec::new(), has_cart: false });
            let at_ms = traffic.rng.i64(0..2_500);
            traffic.plan(at_ms, What::Act { visitor: number });
        }
        traffic
    }

    /// The events to send up to this time that have not been returned yet, in the order of sending.
    pub fn until(&mut self, now_ms: i64) -> Vec<Event> {
        let mut events = Vec::new();
        while self.due.peek().is_some_and(|Reverse(due)| due.at_ms <= now_ms - self.since_ms)
            && let Some(Reverse(due)) = self.due.pop()
        {
            match due.what {
                What::Act { visitor } => events.extend(self.act(visitor, due.at_ms)),
                What::Send { visitor, page, element, happened_ms } => {
                    events.push(self.event(visitor, page, element, happened_ms, Arrival::OutOfOrder));
                }
            }
        }
        events
    }

    /// An event that happened long ago, by one of these visitors on one of these pages.
    pub fn straggler(&mut self, users: &[UserId], pages: &[String]) -> Option<Event> {
        let user = *self.stragglers.choice(users)?;
        let page = self.stragglers.choice(pages)?.clone();
        let at_ms = self.stragglers.i64(0..1_000) - STRAGGLER_AGE_MS;
        Some(Event { user, page, clicked: None, at_ms, arrival: Arrival::TooLate })
    }

    /// Makes the visitor come, go, click or open a page. Returns the event if it is sent at once.
    fn act(&mut self, visitor: usize, now_ms: i64) -> Option<Event> {
        let here = self.visitors[visitor].on;
        let (now_on, element, wait_ms) = match here {
            None => (Some(On::Page(0)), None, self.rng.i64(400..2_000)),
            Some(_) if self.rng.u32(..100) < 7 => (None, None, self.rng.i64(2_000..15_000)),
            Some(on) => match self.click(visitor, on) {
                Some((on, element)) => (Some(on), Some(element), self.rng.i64(200..900)),
                None => (Some(self.follow_link(visitor, on)), None, self.rng.i64(500..2_500)),
            },
        };
        self.visitors[visitor].on = now_on;
        self.plan(now_ms + wait_ms, What::Act { visitor });
        let page = now_on?.path();
        if self.rng.u32(..100) < 8 {
            let delay_ms = self.rng.i64(100..=DELAY_MAX_MS);
            self.plan(now_ms + delay_ms, What::Send { visitor, page, element, happened_ms: now_ms });
            return None;
        }
        Some(self.event(visitor, page, element, now_ms, Arrival::Prompt))
    }

    /// What the visitor clicks on, if anything, and where that leaves the visitor.
    fn click(&mut self, visitor: usize, on: On) -> Option<(On, &'static str)> {
        let chance = self.rng.u32(..100);
        match on {
            On::Page(page) if chance < 30 => {
                let elements = PAGES[page].elements;
                Some((on, elements[self.rng.usize(..elements.len())]))
            }
            On::Product(product, false) if chance < 25 => Some((On::Product(product, true), PHOTO)),
            On::Product(_, false) if chance < 30 => self.put_into_cart(visitor, on),
            On::Product(_, true) if chance < 15 => Some((on, PHOTO)),
            On::Product(_, true) if chance < 45 => self.put_into_cart(visitor, on),
            _ => None,
        }
    }

    fn put_into_cart(&mut self, visitor: usize, on: On) -> Option<(On, &'static str)> {
        self.visitors[visitor].has_cart = true;
        Some((on, ADD_TO_CART))
    }

    fn follow_link(&mut self, visitor: usize, from: On) -> On {
        let links = match from {
            On::Page(page) => PAGES[page].links,
            On::Product(..) if self.visitors[visitor].has_cart && self.rng.u32(..100) < 40 => {
                self.visitors[visitor].has_cart = false;
                return On::Page(CART);
            }
            On::Product(..) => PRODUCT_LINKS.as_slice(),
        };
        match pick(&mut self.rng, links.iter().copied()) {
            Some(To::Page(page)) => On::Page(page),
            Some(To::Product) | None => On::Product(self.product(visitor), false),
        }
    }

    /// The product that the visitor opens next.
    fn product(&mut self, visitor: usize) -> usize {
        let size = TASTES[0].len();
        let visitor = &mut self.visitors[visitor];
        let product = loop {
            let product = if self.rng.u32(..100) < TO_TASTE_PERCENT {
                // Some are a little more popular than others.
                let rank = pick(&mut self.rng, (0..size).map(|rank| (rank, 20 - rank as u32))).unwrap_or(0);
                visitor.taste * size + rank
            } else {
                self.rng.usize(..PRODUCTS)
            };
            if !visitor.seen.contains(&product) {
                break product;
            }
        };
        visitor.seen.insert(0, product);
        visitor.seen.truncate(NOT_AGAIN);
        product
    }

    fn event(
        &self,
        visitor: usize,
        page: String,
        element: Option<&'static str>,
        at_ms: i64,
        arrival: Arrival,
    ) -> Event {
        let clicked = element.map(str::to_owned);
        Event { user: self.visitors[visitor].id, page, clicked, at_ms: self.since_ms + at_ms, arrival }
    }

    fn plan(&mut self, at_ms: i64, what: What) {
        let number = self.planned;
        self.planned += 1;
        self.due.push(Reverse(Due { at_ms, number, what }));
    }
}

/// The users table, with a row for each visitor who is not a guest.
pub fn users(visitors: usize, seed: u64) -> Vec<(UserId, User)> {
    let mut rng = Rng::with_seed(seed);
    (0..visitors)
        .map(user_id)
        .filter(|id| id.0 % 100 >= GUESTS_PERCENT)
        .map(|id| {
            let [first, last] =
                [FIRST_NAMES.as_slice(), LAST_NAMES.as_slice()].map(|names| names[rng.usize(..names.len())]);
            let country = pick(&mut rng, COUNTRIES).unwrap_or("Norway").to_owned();
            (id, User { name: format!("{first} {last}"), country })
        })
        .collect()
}

/// Visitors are numbered from 1,000.
fn user_id(visitor: usize) -> UserId {
    UserId(1_000 + visitor as u64)
}

/// Picks one of these at random, by weight.
fn pick<T>(rng: &mut Rng, weighted: impl IntoIterator<Item = (T, u32)> + Clone) -> Option<T> {
    let total: u32 = weighted.clone().into_iter().map(|(_, weight)| weight).sum();
    let mut left = if total == 0 { return None } else { rng.u32(..total) };
    weighted.into_iter().find_map(|(item, weight)| {
        let found = left < weight;
        left = left.saturating_sub(weight);
        found.then_some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_events_however_often_it_is_asked() {
        let mut at_once = Traffic::new(50, 7);
        let mut bit_by_bit = Traffic::new(50, 7);
        let expected = at_once.until(20_000);
        let events: Vec<_> = (0..=2_000).flat_map(|step| bit_by_bit.until(step * 10)).collect();
        assert!(expected.len() > 200, "{}", expected.len());
        assert_eq!(events, expected);
        assert_ne!(Traffic::new(50, 8).until(20_000), expected);
    }

    #[test]
    fn some_events_come_out_of_order_and_none_later_than_it_may() {
        let mut traffic = Traffic::of(0..200, 7, 60_000);
        assert_eq!(traffic.until(59_999), []);
        let (mut latest, mut behind) = (0, 0);
        for now in (60_000..90_000).step_by(10) {
            for event in traffic.until(now) {
                assert!(event.at_ms <= now && event.at_ms >= now - DELAY_MAX_MS - 10, "{event:?} at {now}");
                behind += usize::from(event.at_ms < latest);
                latest = latest.max(event.at_ms);
            }
        }
        assert!(behind > 50, "{behind}");
    }

    #[test]
    fn a_straggler_is_older_than_any_window_takes() {
        let mut traffic = Traffic::new(1, 7);
        let event = traffic.straggler(&[UserId(1_000)], &["/cart".to_owned()]).expect("an event");
        assert_eq!((event.user, event.page.as_str(), event.arrival), (UserId(1_000), "/cart", Arrival::TooLate));
        let limit = crate::topology::GRACE + crate::topology::TOP_OVER;
        assert!(-event.at_ms > i64::try_from(limit.as_millis()).expect("a short time"), "{event:?}");
        assert_eq!(traffic.straggler(&[], &["/cart".to_owned()]), None);
    }

    #[test]
    fn nine_of_ten_visitors_are_known_users() {
        let users = users(200, 7);
        assert_eq!(users.len(), 180);
        assert!(users.iter().all(|(id, user)| id.0 >= 1_010 && user.name.contains(' ')));
    }

    #[test]
    fn every_link_leads_to_a_page() {
        for page in &PAGES {
            let leads = |to: &To| !matches!(to, To::Page(page) if *page >= PAGES.len());
            assert!(page.links.iter().all(|(to, weight)| leads(to) && *weight > 0), "{}", page.path);
            assert!(!page.elements.is_empty(), "{}", page.path);
        }
        assert_eq!(PAGES[CART].path, "/cart");
    }

    #[test]
    fn visitors_see_all_products_and_hardly_any_against_their_taste() {
        let events = Traffic::new(200, 7).until(120_000);
        let views = events.iter().filter(|event| event.clicked.is_none() && event.page.starts_with("/products/"));
        let of_user_3 = |event: &&Event| event.user == UserId(1_003);
        let liked = TASTES[Rng::with_seed(3).usize(..TASTES.len())].map(|name| format!("/products/{name}"));
        let seen: Vec<&str> = views.clone().filter(of_user_3).map(|event| event.page.as_str()).collect();
        let to_taste = seen.iter().filter(|page| liked.iter().any(|liked| liked == **page)).count();
        assert!(to_taste * 4 > seen.len() * 3, "{to_taste} of {}", seen.len());
        let all: std::collections::BTreeSet<&str> = views.map(|event| event.page.as_str()).collect();
        assert_eq!(all.len(), PRODUCTS);
    }
}
