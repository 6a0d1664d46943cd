//! `GET /api/dead-letters`: the newest letters first, a page at a time.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use streams_core::client::{Newest, PartitionOffsets};
use streams_core::record::Partition;
use utoipa::{IntoParams, ToSchema};

use super::answer::LetterAnswer;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::Parameters;
use crate::served::Served;

/// How many letters an answer has unless it is said, and at most.
const LETTERS: usize = 50;
const LETTERS_MAX: usize = 1_000;

/// Which letters are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LettersParameters {
    /// Only those of this partition of the dead letters' topic.
    #[param(minimum = 0)]
    partition: Option<i32>,
    /// Where the last answer ended (`next`).
    from: Option<String>,
    /// How many letters: 50 unless said, at most 1,000. There are fewer if they are large.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// Some dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LettersAnswer {
    /// The topic that they are in.
    topic: String,
    letters: Vec<LetterAnswer>,
    /// The parameter `from` for the letters before these; `null` if there are no more.
    next: Option<String>,
    /// How many letters there are in all.
    total: u64,
    /// Whether that is exact. Otherwise there may be fewer: it is the number of offsets, and transactions have some, too.
    total_is_exact: bool,
}

/// The newest dead letters first. Within a partition they are in order; of several, the one with the latest time comes first.
#[utoipa::path(get, path = "/api/dead-letters", tag = "dead letters", params(LettersParameters), responses(
    (status = 200, description = "Dead letters", body = LettersAnswer),
    (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
    (status = 403, description = "The log does not allow it", body = ErrorBody),
    (status = 404, description = "The application has no topic for them, or it is not there", body = ErrorBody),
    (status = 500, description = "The log has failed", body = ErrorBody),
    (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
))]
pub(crate) async fn letters(
    State(served): State<Served>,
    Parameters(parameters): Parameters<LettersParameters>,
) -> Result<Json<LettersAnswer>, Refusal> {
    let limit = parameters.limit.unwrap_or(LETTERS);
    if !(1..=LETTERS_MAX).contains(&limit) {
        return Err(Refusal::bad_request(format!("`limit` is from 1 to {LETTERS_MAX}; ask on with `from`")));
    }
    if parameters.partition.is_some_and(|partition| partition < 0) {
        return Err(Refusal::bad_request("`partition` is a number from 0"));
    }
    let before = parameters.from.as_deref().map(str::parse::<PartitionOffsets>).transpose();
    let before = before.map_err(|error| Refusal::bad_request(format!("`from` is the `next` of an answer: {error}")))?;
    let wanted = Newest { limit, partitions: parameters.partition.map(Partition).into_iter().collect(), before };
    let (topic, app) = (super::topic(&served)?, served.app.clone());
    served
        .log
        .ask(move |client| {
            let page = client.dead_letters(&topic)?.newest(&wanted)?;
            let letters = page.records.iter().map(|letter| LetterAnswer::of(&app, letter)).collect();
            let next = page.next.map(|next| next.to_string());
            let (total, total_is_exact) = (page.total, page.total_is_exact);
            Ok::<_, Refusal>(Json(LettersAnswer { topic, letters, next, total, total_is_exact }))
        })
        .await
}
