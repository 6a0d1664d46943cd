//! A small HTTP client that waits for its answers, and knows how Millstream's servers answer.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// How long an answer may take; the server itself waits for 30 seconds at most.
const PATIENCE: Duration = Duration::from_secs(40);

/// More bytes than any answer has.
const ANSWER_MAX: usize = 256 << 20;

/// Calls a server, from any thread.
pub(crate) struct Caller {
    url: String,
    authorization: Option<HeaderValue>,
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Runtime,
    patience: Duration,
}

/// Why there is no answer, or a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nobody answers there, or somebody who does not speak like that.
    Unreachable(String),
    /// The server refuses, with a word for programs and a sentence for people.
    Refused { status: u16, code: String, message: String },
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => f.write_str(reason),
            Self::Refused { status: 401, message, .. } => {
                write!(f, "{message}: say `--token`, or set `query.server.token`")
            }
            Self::Refused { message, .. } => f.write_str(message),
        }
    }
}

impl Caller {
    /// A caller of the server at this URL, such as `http://127.0.0.1:7070`. Nothing is asked yet.
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self, CallError> {
        let url = url.trim_end_matches('/');
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if uri.is_none() {
            let reason =
                format!("`{url}` is no address of an application's server; one looks like http://127.0.0.1:7070");
            return Err(CallError::Unreachable(reason));
        }
        let authorization = token.map(authorization).transpose();
        let authorization =
            authorization.map_err(|_| CallError::Unreachable("the token cannot be sent in a header".to_owned()))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { url: url.to_owned(), authorization, client, runtime, patience: PATIENCE })
    }

    /// Waits no longer than this for an answer.
    pub(super) const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&self, path: &str) -> Result<Json, CallError> {
        self.call(Method::GET, path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Option<&Json>) -> Result<Json, CallError> {
        self.call(Method::POST, path, body)
    }

    fn call(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, CallError> {
        let url = &self.url;
        let unreachable = |error: &dyn fmt::Display| CallError::Unreachable(format!("{url} does not answer: {error}"));
        let mut request = Request::builder().method(method).uri(format!("{url}{path}"));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let bytes = body.map(|body| body.to_string().into()).unwrap_or_default();
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(bytes));
        let request = request.map_err(|error| unreachable(&error))?;
        let answer = async {
            let answer = self.client.request(request).await.map_err(|error| unreachable(&causes(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
            Ok((status, body.map_err(|error| unreachable(&error))?.to_bytes()))
        };
        let answer = self.runtime.block_on(async { timeout(self.patience, answer).await });
        let (status, body) =
            answer.map_err(|_| unreachable(&format!("nothing for {} s", self.patience.as_secs())))??;
        understood(url, status, &body)
    }
}

fn authorization(token: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error with all its causes, of which the last one says most.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a Millstream server's answer means.
fn understood(url: &str, status: StatusCode, body: &[u8]) -> Result<Json, CallError> {
    let json: Option<Json> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error"));
    let text = |name: &str| error.and_then(|error| error.get(name)?.as_str().map(ToOwned::to_owned));
    match (status.is_success(), json.is_some(), text("code"), text("message")) {
        (true, true, ..) => Ok(json.unwrap_or_default()),
        (false, _, Some(code), Some(message)) => Err(CallError::Refused { status: status.as_u16(), code, message }),
        _ => {
            let reason = format!("{url} is no application of this kind: it answers with {status} and something else");
            Err(CallError::Unreachable(reason))
        }
    }
}

/// A text as a part of a path, or as a parameter.
pub(crate) fn escaped(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_json_a_refusal_or_somebody_elses() {
        let refusal = json!({ "error": { "code": "no_row", "message": "there is none" } }).to_string();
        let refused = |status| CallError::Refused { status, code: "no_row".into(), message: "there is none".into() };
        for (status, body, expected) in [
            (200, "{}", Some(Ok(json!({})))),
            (404, refusal.as_str(), Some(Err(refused(404)))),
            (200, "<html>", None),
            (404, "<html>", None),
            (404, "{}", None),
            (500, r#"{"error": "text"}"#, None),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let answer = understood("http://x", status, body.as_bytes());
            match expected {
                Some(expected) => assert_eq!(answer, expected, "{status} {body}"),
                None => assert!(matches!(answer, Err(CallError::Unreachable(_))), "{status} {body}: {answer:?}"),
            }
        }
    }

    #[test]
    fn only_http_is_spoken() {
        for (url, is_one) in [
            ("http://127.0.0.1:7070", true),
            ("http://shop-0:7070/", true),
            ("https://shop-0:7070", false),
            ("127.0.0.1:7070", false),
            ("", false),
            ("http://", false),
        ] {
            assert_eq!(Caller::new(url, None).is_ok(), is_one, "{url}");
        }
        assert!(Caller::new("http://127.0.0.1:7070", Some("two\nlines")).is_err());
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a/b?c=d ä").to_string(), "a%2Fb%3Fc%3Dd%20%C3%A4");
    }
}
