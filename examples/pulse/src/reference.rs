//! The correct numbers, counted from what was sent, using only maps.
//!
//! Nothing here knows of topics, tasks or stores. [`Numbers`] is the common form of the correct numbers and of the
//! results; [`compare`] compares them.

use std::collections::BTreeMap;

use crate::events::{GUEST, PageCounts, User, UserId};
use crate::traffic::{Arrival, Event};

/// Everything that is counted. Windows are identified by their start, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Views and clicks by window and page.
    pub page_windows: BTreeMap<(i64, String), PageCounts>,
    /// Views and clicks by window and visitor.
    pub visits: BTreeMap<(i64, UserId), i64>,
    /// All views and clicks by page.
    pub pages: BTreeMap<String, PageCounts>,
    /// All views and clicks by country.
    pub countries: BTreeMap<String, i64>,
}

impl Numbers {
    /// Drops the windows that start before this time.
    pub fn forget_windows_before(&mut self, start_ms: i64) {
        self.page_windows.retain(|(start, _), _| *start >= start_ms);
        self.visits.retain(|(start, _), _| *start >= start_ms);
    }
}

/// The numbers of events that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Page views.
    pub views: u64,
    /// Clicks on something.
    pub clicks: u64,
    /// Views and clicks that were sent after later ones.
    pub out_of_order: u64,
    /// Views and clicks that were sent after their window was closed.
    pub too_late: u64,
}

impl Sent {
    /// All events.
    pub const fn total(&self) -> u64 {
        self.views + self.clicks
    }
}

/// What was sent, and the numbers that must result.
pub struct Reference {
    /// The correct numbers.
    pub numbers: Numbers,
    /// The events so far.
    pub sent: Sent,
    countries: BTreeMap<UserId, String>,
    window_ms: i64,
    began_ms: i64,
}

impl Reference {
    /// A reference before the first event. `before` has the counts at the time when the traffic began, `began_ms`.
    pub fn new(users: &[(UserId, User)], window_ms: i64, began_ms: i64, before: Numbers) -> Self {
        let countries = users.iter().map(|(id, user)| (*id, user.country.clone())).collect();
        Self { numbers: before, sent: Sent::default(), countries, window_ms: window_ms.max(1), began_ms }
    }

    /// Counts an event that is about to be sent.
    pub fn note(&mut self, event: &Event) {
        let (views, clicks) = if event.clicked.is_none() { (1, 0) } else { (0, 1) };
        let add = |counts: &mut PageCounts| {
            counts.views += views;
            counts.clicks += clicks;
        };
        let country = self.countries.get(&event.user).map_or(GUEST, String::as_str);
        *self.numbers.countries.entry(country.to_owned()).or_default() += 1;
        add(self.numbers.pages.entry(event.page.to_owned()).or_default());
        if event.arrival != Arrival::TooLate {
            let at = self.began_ms + event.at_ms;
            let start = at - at.rem_euclid(self.window_ms);
            add(self.numbers.page_windows.entry((start, event.page.to_owned())).or_default());
            *self.numbers.visits.entry((start, event.user)).or_default() += 1;
        }
        self.sent.views += views.unsigned_abs();
        self.sent.clicks += clicks.unsigned_abs();
        self.sent.out_of_order += u64::from(event.arrival == Arrival::OutOfOrder);
        self.sent.too_late += u64::from(event.arrival == Arrival::TooLate);
    }
}

/// The comparison of the results with the correct numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of pages' windows that are right.
    pub page_windows: u64,
    /// The number of visitors' windows that are right.
    pub visits: u64,
    /// The number of totals, of pages and countries, that are right.
    pub totals: u64,
    /// Descriptions of numbers that are still too small.
    pub behind: Vec<String>,
    /// Descriptions of numbers that are too large, because something was counted twice.
    pub wrong: Vec<String>,
}

impl Tally {
    /// The number of all windows that are right.
    pub const fn windows(&self) -> u64 {
        self.page_windows + self.visits
    }
}

/// A number, or several that belong together.
trait Count: Copy + Default + PartialEq + std::fmt::Display {
    /// Whether any of the numbers is larger.
    fn exceeds(self, other: Self) -> bool;
}

impl Count for i64 {
    fn exceeds(self, other: Self) -> bool {
        self > other
    }
}

impl Count for PageCounts {
    fn exceeds(self, other: Self) -> bool {
        self.views > other.views || self.clicks > other.clicks
    }
}

impl std::fmt::Display for PageCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} views and {} clicks", self.views, self.clicks)
    }
}

/// Compares the results with the correct numbers. While there is traffic, only windows that start before
/// `final_before_ms` get no more events, so only they can be found right; `None` means that the traffic has ended and all
/// numbers are final. A number that is too large is wrong at any time.
pub fn compare(expected: &Numbers, found: &Numbers, final_before_ms: Option<i64>) -> Tally {
    let mut tally = Tally::default();
    let is_final = |start: i64| final_before_ms.is_none_or(|before| start < before);
    let has_ended = final_before_ms.is_none();
    tally.page_windows = each(
        (&expected.page_windows, &found.page_windows),
        &mut tally,
        |(start, _)| is_final(*start),
        |(start, page)| format!("{page} in the window at {start}"),
    );
    tally.visits = each(
        (&expected.visits, &found.visits),
        &mut tally,
        |(start, _)| is_final(*start),
        |(start, user)| format!("visitor {} in the window at {start}", user.0),
    );
    let pages = each((&expected.pages, &found.pages), &mut tally, |_| has_ended, |page| format!("{page} in total"));
    let countries = each(
        (&expected.countries, &found.countries),
        &mut tally,
        |_| has_ended,
        |country| format!("{country} in total"),
    );
    tally.totals = pages + countries;
    tally
}

