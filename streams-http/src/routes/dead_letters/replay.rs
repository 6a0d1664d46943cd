//! `POST /api/dead-letters/replay`: puts all letters back that no replay has put back, each once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, Newest};
use streams_core::dead_letters::Replay;
use streams_core::runtime::AppError;
use utoipa::{IntoParams, ToSchema};

use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::Parameters;
use crate::served::Served;

/// What goes back.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayParameters {
    /// How often a record is put back, over all replays; one that has failed again after that stays. 1 unless said.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    at_most: Option<u32>,
    /// Only say what would be put back.
    #[serde(default)]
    dry_run: bool,
}

/// What was put back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    /// Records that were put back, or would be.
    put_back: u64,
    /// Dead letters that were not, because they were put back before or don't say where they came from.
    left: u64,
    dry_run: bool,
}

/// Puts all dead letters back, each once and exactly-once: the next replay begins where this one has ended. It takes a few
/// seconds, and longer if there are many.
#[utoipa::path(post, path = "/api/dead-letters/replay", tag = "dead letters", params(ReplayParameters), responses(
    (status = 200, description = "How many were put back", body = ReplayAnswer),
    (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
    (status = 403, description = "Actions are not allowed, or a page of another server asks", body = ErrorBody),
    (status = 404, description = "The application has no topic for them, or it is not there", body = ErrorBody),
    (status = 409, description = "Another replay is going on", body = ErrorBody),
    (status = 500, description = "The replay has failed; what was put back until then is done", body = ErrorBody),
    (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
))]
pub(crate) async fn replay(
    State(served): State<Served>,
    Parameters(parameters): Parameters<ReplayParameters>,
) -> Result<Json<ReplayAnswer>, Refusal> {
    let ReplayParameters { at_most, dry_run } = parameters;
    if !dry_run {
        served.is_asked_to("put all dead letters back")?;
    }
    let topic = super::topic(&served)?;
    let replay = Replay::of(&topic).at_most(at_most.unwrap_or(1));
    let Ok(alone) = Arc::clone(&served.replays).try_acquire_owned() else {
        return Err(Refusal::new(StatusCode::CONFLICT, "busy", "another replay is going on; wait until it has ended"));
    };
    let log = served.app.about().log();
    let run = move |client: &Client| {
        let replayed = match log {
            Some(log) if !dry_run => {
                // A replay would wait for a topic that is not there.
                client.dead_letters(&topic)?.newest(&Newest { limit: 1, ..Newest::default() })?;
                replay.run(log).map_err(failed)?
            }
            _ => replay.dry_run(client)?,
        };
        drop(alone);
        Ok::<_, Refusal>(Json(ReplayAnswer { put_back: replayed.put_back, left: replayed.left, dry_run }))
    };
    served.log.ask(run).await
}

#[allow(clippy::needless_pass_by_value, reason = "it is an argument of `map_err`")]
fn failed(error: AppError) -> Refusal {
    let message = format!("the replay has failed; what was put back until then is done: {error}");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "replay", message)
}
