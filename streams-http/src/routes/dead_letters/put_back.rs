//! `POST /api/dead-letters/{partition}/{offset}/replay`: puts one letter's record back.
//!
//! Nothing in the log says that a single record was put back, so the server remembers the last ones, lest a second click
//! doubles a record.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, ClientError, PutBackError};
use utoipa::{IntoParams, ToSchema};

use super::letter::At;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::{Parameters, PathParts};
use crate::served::Served;

/// How many letters are remembered.
const REMEMBERED: usize = 1_000;

/// Whether a record is put back again.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PutBackParameters {
    /// How often a record is put back, over all replays; one that has failed again after that stays. 1 unless said.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    at_most: Option<u32>,
    /// Also a letter that this server has put back before.
    #[serde(default)]
    again: bool,
}

/// Where the record is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutBackAnswer {
    topic: String,
    partition: i32,
    offset: i64,
}

/// Puts the letter's record back into the topic and partition that it came from, with its own key, value, headers and time.
/// The letter stays where it is. A `dlq replay` or `POST /api/dead-letters/replay` that has not come to it puts it back once
/// more.
#[utoipa::path(post, path = "/api/dead-letters/{partition}/{offset}/replay", tag = "dead letters",
    params(
        ("partition" = i32, Path, description = "The letter's partition in the dead letters' topic"),
        ("offset" = i64, Path, description = "Its offset there"),
        PutBackParameters,
    ),
    responses(
        (status = 200, description = "Where the record is now", body = PutBackAnswer),
        (status = 400, description = "A parameter cannot be understood, or the topic refuses the record", body = ErrorBody),
        (status = 403, description = "Actions are not allowed, or a page of another server asks", body = ErrorBody),
        (status = 404, description = "There is no such letter, or its topic is gone", body = ErrorBody),
        (status = 409, description = "It should not go back, or was put back before", body = ErrorBody),
        (status = 500, description = "The log has failed", body = ErrorBody),
        (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
    ))]
pub(crate) async fn put_back(
    State(served): State<Served>,
    PathParts((partition, offset)): PathParts<(String, String)>,
    Parameters(parameters): Parameters<PutBackParameters>,
) -> Result<Json<PutBackAnswer>, Refusal> {
    let PutBackParameters { at_most, again } = parameters;
    served.may_act()?;
    let at = At::parse(&partition, &offset)?;
    // Of what was sent, nothing is said that is no number.
    let place = format!("{}@{}", at.0, at.1);
    served.is_asked_to(&format!("put dead letter {place} back"))?;
    let (topic, remembered) = (super::topic(&served)?, served.put_back.clone());
    let write = move |client: &Client| {
        let (letters, letter) = at.find(client, &topic)?;
        if !remembered.add(at) && !again {
            let message = format!("dead letter {place} was put back before; with `?again=true` it goes back once more");
            return Err(Refusal::new(StatusCode::CONFLICT, "put_back_before", message));
        }
        let written = letters.put_back(&letter, at_most.unwrap_or(1));
        if let Err(error) = &written
            && !may_be_written(error)
        {
            remembered.forget(at);
        }
        let (partition, offset) = written?;
        Ok(Json(PutBackAnswer {
            topic: partition.topic.to_string(),
            partition: partition.partition.0,
            offset: offset.0,
        }))
    };
    served.log.ask(write).await
}

/// Whether the log may have the record although it has not said so.
fn may_be_written(error: &PutBackError) -> bool {
    matches!(error, PutBackError::Client { error: ClientError::NoAnswer { .. } | ClientError::Log(_), .. })
}

/// The letters that were put back last.
#[derive(Clone, Default)]
pub(crate) struct PutBack(Arc<Mutex<VecDeque<At>>>);

impl PutBack {
    /// Returns whether it is new.
    fn add(&self, at: At) -> bool {
        let mut last = self.lock();
        if last.contains(&at) {
            return false;
        }
        if last.len() >= REMEMBERED {
            last.pop_front();
        }
        last.push_back(at);
        true
    }

    fn forget(&self, at: At) {
        self.lock().retain(|known| *known != at);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<At>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use streams_core::record::{Offset, Partition};

    use super::*;

    #[test]
    fn the_last_letters_are_remembered() {
        let put_back = PutBack::default();
        let at = |offset| At(Partition(0), Offset(offset));
        assert!(put_back.add(at(0)) && !put_back.add(at(0)));
        put_back.forget(at(0));
        assert!((0..1_000).all(|offset| put_back.add(at(offset))));
        assert!(!put_back.add(at(0)) && put_back.add(at(1_000)) && put_back.add(at(0)));
    }
}
