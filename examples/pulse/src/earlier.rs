//! What visitors did just before, in an earlier run on the same log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millstream::client::{Client, ClientError, StartAt};
use millstream::record::Timestamp;

use crate::Failure;
use crate::events::UserId;
use crate::topology::{BUY_WITHIN, CART_WITHIN, CLICK_WITHIN, CLICKS, VIEWS};
use crate::traffic::{Arrival, Event};

/// Longer ago than anything that is joined, with some time for events that came late.
const SLACK: Duration = Duration::from_secs(10);

/// The last minutes' events, with times since the Unix epoch.
pub fn events(client: &Client) -> Result<Vec<Event>, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = now.saturating_sub(CLICK_WITHIN + CART_WITHIN + BUY_WITHIN + SLACK);
    let since = StartAt::Time(Timestamp(i64::try_from(since.as_millis())?));
    let mut events = Vec::new();
    for view in client.records_from(&VIEWS, since.clone())? {
        if let Some(view) = readable(view)? {
            let (user, page) = (view.record.key, view.record.value.page);
            events.push(event(user, page, None, view.record.timestamp));
        }
    }
    for click in client.records_from(&CLICKS, since)? {
        if let Some(click) = readable(click)? {
            let (user, value) = (click.record.key, click.record.value);
            events.push(event(user, value.page, Some(value.element), click.record.timestamp));
        }
    }
    Ok(events)
}

/// Leaves out what the application cannot read either.
fn readable<T>(received: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match received {
        Ok(received) => Ok(Some(received)),
        Err(ClientError::Undecodable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn event(user: UserId, page: String, clicked: Option<String>, at: Timestamp) -> Event {
    Event { user, page, clicked, at_ms: at.0, arrival: Arrival::Prompt }
}
