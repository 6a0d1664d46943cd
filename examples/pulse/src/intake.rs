//! The way of all events into the log: counted first, then sent.
//!
//! Events come from the simulation and over HTTP. They are counted and sent under one lock, so that the reference sees them
//! in the order in which they are in the log, and no result can be ahead of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use millstream::client::{Client, ClientError};
use millstream::query::Position;
use millstream::record::Timestamp;

use crate::Failure;
use crate::board::Shared;
use crate::events::{Click, UserId, View};
use crate::sender::Sender;
use crate::site::is_known_page;
use crate::topology::{CLICKS, VIEWS};
use crate::traffic::Event;

/// How many visitors and pages there may be that the simulation does not know: whoever sends events over HTTP chooses both,
/// and each takes some memory for as long as pulse runs.
const STRANGERS_MAX: usize = 1_000;

/// Values of the topic of views that are none.
const POISON: [&[u8]; 5] = [b"{\"page\":", b"{\"pgae\":\"/\"}", b"not even JSON", b"{\"page\":42}", b"\xff\xfe"];

/// Open while there is traffic.
#[derive(Default)]
pub struct Intake(Mutex<Option<Open>>);

/// What an open intake needs.
pub struct Open {
    /// Sends what the simulation does.
    pub sender: Sender,
    /// Sends what comes over HTTP, and waits until it is acknowledged.
    pub client: Client,
    /// When the traffic began, in milliseconds since the Unix epoch.
    pub began_ms: i64,
    /// The simulation's visitors.
    pub visitors: std::ops::Range<u64>,
    /// The others.
    pub strangers: Strangers,
}

/// Visitors and pages that the simulation does not know.
#[derive(Default)]
pub struct Strangers {
    users: BTreeSet<UserId>,
    pages: BTreeSet<String>,
}

/// Why an event from outside is not accepted.
#[derive(Debug)]
pub enum Refused {
    /// There is no traffic yet, or no more.
    Closed,
    /// There are too many visitors or pages.
    TooMany(&'static str),
    /// The log has not acknowledged it.
    Log(ClientError),
}

impl Intake {
    /// Lets events in.
    pub fn open(&self, open: Open) {
        *self.lock() = Some(open);
    }

    /// Lets no more events in, and waits until all are in the log.
    pub fn close(&self) -> Result<(), Failure> {
        self.lock().take().map_or(Ok(()), |mut open| open.sender.flush())
    }

    /// Counts and sends events of the simulation.
    pub fn send(&self, shared: &Shared, events: &[Event]) -> Result<(), Failure> {
        let mut guard = self.lock();
        let Some(open) = &mut *guard else { return Ok(()) };
        shared.note(events);
        for event in events {
            open.send(event)?;
        }
        open.sender.poll()
    }

    /// Counts and sends one or more events from outside, and returns once they are acknowledged; for a single one also
    /// with its place in the log. The events' time is set to now.
    pub fn collect(&self, shared: &Shared, mut events: Vec<Event>) -> Result<Option<Position>, Refused> {
        let mut guard = self.lock();
        let (Some(open), Some(now_ms)) = (&mut *guard, shared.pace.event_time_ms()) else {
            return Err(Refused::Closed);
        };
        open.strangers.admit(&events, &open.visitors)?;
        events.iter_mut().for_each(|event| event.at_ms = now_ms - open.began_ms);
        shared.note(&events);
        let sent = open.send_acknowledged(&events, Timestamp(now_ms));
        sent.map_err(|error| {
            // They were counted, and nobody knows whether they are in the log.
            shared.fail(format!("events that came over HTTP were not acknowledged: {error}"));
            Refused::Log(error)
        })
    }

