//! What `/livez` and `/readyz` say: a verdict, and each check that it rests on. Nobody needs a token for it, so it names
//! nothing of the application's.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// `alive` or `dead`, `ready` or `not ready`.
    pub(super) status: &'static str,
    pub(super) checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Check {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    /// What was found, for people.
    pub(super) detail: String,
}

impl Check {
    pub(super) fn new(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self { name, ok, detail: detail.into() }
    }
}

impl Verdict {
    /// The first word if all checks are good, and otherwise the second.
    pub(super) fn of(checks: Vec<Check>, [good, bad]: [&'static str; 2]) -> Self {
        Self { status: if checks.iter().all(|check| check.ok) { good } else { bad }, checks }
    }
}

impl IntoResponse for Verdict {
    fn into_response(self) -> Response {
        match self.checks.iter().all(|check| check.ok) {
            true => Json(self).into_response(),
            false => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(self)).into_response(),
        }
    }
}
