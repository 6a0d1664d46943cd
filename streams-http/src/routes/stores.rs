//! `GET /api/stores`: which stores there are, and how to ask for them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// The stores of the application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoresAnswer {
    stores: Vec<StoreAnswer>,
}

/// A store.
#[derive(Debug, Serialize, ToSchema)]
struct StoreAnswer {
    name: String,
    /// What its rows are: `table`, `window`, `session`, `versioned` and others.
    kind: &'static str,
    /// The Rust type of its keys.
    key_type: String,
    /// The Rust type of its values.
    value_type: String,
    /// How a key is written in a path or a parameter.
    example_key: String,
    /// The sub-topology whose tasks have it; `null` if every instance has all of it.
    subtopology: Option<u32>,
    /// Whether every instance has all of it.
    is_global: bool,
    /// Whether it is restored from a topic after its state was lost.
    is_logged: bool,
    /// About how many committed entries it has, in all instances that answer questions for this one: exact for state in memory,
    /// an estimate otherwise. Windows and sessions count one by one. `null` while a task does not answer, or if it is not known.
    entries: Option<u64>,
}

/// How long a store may take to say how many entries it has.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which stores there are, with their types and an example of a key.
#[utoipa::path(get, path = "/api/stores", tag = "stores", responses(
    (status = 200, description = "The stores", body = StoresAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn stores(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Json<StoresAnswer>, Refusal> {
    let all = served.app.about().topology().stores();
    let entries = join_all(all.iter().map(|facts| entries(&served, &facts.name))).await;
    let stores = all.into_iter().zip(entries).map(|(facts, entries)| StoreAnswer {
        name: facts.name.to_string(),
        kind: facts.kind.name(),
        key_type: facts.shapes.key.type_name(),
        value_type: facts.shapes.value.type_name(),
        example_key: facts.shapes.key.example(),
        subtopology: facts.subtopology.filter(|_| !facts.is_global),
        is_global: facts.is_global,
        is_logged: facts.changelog.is_some(),
        entries,
    });
    Ok(Json(StoresAnswer { stores: stores.collect() }))
}

/// How many entries a store has, as far as that is known in time.
async fn entries(served: &Served, store: &str) -> Option<u64> {
    let asked = served.app.store(store).ok()?.approximate_count();
    timeout(PATIENCE, asked).await.ok()?.ok()?
}