/// Compares one map, and returns how many counts are final and right.
fn each<K: Ord, C: Count>(
    (expected, found): (&BTreeMap<K, C>, &BTreeMap<K, C>),
    tally: &mut Tally,
    is_final: impl Fn(&K) -> bool,
    name: impl Fn(&K) -> String,
) -> u64 {
    let mut equal = 0;
    let unexpected = found.keys().filter(|key| !expected.contains_key(key));
    for key in expected.keys().chain(unexpected) {
        let [expected, found] = [expected, found].map(|numbers| numbers.get(key).copied().unwrap_or_default());
        if found.exceeds(expected) {
            tally.wrong.push(format!("{}: {found} instead of {expected}", name(key)));
        } else if is_final(key) {
            if found == expected {
                equal += 1;
            } else {
                tally.behind.push(format!("{}: {found} instead of {expected}", name(key)));
            }
        }
    }
    equal
}

/// Removes windows that start before `before_ms` and are right from both, and returns how many there were of pages and of
/// visitors. If a removed window changes later, there is no expected number for it, which counts as wrong.
pub fn settle(expected: &mut Numbers, found: &mut Numbers, before_ms: i64) -> (u64, u64) {
    let pages = settle_each(&mut expected.page_windows, &mut found.page_windows, |(start, _)| *start < before_ms);
    let visits = settle_each(&mut expected.visits, &mut found.visits, |(start, _)| *start < before_ms);
    (pages, visits)
}

fn settle_each<K: Ord + Clone, C: Count>(
    expected: &mut BTreeMap<K, C>,
    found: &mut BTreeMap<K, C>,
    is_old: impl Fn(&K) -> bool,
) -> u64 {
    // Keys start with the window's start, so old windows come first.
    let old = expected.iter().take_while(|(key, _)| is_old(key));
    let equal: Vec<K> = old.filter(|(key, count)| found.get(key) == Some(count)).map(|(key, _)| key.clone()).collect();
    for key in &equal {
        expected.remove(key);
        found.remove(key);
    }
    equal.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: i64 = 1_000_000;

    fn ada() -> (UserId, User) {
        (UserId(1), User { name: "Ada Berg".to_owned(), country: "Kenya".to_owned() })
    }

    fn event(user: u64, page: &'static str, clicked: Option<&'static str>, at_ms: i64, arrival: Arrival) -> Event {
        Event { user: UserId(user), page, clicked, at_ms, arrival }
    }

    fn reference() -> Reference {
        let mut reference = Reference::new(&[ada()], 2_000, BEGAN, Numbers::default());
        for event in [
            event(1, "/", None, 100, Arrival::Prompt),
            event(1, "/", Some("logo"), 1_999, Arrival::OutOfOrder),
            event(2, "/", None, 2_000, Arrival::Prompt),
            event(1, "/cart", None, -600_000, Arrival::TooLate),
        ] {
            reference.note(&event);
        }
        reference
    }

    #[test]
    fn what_was_sent_is_counted_by_window_page_visitor_and_country() {
        let Reference { numbers, sent, .. } = reference();
        let counts = |views, clicks| PageCounts { views, clicks };
        assert_eq!(
            numbers,
            Numbers {
                page_windows: [
                    ((BEGAN, "/".to_owned()), counts(1, 1)),
                    ((BEGAN + 2_000, "/".to_owned()), counts(1, 0))
                ]
                .into(),
                visits: [((BEGAN, UserId(1)), 2), ((BEGAN + 2_000, UserId(2)), 1)].into(),
                pages: [("/".to_owned(), counts(2, 1)), ("/cart".to_owned(), counts(1, 0))].into(),
                countries: [("Kenya".to_owned(), 3), (GUEST.to_owned(), 1)].into(),
            }
        );
        assert_eq!(sent, Sent { views: 3, clicks: 1, out_of_order: 1, too_late: 1 });
    }

    #[test]
    fn too_much_is_wrong_at_once_and_too_little_only_when_the_window_is_final() {
        let expected = reference().numbers;
        let mut found = expected.clone();
        found.visits.remove(&(BEGAN, UserId(1)));
        found.visits.insert((BEGAN + 2_000, UserId(2)), 2);
        found.page_windows.remove(&(BEGAN + 2_000, "/".to_owned()));

        let tally = compare(&expected, &found, Some(BEGAN + 1));
        assert_eq!((tally.page_windows, tally.visits, tally.totals), (1, 0, 0));
        assert_eq!(tally.behind, ["visitor 1 in the window at 1000000: 0 instead of 2"]);
        assert_eq!(tally.wrong, ["visitor 2 in the window at 1002000: 2 instead of 1"]);

        let tally = compare(&expected, &found, None);
        assert_eq!((tally.behind.len(), tally.totals), (2, 4), "{:?}", tally.behind);
    }

    #[test]
    fn a_settled_window_that_changes_is_wrong() {
        let mut expected = reference().numbers;
        let mut found = expected.clone();
        assert_eq!(settle(&mut expected, &mut found, BEGAN + 2_000), (1, 1));
        assert_eq!(compare(&expected, &found, None).windows(), 2);
        found.visits.insert((BEGAN, UserId(1)), 2);
        assert_eq!(compare(&expected, &found, None).wrong, ["visitor 1 in the window at 1000000: 2 instead of 0"]);
    }
}
