//! Sends requests to other instances, with the token that all of them share.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use streams_core::query::QueryError;
use streams_core::query::elsewhere::{RemoteAnswer, RemoteNews, RemoteQuestion};
use tokio::time::timeout;

use super::AllowedPeers;
use crate::token::Token;

/// How long connecting may take. Those who are asked are near.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer may take, beside what the question is patient for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Whoever is followed says something at least this often ([`HEARTBEAT`]); otherwise it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(6);

/// How often an instance that is followed says something, even if there is nothing to say.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);

/// The bytes of an answer, at most: rows are asked for by the page.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The bytes of a line of news, at most: a row of any size that a log takes.
const LINE_BYTES_MAX: usize = 64 << 20;

/// A client of the other instances.
pub(super) struct PeerClient {
    http: Client<HttpConnector, Body>,
    token: Option<Token>,
    allowed: AllowedPeers,
}

/// What an instance says that refuses.
#[derive(Deserialize)]
struct Refused {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    message: String,
}

impl PeerClient {
    pub(super) fn new(token: Option<Token>, allowed: AllowedPeers) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(30)).pool_max_idle_per_host(8);
        Self { http: builder.build(connector), token, allowed }
    }

    /// Whether an instance may be asked at all.
    pub(super) fn allows(&self, endpoint: &str) -> bool {
        self.allowed.allow(endpoint)
    }

    /// Asks for rows.
    pub(super) async fn rows(&self, endpoint: &str, question: &RemoteQuestion) -> Result<RemoteAnswer, QueryError> {
        let failed = |reason: String| unreachable(question.store(), endpoint, reason);
        let within = question.patience().saturating_add(ANSWER_WITHIN);
        let answer = async {
            let response = self.send(endpoint, Method::POST, "/peer/rows", Body::from(question.to_json())).await;
            let response = response.map_err(failed)?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
            let body = body.map_err(|error| failed(error.to_string()))?;
            if status == StatusCode::OK {
                RemoteAnswer::from_json(&body).map_err(|error| failed(error.to_string()))
            } else {
                Err(refused(question.store(), endpoint, status, &body))
            }
        };
        timeout(within, answer).await.unwrap_or_else(|_| Err(failed(silent(within))))
    }

    /// Begins to follow.
    pub(super) async fn news(
        &self,
        endpoint: &str,
        question: &RemoteQuestion,
    ) -> Result<BoxStream<'static, Result<RemoteNews, QueryError>>, QueryError> {
        let failed = |reason: String| unreachable(question.store(), endpoint, reason);
        let answer = self.send(endpoint, Method::POST, "/peer/news", Body::from(question.to_json()));
        let response = match timeout(ANSWER_WITHIN, answer).await {
            Ok(response) => response.map_err(failed)?,
            Err(_) => return Err(failed(silent(ANSWER_WITHIN))),
        };
        let status = response.status();
        if status != StatusCode::OK {
            let body = timeout(ANSWER_WITHIN, to_bytes(Body::new(response.into_body()), LINE_BYTES_MAX)).await;
            let body = body.map_err(|_| failed(silent(ANSWER_WITHIN)))?.map_err(|error| failed(error.to_string()))?;
            return Err(refused(question.store(), endpoint, status, &body));
        }
        let (store, endpoint) = (question.store().to_owned(), endpoint.to_owned());
        let lines = lines(Body::new(response.into_body()));
        let news = lines.map(move |line| {
            let line = line.map_err(|reason| unreachable(&store, &endpoint, reason))?;
            if let Ok(refusal) = serde_json::from_slice::<Refused>(&line) {
                return Err(told(&store, &endpoint, refusal.error));
            }
            RemoteNews::from_json(&line).map_err(|error| unreachable(&store, &endpoint, error.to_string()))
        });
        Ok(news.boxed())
    }

    /// Asks for something as JSON.
    pub(super) async fn json(&self, endpoint: &str, path: &str) -> Result<serde_json::Value, String> {
        if !self.allows(endpoint) {
            return Err("it may not be asked; name it in `query.server.peers` or with `.allow_peer(..)`".to_owned());
        }
        let answer = async {
            let response = self.send(endpoint, Method::GET, path, Body::empty()).await?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
            let body = body.map_err(|error| error.to_string())?;
            if status != StatusCode::OK {
                let refusal = serde_json::from_slice::<Refused>(&body);
                return Err(refusal.map_or_else(|_| format!("it answers {status}"), |refusal| refusal.error.message));
            }
            serde_json::from_slice(&body).map_err(|error| error.to_string())
        };
        timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| Err(silent(ANSWER_WITHIN)))
    }

    async fn send(
        &self,
        endpoint: &str,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<hyper::body::Incoming>, String> {
        let mut request = Request::builder().method(method).uri(format!("http://{endpoint}{path}"));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.as_bearer());
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        self.http.request(request).await.map_err(|error| causes(&error))
    }
}

