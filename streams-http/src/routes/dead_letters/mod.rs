//! `/api/dead-letters`: what the application has left out, and how it goes back.
//!
//! `list.rs` answers with the newest letters, `letter.rs` with one, `put_back.rs` puts one back where it came from, and
//! `replay.rs` all that were not. `answer.rs` makes JSON of a letter.

use axum::http::StatusCode;
use streams_core::client::PutBackError;

use crate::refusal::Refusal;
use crate::served::Served;

mod answer;
pub(crate) mod letter;
pub(crate) mod list;
pub(crate) mod put_back;
pub(crate) mod replay;

/// The application's topic for dead letters.
pub(crate) fn topic(served: &Served) -> Result<String, Refusal> {
    served.app.about().config().errors.dead_letter_topic.clone().ok_or_else(|| {
        let message = "the application has no topic for dead letters: give it one with `.dead_letters_to(..)`, or set \
                       `errors.dead.letter.queue.topic.name`";
        Refusal::new(StatusCode::NOT_FOUND, "no_dead_letters", message)
    })
}

impl From<PutBackError> for Refusal {
    fn from(error: PutBackError) -> Self {
        let message = error.to_string();
        match error {
            PutBackError::Stays { .. } => Self::new(StatusCode::CONFLICT, "stays", message),
            PutBackError::Client { error, .. } => Self::from(error).saying(message),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "log", message),
        }
    }
}
