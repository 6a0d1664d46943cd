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
use crate::site::{COUNTRIES, FIRST_NAMES, LAST_NAMES, PAGES};

/// The maximum time between an event and its sending, except for stragglers, in milliseconds.
pub const DELAY_MAX_MS: i64 = 1_500;

/// How long before the traffic a straggler happened, in milliseconds: far longer than any window's grace.
pub const STRAGGLER_AGE_MS: i64 = 600_000;

/// The percentage of visitors who are guests, without a row in the users table.
const GUESTS_PERCENT: u64 = 10;

/// Something that a visitor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The visitor.
    pub user: UserId,
    /// The page's path.
    pub page: &'static str,
    /// The element that was clicked; `None` means that the page was opened.
    pub clicked: Option<&'static str>,
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
    /// The page that each visitor is on; `None` means that the visitor is away.
    visitors: Vec<Option<usize>>,
    due: BinaryHeap<Reverse<Due>>,
    /// Numbers the planned things, so that those due at the same time come in the order in which they were planned.
    planned: u64,
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
    Send { visitor: usize, page: usize, element: Option<usize>, happened_ms: i64 },
}

impl Traffic {
    /// That many visitors, most of whom are already there, spread over the pages.
    pub fn new(visitors: usize, seed: u64) -> Self {
        let mut traffic = Self {
            rng: Rng::with_seed(seed),
            stragglers: Rng::with_seed(seed.wrapping_add(1)),
            visitors: vec![None; visitors],
            due: BinaryHeap::new(),
            planned: 0,
        };
        for visitor in 0..visitors {
            if traffic.rng.u32(..100) < 75 {
                traffic.visitors[visitor] = Some(traffic.rng.usize(..PAGES.len()));
            }
            let at_ms = traffic.rng.i64(0..2_500);
            traffic.plan(at_ms, What::Act { visitor });
        }
        traffic
    }

    /// The events to send up to this time that have not been returned yet, in the order of sending.
    pub fn until(&mut self, now_ms: i64) -> Vec<Event> {
        let mut events = Vec::new();
        while self.due.peek().is_some_and(|Reverse(due)| due.at_ms <= now_ms)
            && let Some(Reverse(due)) = self.due.pop()
        {
            match due.what {
                What::Act { visitor } => events.extend(self.act(visitor, due.at_ms)),
                What::Send { visitor, page, element, happened_ms } => {
                    events.push(event(visitor, page, element, happened_ms, Arrival::OutOfOrder));
                }
            }
        }
        events
    }

    /// An event that happened long ago, by one of these visitors on one of these pages.
    pub fn straggler(&mut self, users: &[UserId], pages: &[String]) -> Option<Event> {
        let user = *self.stragglers.choice(users)?;
        let path = self.stragglers.choice(pages)?;
        let page = PAGES.iter().find(|page| page.path == path)?.path;
        let at_ms = self.stragglers.i64(0..1_000) - STRAGGLER_AGE_MS;
        Some(Event { user, page, clicked: None, at_ms, arrival: Arrival::TooLate })
    }

    /// Makes the visitor come, go, click or open a page. Returns the event if it is sent at once.
    fn act(&mut self, visitor: usize, now_ms: i64) -> Option<Event> {
        let here = self.visitors.get(visitor).copied().flatten();
        let (now_on, element, wait_ms) = match here {
            None => (Some(0), None, self.rng.i64(400..2_000)),
            Some(_) if self.rng.u32(..100) < 7 => (None, None, self.rng.i64(2_000..15_000)),
            Some(page) if self.rng.u32(..100) < 30 => {
                let element = self.rng.usize(..PAGES[page].elements.len());
                (Some(page), Some(element), self.rng.i64(200..900))
            }
            Some(page) => (Some(self.follow_link(page)), None, self.rng.i64(500..2_500)),
        };
        self.visitors[visitor] = now_on;
        self.plan(now_ms + wait_ms, What::Act { visitor });
        let page = now_on?;
        if self.rng.u32(..100) < 8 {
            let delay_ms = self.rng.i64(100..=DELAY_MAX_MS);
            self.plan(now_ms + delay_ms, What::Send { visitor, page, element, happened_ms: now_ms });
            return None;
        }
        Some(event(visitor, page, element, now_ms, Arrival::Prompt))
    }

    fn follow_link(&mut self, page: usize) -> usize {
        let links = PAGES[page].links;
        pick(&mut self.rng, links.iter().map(|(page, weight)| (*page, *weight))).unwrap_or(0)
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

fn event(visitor: usize, page: usize, element: Option<usize>, at_ms: i64, arrival: Arrival) -> Event {
    let page = &PAGES[page];
    Event {
        user: user_id(visitor),
        page: page.path,
        clicked: element.map(|number| page.elements[number]),
        at_ms,
        arrival,
    }
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
        let mut traffic = Traffic::new(200, 7);
        let (mut latest, mut behind) = (0, 0);
        for now in (0..30_000).step_by(10) {
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
        assert_eq!((event.user, event.page, event.arrival), (UserId(1_000), "/cart", Arrival::TooLate));
        let limit = crate::topology::GRACE + crate::topology::WINDOW;
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
            assert!(page.links.iter().all(|(to, weight)| *to < PAGES.len() && *weight > 0), "{}", page.path);
            assert!(!page.elements.is_empty(), "{}", page.path);
        }
    }
}
