//! Who is there? The visitors' sessions, each as long as its visitor does something.

use std::time::Duration;

use millstream::prelude::*;
use millstream::windows::Session;

use crate::events::{Activity, UserId, Visit};

/// A session ends once its visitor has done nothing for this long. Real ones take half an hour; these can be watched.
pub const SESSION_GAP: Duration = Duration::from_secs(5);

/// How late an event may be to be part of a session. It need not be long, because a visitor's events are all in one
/// partition and so in the order in which they were sent.
const LATE: Duration = Duration::from_secs(10);

/// Output: what each visitor did in each session. `None` means that the session has become a longer one.
pub const SESSIONS: Topic<Windowed<UserId, Session>, Option<Visit>> = Topic::new("pulse-sessions");

/// The sessions, for as long as they may change.
pub const SESSIONS_STORE: SessionStore<UserId, Visit> = SessionStore::new("sessions");

/// How long the session has lasted.
fn length(session: Session) -> Duration {
    Duration::from_millis((session.end.0 - session.start.0).unsigned_abs())
}

pub(super) fn sessions(activity: KStream<'_, UserId, Activity>) {
    activity
        .group_by_key()
        .windowed_by(Sessions::gap(SESSION_GAP).grace(LATE))
        .aggregate(Visit::default, Visit::add, Visit::and_then)
        .stored_as(SESSIONS_STORE)
        .live(|tile| tile.number("Active users").rows().last(SESSION_GAP))
        .live(|tile| {
            tile.table("Longest sessions")
                .last(SESSION_GAP)
                .largest(|_, visit| visit.actions)
                .column("visitor", |session, visit| visit.name(session.key))
                .column("page", |_, visit| visit.page.clone())
                .column("actions", |_, visit| visit.actions)
                .column("lasts", |session, _| length(session.window))
                .column("last seen", |session, _| session.window.end)
        })
        .to_stream()
        .to(SESSIONS);
}
