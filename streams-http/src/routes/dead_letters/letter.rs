//! `GET /api/dead-letters/{partition}/{offset}`: one letter.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use streams_core::client::{Client, DeadLetter, DeadLetters};
use streams_core::record::{Offset, Partition};

use super::answer::LetterAnswer;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::{NoParameters, Parameters, PathParts};
use crate::served::Served;

/// The dead letter at that place.
#[utoipa::path(get, path = "/api/dead-letters/{partition}/{offset}", tag = "dead letters",
    params(
        ("partition" = i32, Path, description = "The letter's partition in the dead letters' topic"),
        ("offset" = i64, Path, description = "Its offset there"),
    ),
    responses(
        (status = 200, description = "The dead letter", body = LetterAnswer),
        (status = 400, description = "It has no parameters", body = ErrorBody),
        (status = 403, description = "The log does not allow it", body = ErrorBody),
        (status = 404, description = "There is no such letter, or no topic for them", body = ErrorBody),
        (status = 500, description = "The log has failed", body = ErrorBody),
        (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
    ))]
pub(crate) async fn letter(
    State(served): State<Served>,
    PathParts((partition, offset)): PathParts<(String, String)>,
    _: Parameters<NoParameters>,
) -> Result<Json<LetterAnswer>, Refusal> {
    let at = At::parse(&partition, &offset)?;
    let (topic, app) = (super::topic(&served)?, served.app.clone());
    let found = move |client: &Client| {
        let (_, letter) = at.find(client, &topic)?;
        Ok::<_, Refusal>(Json(LetterAnswer::of(&app, &letter)))
    };
    served.log.ask(found).await
}

/// A letter's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(pub(super) Partition, pub(super) Offset);

impl At {
    /// As a path says it. What is no place has no letter.
    pub(super) fn parse(partition: &str, offset: &str) -> Result<Self, Refusal> {
        match (partition.parse(), offset.parse()) {
            (Ok(partition), Ok(offset)) => Ok(Self(Partition(partition), Offset(offset))),
            _ => Err(nothing_at(&format!("{partition}@{offset}"))),
        }
    }

    pub(super) fn find(self, client: &Client, topic: &str) -> Result<(DeadLetters, DeadLetter), Refusal> {
        let Self(partition, offset) = self;
        let letters = client.dead_letters(topic)?;
        match letters.get(partition, offset)? {
            Some(letter) => Ok((letters, letter)),
            None => Err(nothing_at(&format!("{partition}@{offset}"))),
        }
    }
}

fn nothing_at(place: &str) -> Refusal {
    let message = format!("there is no dead letter {place}; `GET /api/dead-letters` lists those that are there");
    Refusal::new(StatusCode::NOT_FOUND, "no_letter", message)
}
