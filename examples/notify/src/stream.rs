//! `GET /notifications/{user}/stream`: each new notification of a user, as a server-sent event with its number as the id.
//!
//! Whoever connects again with `Last-Event-ID`, as a browser does by itself, first gets what came meanwhile, as far as it is
//! among those that are kept. Numbers only grow, so nothing comes twice, also when the user's task moves and everything is
//! read again.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use millstream::query::{Live, QueryError};
use tokio::sync::Semaphore;

use crate::consumer::{Asked, last_event, refused, user_in};
use crate::go;
use crate::go::gin::{self, Refusal};
use crate::inbox::{self, ROWS};
use crate::notification::{Notification, to_json};

/// How often a stream without news shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many streams may be open at once.
const STREAMS_MAX: usize = 500;
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(STREAMS_MAX)));

/// The new notifications of a user, as they come.
pub async fn stream(State(asked): State<Asked>, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let user = user_in(&uri)?;
    let Ok(place) = Arc::clone(&PLACES).try_acquire_owned() else {
        let message = format!("{STREAMS_MAX} streams are open, which is the limit");
        return Err(gin::message(StatusCode::SERVICE_UNAVAILABLE, message).into());
    };
    let rows = asked.app.query(&ROWS).map_err(refused)?.prefixed(inbox::prefix(&user)).live();
    let mut listener = Listener::after(last_event(&headers));
    let events = rows.filter_map(move |news| {
        // Held as long as the stream is.
        let _place = &place;
        std::future::ready(listener.hear(news).map(Ok::<_, Infallible>))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// Somebody who listens.
struct Listener {
    /// The number of the last notification that is known.
    last: Option<u64>,
    /// Whether only what is newer than those that are there has to be told.
    is_new: bool,
}

impl Listener {
    const fn after(last: Option<u64>) -> Self {
        Self { last, is_new: last.is_none() }
    }

    fn hear(&mut self, news: Result<Live<String, Notification>, QueryError>) -> Option<Event> {
        match news {
            Ok(Live::Row(key, Some(notification))) => {
                let number = inbox::number(&key).filter(|number| self.last.is_none_or(|last| *number > last))?;
                self.last = Some(number);
                (!self.is_new).then(|| event(number, &notification))
            }
            // From now on nothing is missed, which is good to know for whoever tries it out.
            Ok(Live::Complete) => {
                self.is_new = false;
                Some(Event::default().comment("listening"))
            }
            // The oldest ones go when new ones come.
            Ok(Live::Reset | Live::Row(_, None)) => None,
            Err(error) => {
                let json = go::json::message(error.to_string().as_bytes());
                Some(Event::default().event("error").data(go::text(&json)))
            }
        }
    }
}

fn event(number: u64, it: &Notification) -> Event {
    let json = to_json(&it.from, &it.to, it.message.as_bytes());
    Event::default().event("notification").id(number.to_string()).data(go::text(&json))
}
