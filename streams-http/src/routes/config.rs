//! `GET /api/config`: every setting, and where it comes from. Values that may be secret are hidden where the engine hides
//! them, so that nothing here has to know which ones they are.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// All settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigAnswer {
    settings: Vec<SettingAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SettingAnswer {
    name: String,
    /// As text; empty if there is none, asterisks if it may be secret.
    value: String,
    /// Where it was set, for people: `default`, `code`, `shop.properties:7`, an environment variable's name, ..
    origin: String,
}

/// Every setting that the application runs with, and where it comes from.
#[utoipa::path(get, path = "/api/config", tag = "application", responses(
    (status = 200, description = "The settings, without secrets", body = ConfigAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn config(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Json<ConfigAnswer>, Refusal> {
    let settings = served.app.about().settings().into_iter();
    let settings =
        settings.map(|setting| SettingAnswer { name: setting.name, value: setting.value, origin: setting.origin });
    Ok(Json(ConfigAnswer { settings: settings.collect() }))
}
