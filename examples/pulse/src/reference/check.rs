//! Compares the results with the correct numbers, while there is traffic and at its end.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Lengths, Numbers, SessionKey, sessions};
use crate::events::PageCounts;

/// The comparison of the results with the correct numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of windows that are right, of pages and of the top pages.
    pub windows: u64,
    /// The number of sessions that are right.
    pub sessions: u64,
    /// The number of totals that are right: of pages, countries, the funnel's steps and pairs of products.
    pub totals: u64,
    /// Descriptions of numbers that are still too small.
    pub behind: Vec<String>,
    /// Descriptions of numbers that are too large, because something was counted twice.
    pub wrong: Vec<String>,
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

/// Compares the results with the correct numbers. While there is traffic, only windows that end before `final_before_ms`
/// get no more events, so only they can be found right; `None` means that the traffic has ended and all numbers are final.
/// A number that is too large is wrong at any time.
pub fn compare(expected: &Numbers, found: &Numbers, lengths: Lengths, final_before_ms: Option<i64>) -> Tally {
    let mut tally = Tally::default();
    let is_final = |end: i64| final_before_ms.is_none_or(|before| end <= before);
    let has_ended = final_before_ms.is_none();
    let pages = each(
        (&expected.page_windows, &found.page_windows),
        &mut tally,
        |(start, _)| is_final(start + lengths.window_ms),
        |(start, page)| format!("{page} in the window at {start}"),
    );
    let top = each(
        (&expected.top_pages, &found.top_pages),
        &mut tally,
        |(start, _)| is_final(start + lengths.top_over_ms),
        |(start, page)| format!("{page} among the top pages at {start}"),
    );
    tally.windows = pages + top;
    tally.sessions =
        each_session((&expected.sessions, &found.sessions), &mut tally, |end| is_final(end + lengths.gap_ms));
    for (expected, found) in
        [(&expected.countries, &found.countries), (&expected.funnel, &found.funnel), (&expected.pairs, &found.pairs)]
    {
        tally.totals += each((expected, found), &mut tally, |_| has_ended, |name| format!("{name} in total"));
    }
    tally.totals += each((&expected.pages, &found.pages), &mut tally, |_| has_ended, |page| format!("{page} in total"));
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
    for (key, expected, found) in side_by_side(expected, found) {
        let [expected, found] = [expected, found].map(Option::unwrap_or_default);
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

/// Compares the sessions. One that was found is not wrong if it has grown since.
fn each_session(
    (expected, found): (&BTreeMap<SessionKey, i64>, &BTreeMap<SessionKey, i64>),
    tally: &mut Tally,
    is_final: impl Fn(i64) -> bool,
) -> u64 {
    let mut equal = 0;
    for (key, wanted, actions) in side_by_side(expected, found) {
        let (user, start, end) = *key;
        let name = || format!("visitor {} from {start} to {end}", user.0);
        match (wanted, actions) {
            (Some(wanted), Some(actions)) if actions > wanted => {
                tally.wrong.push(format!("{}: {actions} instead of {wanted}", name()));
            }
            (None, Some(actions)) if !sessions::has_grown(expected, *key, actions) => {
                tally.wrong.push(format!("{}: {actions} instead of none", name()));
            }
            _ if !is_final(end) => {}
            (wanted, actions) if wanted == actions => equal += 1,
            _ => tally.behind.push(format!(
                "{}: {} instead of {}",
                name(),
                actions.unwrap_or_default(),
                wanted.unwrap_or_default()
            )),
        }
    }
    equal
}

/// The keys of either map, in order, with the counts of both.
fn side_by_side<'a, K: Ord, C: Copy>(
    left: &'a BTreeMap<K, C>,
    right: &'a BTreeMap<K, C>,
) -> impl Iterator<Item = (&'a K, Option<C>, Option<C>)> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some((left, _)), Some((right, _))) => left.cmp(right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let left = if order == Ordering::Greater { None } else { left.next() };
        let right = if order == Ordering::Less { None } else { right.next() };
        let (key, _) = left.or(right)?;
        Some((key, left.map(|(_, count)| *count), right.map(|(_, count)| *count)))
    })
}

/// Removes from both the windows and sessions that have ended before `before_ms` and are right, and returns how many
/// windows and how many sessions there were. If a removed one changes later, there is no expected number for it, which
/// counts as wrong.
pub fn settle(expected: &mut Numbers, found: &mut Numbers, lengths: Lengths, before_ms: i64) -> (u64, u64) {
    let Lengths { window_ms, top_over_ms, gap_ms, .. } = lengths;
    let is_old = |end: i64| end < before_ms;
    let pages =
        settle_each(&mut expected.page_windows, &mut found.page_windows, |(start, _)| is_old(start + window_ms));
    let top = settle_each(&mut expected.top_pages, &mut found.top_pages, |(start, _)| is_old(start + top_over_ms));
    let sessions = settle_each(&mut expected.sessions, &mut found.sessions, |(_, _, end)| is_old(end + gap_ms));
    (pages + top, sessions)
}

fn settle_each<K: Ord + Clone, C: Count>(
    expected: &mut BTreeMap<K, C>,
    found: &mut BTreeMap<K, C>,
    is_old: impl Fn(&K) -> bool,
) -> u64 {
    let old = expected.iter().filter(|(key, count)| is_old(key) && found.get(key) == Some(count));
    let equal: Vec<K> = old.map(|(key, _)| key.clone()).collect();
    for key in &equal {
        expected.remove(key);
        found.remove(key);
    }
    equal.len() as u64
}