    /// Sends five views that nobody can read.
    pub fn poison(&self, shared: &Shared) -> Result<(), Failure> {
        let mut guard = self.lock();
        let (Some(open), Some(now_ms)) = (&mut *guard, shared.pace.event_time_ms()) else { return Ok(()) };
        for (number, value) in (0..).zip(POISON) {
            let key = (open.visitors.start + number).to_be_bytes();
            open.sender.send_bytes(VIEWS.name(), &key, value, Timestamp(now_ms))?;
        }
        open.sender.poll()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn send(&mut self, event: &Event) -> Result<(), Failure> {
        let timestamp = Timestamp(self.began_ms + event.at_ms);
        match &event.clicked {
            None => self.sender.send(&VIEWS, &event.user, &view(event), timestamp),
            Some(element) => self.sender.send(&CLICKS, &event.user, &click(event, element), timestamp),
        }
    }

    fn send_acknowledged(&self, events: &[Event], at: Timestamp) -> Result<Option<Position>, ClientError> {
        if let [event] = events {
            let (partition, offset) = match &event.clicked {
                None => self.client.send_at(&VIEWS, event.user, view(event), at)?,
                Some(element) => self.client.send_at(&CLICKS, event.user, click(event, element), at)?,
            };
            return Ok(Some(Position::behind(partition, offset)));
        }
        let views = events.iter().filter(|event| event.clicked.is_none());
        self.client.send_all(&VIEWS, views.map(|event| (event.user, view(event), at)))?;
        let clicks = events.iter().filter_map(|event| event.clicked.as_ref().map(|element| (event, element)));
        self.client.send_all(&CLICKS, clicks.map(|(event, element)| (event.user, click(event, element), at)))?;
        Ok(None)
    }
}

impl Strangers {
    /// Notes who and what is new, unless that would be too many.
    fn admit(&mut self, events: &[Event], visitors: &std::ops::Range<u64>) -> Result<(), Refused> {
        let is_new_user = |event: &&Event| !visitors.contains(&event.user.0) && !self.users.contains(&event.user);
        let is_new_page = |event: &&Event| !is_known_page(&event.page) && !self.pages.contains(&event.page);
        let users: BTreeSet<UserId> = events.iter().filter(is_new_user).map(|event| event.user).collect();
        let pages: BTreeSet<String> = events.iter().filter(is_new_page).map(|event| event.page.clone()).collect();
        if self.users.len() + users.len() > STRANGERS_MAX {
            return Err(Refused::TooMany("visitors"));
        }
        if self.pages.len() + pages.len() > STRANGERS_MAX {
            return Err(Refused::TooMany("pages"));
        }
        self.users.extend(users);
        self.pages.extend(pages);
        Ok(())
    }
}

fn view(event: &Event) -> View {
    View { page: event.page.clone() }
}

fn click(event: &Event, element: &str) -> Click {
    Click { page: event.page.clone(), element: element.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Arrival;

    fn of(user: u64, page: &str) -> Event {
        Event { user: UserId(user), page: page.to_owned(), clicked: None, at_ms: 0, arrival: Arrival::Prompt }
    }

    #[test]
    fn there_is_room_for_a_thousand_strangers_and_for_everybody_who_is_known() {
        let mut strangers = Strangers::default();
        let visitors = 1_000..1_400;
        for user in 0..1_000 {
            strangers.admit(&[of(user, "/"), of(user + 1_000, "/cart")], &(1_000..2_000)).expect("there is room");
        }
        assert!(matches!(strangers.admit(&[of(5_000, "/")], &visitors), Err(Refused::TooMany("visitors"))));
        strangers.admit(&[of(7, "/"), of(1_007, "/products/tent")], &visitors).expect("they are known");
        for page in 0..1_000 {
            strangers.admit(&[of(7, &format!("/mine/{page}"))], &visitors).expect("there is room");
        }
        assert!(matches!(strangers.admit(&[of(7, "/another")], &visitors), Err(Refused::TooMany("pages"))));
        strangers.admit(&[of(7, "/mine/3")], &visitors).expect("it is known");
    }
}
