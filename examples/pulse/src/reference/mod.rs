//! The correct numbers, counted from what was sent, using only maps.
//!
//! Nothing here knows of topics, tasks or stores. [`Numbers`] is the common form of the correct numbers and of the
//! results; `check.rs` compares them. `sessions.rs` and `funnel.rs` count what takes more than adding one.

use std::collections::BTreeMap;

use crate::events::{Click, GUEST, PageCounts, Recent, User, UserId, View};
use crate::topology::is_product;
use crate::traffic::{Arrival, Event};

mod check;
mod funnel;
mod sessions;
#[cfg(test)]
mod tests;

pub use check::{Tally, compare, settle};

use funnel::Chains;

/// A session: its visitor, and the times of the first and of the last event, in milliseconds since the Unix epoch.
pub type SessionKey = (UserId, i64, i64);

/// Everything that is counted. Windows are identified by their start, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Views and clicks by window and page.
    pub page_windows: BTreeMap<(i64, String), PageCounts>,
    /// Views by overlapping window and page.
    pub top_pages: BTreeMap<(i64, String), i64>,
    /// Views and clicks by session.
    pub sessions: BTreeMap<SessionKey, i64>,
    /// All views and clicks by page.
    pub pages: BTreeMap<String, PageCounts>,
    /// All views and clicks by country.
    pub countries: BTreeMap<String, i64>,
    /// Views of products by how far they have got.
    pub funnel: BTreeMap<String, i64>,
    /// Products that were viewed soon after each other.
    pub pairs: BTreeMap<String, i64>,
}

impl Numbers {
    /// Drops the windows that start, and the sessions that end, before this time.
    pub fn forget_windows_before(&mut self, time_ms: i64) {
        self.page_windows.retain(|(start, _), _| *start >= time_ms);
        self.top_pages.retain(|(start, _), _| *start >= time_ms);
        self.sessions.retain(|(_, _, end), _| *end >= time_ms);
    }
}

/// The lengths of everything that has one, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Of the windows of pages.
    pub window_ms: i64,
    /// Of the windows of the top pages.
    pub top_over_ms: i64,
    /// Between the starts of these.
    pub top_every_ms: i64,
    /// Of the pause that ends a session.
    pub gap_ms: i64,
    /// Of the times within which a click, a cart and a purchase count.
    pub within_ms: [i64; 3],
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
    /// The products that each visitor has viewed last.
    pub recent: BTreeMap<UserId, Recent>,
    chains: Chains,
    countries: BTreeMap<UserId, String>,
    lengths: Lengths,
    began_ms: i64,
}

impl Reference {
    /// A reference before the first event. `before` has the counts at the time when the traffic began, `began_ms`.
    pub fn new(users: &[(UserId, User)], lengths: Lengths, began_ms: i64, before: Numbers) -> Self {
        Self {
            numbers: before,
            sent: Sent::default(),
            recent: BTreeMap::new(),
            chains: Chains::new(lengths.within_ms),
            countries: users.iter().map(|(id, user)| (*id, user.country.clone())).collect(),
            lengths,
            began_ms,
        }
    }

    /// Takes in what visitors did before, in an earlier run: what they do now may follow from it.
    pub fn recall(&mut self, before: &[Event]) {
        let mut counted_then = BTreeMap::new();
        for event in before {
            let at = self.began_ms + event.at_ms;
            match &event.clicked {
                None if is_product(&event.page) => {
                    self.chains.view(&mut counted_then, event.user, &event.page, at);
                }
                None => {}
                Some(element) => {
                    let click = Click { page: event.page.clone(), element: element.clone() };
                    self.chains.click(&mut counted_then, event.user, &click, at);
                }
            }
        }
    }

    /// Counts an event that is about to be sent.
    pub fn note(&mut self, event: &Event) {
        let is_view = event.clicked.is_none();
        let (views, clicks) = if is_view { (1, 0) } else { (0, 1) };
        let add = |counts: &mut PageCounts| {
            counts.views += views;
            counts.clicks += clicks;
        };
        let country = self.countries.get(&event.user).map_or(GUEST, String::as_str);
        *self.numbers.countries.entry(country.to_owned()).or_default() += 1;
        add(self.numbers.pages.entry(event.page.clone()).or_default());
        let at = self.began_ms + event.at_ms;
        if event.arrival != Arrival::TooLate {
            let start = at - at.rem_euclid(self.lengths.window_ms);
            add(self.numbers.page_windows.entry((start, event.page.clone())).or_default());
            self.note_top(event, at, views);
            sessions::note(&mut self.numbers.sessions, event.user, at, self.lengths.gap_ms);
        }
        match &event.clicked {
            None if is_product(&event.page) => self.note_product(event, at),
            None => {}
            Some(element) => {
                let click = Click { page: event.page.clone(), element: element.clone() };
                self.chains.click(&mut self.numbers.funnel, event.user, &click, at);
            }
        }
        self.sent.views += views.unsigned_abs();
        self.sent.clicks += clicks.unsigned_abs();
        self.sent.out_of_order += u64::from(event.arrival == Arrival::OutOfOrder);
        self.sent.too_late += u64::from(event.arrival == Arrival::TooLate);
    }

    /// Counts it in all windows of the top pages that it is in. There is a row also if there are only clicks.
    fn note_top(&mut self, event: &Event, at: i64, views: i64) {
        let Lengths { top_over_ms, top_every_ms, .. } = self.lengths;
        let mut start = at - at.rem_euclid(top_every_ms);
        while start > at - top_over_ms {
            *self.numbers.top_pages.entry((start, event.page.clone())).or_default() += views;
            start -= top_every_ms;
        }
    }

    fn note_product(&mut self, event: &Event, at: i64) {
        self.chains.view(&mut self.numbers.funnel, event.user, &event.page, at);
        let recent = self.recent.entry(event.user).or_default();
        recent.add(View { page: event.page.clone() });
        for pair in recent.pairs() {
            *self.numbers.pairs.entry(pair).or_default() += 1;
        }
    }
}
