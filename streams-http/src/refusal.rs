//! How every error is answered: `{"error":{"code":"..","message":".."}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Where to ask instead.
const OWNER: &str = "x-kstream-owner";

/// An answer that refuses.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// A word for programs, which stays the same.
    code: &'static str,
    /// A sentence for people: what is wrong and what to do.
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    /// Adds a header.
    pub(crate) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }

    /// Says who has what was asked for, if that is known.
    pub(crate) fn with_owner(self, owner: Option<&str>) -> Self {
        let value = owner.and_then(|owner| HeaderValue::from_str(owner).ok());
        Self { header: value.map(|value| (HeaderName::from_static(OWNER), value)).or(self.header), ..self }
    }

    /// The body as text.
    pub(crate) fn to_json(&self) -> String {
        json!({ "error": { "code": self.code, "message": self.message } }).to_string()
    }

    /// The same in other words.
    pub(crate) fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// Says that it is worth trying again in a second.
    pub(crate) fn retry_soon(self) -> Self {
        self.with(header::RETRY_AFTER, "1")
    }

    /// There is nothing under this path.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here; /api/openapi.json lists what there is")
    }

    /// The path is right, and the method is not.
    pub(crate) fn wrong_method() -> Self {
        let message = "not with this method; the header `Allow` lists those that work";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// Something in the request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message } };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.header.map(|(name, value)| (Some(name), value)));
        response
    }
}