/// An error with all its causes: the outermost alone says nothing.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn silent(within: Duration) -> String {
    format!("it did not answer within {} s", within.as_secs())
}

fn unreachable(store: &str, endpoint: &str, reason: String) -> QueryError {
    QueryError::Elsewhere { store: store.to_owned(), instance: Some(endpoint.to_owned()), reason, passes: true }
}

fn refused(store: &str, endpoint: &str, status: StatusCode, body: &[u8]) -> QueryError {
    match serde_json::from_slice::<Refused>(body) {
        Ok(refusal) => told(store, endpoint, refusal.error),
        Err(_) => unreachable(store, endpoint, format!("it answers {status}")),
    }
}

/// What another instance says that cannot answer, as an error here. Whatever it may be, the tasks that it does not have, or that
/// it ends with, are somewhere in a moment.
fn told(store: &str, endpoint: &str, error: Detail) -> QueryError {
    let lasts = matches!(
        &*error.code,
        "not_an_input" | "bad_request" | "unauthorized" | "unknown_host" | "unknown_store" | "store"
    );
    let (store, instance) = (store.to_owned(), Some(endpoint.to_owned()));
    QueryError::Elsewhere { store, instance, reason: error.message, passes: !lasts }
}

/// The lines of a body, without the empty ones, which only say that somebody is there. It ends with an error in any case.
fn lines(body: Body) -> impl futures::Stream<Item = Result<Bytes, String>> + Send {
    let frames = body.into_data_stream().map_err(|error| causes(&error)).boxed();
    let reading = (frames, Vec::<u8>::new());
    stream::try_unfold(reading, |(mut frames, mut read)| async move {
        loop {
            if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                let rest = read.split_off(end + 1);
                read.truncate(end);
                let line = Bytes::from(std::mem::replace(&mut read, rest));
                if !line.is_empty() {
                    return Ok(Some((line, (frames, read))));
                }
                continue;
            }
            if read.len() > LINE_BYTES_MAX {
                return Err(format!("a line has more than {LINE_BYTES_MAX} bytes"));
            }
            match timeout(SILENCE_MAX, frames.next()).await {
                Ok(Some(frame)) => read.extend_from_slice(&frame?),
                Ok(None) => return Err("it has ended the answer".to_owned()),
                Err(_) => return Err(format!("it has said nothing for {} s", SILENCE_MAX.as_secs())),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_come_in_pieces_and_end_with_the_reason() {
        for (pieces, expected) in [
            (vec!["a\nb", "c\n\n", "\nd"], vec![Ok("a"), Ok("bc"), Err("it has ended the answer")]),
            (vec![], vec![Err("it has ended the answer")]),
        ] {
            let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
            let heard: Vec<_> = lines(body).collect().await;
            let heard: Vec<_> = heard
                .iter()
                .map(|line| {
                    line.as_ref().map(|line| std::str::from_utf8(line).expect("text")).map_err(|error| &**error)
                })
                .collect();
            assert_eq!(heard, expected);
        }
        let silent = stream::iter([Ok::<_, std::io::Error>("a\n")]).chain(stream::pending());
        let heard: Vec<_> = lines(Body::from_stream(silent)).collect().await;
        assert_eq!(heard, [Ok(Bytes::from("a")), Err("it has said nothing for 6 s".to_owned())]);
    }
}
