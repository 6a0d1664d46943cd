//! `GET /api/topology`: what the application runs, as JSON for programs, as the text that Kafka Streams prints, or as a picture.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::parameters::Parameters;
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// How the topology is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopologyParameters {
    /// `json`, `text`, `mermaid` or `dot`. Without it, the header `Accept` decides: `text/plain` is `text`,
    /// `text/vnd.mermaid` and `text/vnd.graphviz` are pictures, and everything else is JSON.
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Text,
    Mermaid,
    Dot,
}

impl Format {
    const ALL: [Self; 4] = [Self::Json, Self::Text, Self::Mermaid, Self::Dot];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Mermaid => "text/vnd.mermaid; charset=utf-8",
            Self::Dot => "text/vnd.graphviz; charset=utf-8",
        }
    }

    /// The first one that is asked for. Preferences (`q=`) are not weighed.
    fn accepted(accept: &str) -> Option<Self> {
        let essence = |media: &str| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let find = |media: &str| Self::ALL.into_iter().find(|format| essence(format.media_type()) == essence(media));
        accept.split(',').find_map(find)
    }
}

/// The topology that the application runs.
#[utoipa::path(get, path = "/api/topology", tag = "application", params(TopologyParameters), responses(
    (status = 200, description = "The topology", content(
        (serde_json::Value = "application/json"), (String = "text/plain"), (String = "text/vnd.mermaid"),
        (String = "text/vnd.graphviz"),
    )),
    (status = 400, description = "There is no such format", body = ErrorBody),
))]
pub(crate) async fn topology(
    State(served): State<Served>,
    Parameters(parameters): Parameters<TopologyParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = parameters.format.or_else(|| Format::accepted(accept)).unwrap_or(Format::Json);
    let topology = served.app.about().topology();
    let text = match format {
        Format::Json => return Ok(Json(topology.to_json()).into_response()),
        Format::Text => topology.describe(),
        Format::Mermaid => topology.to_mermaid(),
        Format::Dot => topology.to_dot(),
    };
    Ok(([(CONTENT_TYPE, format.media_type())], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_first_format_that_is_accepted_is_sent() {
        for (accept, expected) in [
            ("", None),
            ("*/*", None),
            ("text/html,application/xhtml+xml,*/*;q=0.8", None),
            ("text/plain", Some(Format::Text)),
            ("Text/Plain; charset=utf-8", Some(Format::Text)),
            ("image/png, text/vnd.graphviz, text/plain", Some(Format::Dot)),
            ("text/vnd.mermaid", Some(Format::Mermaid)),
            ("application/json;q=0.1, text/plain", Some(Format::Json)),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept}");
        }
    }
}
