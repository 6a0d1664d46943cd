//! The producer's routes: `POST /send` as in the original, and `POST /follow` and `POST /posts`, which it does not have. They
//! answer once the log has acknowledged the record.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::post;
use millstream::client::ClientError;
use millstream::prelude::*;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::go::atoi::atoi;
use crate::go::form::Form;
use crate::go::gin::{self, Refusal};
use crate::notification::{User, to_json, user};
use crate::topics::{FOLLOWS, Follow, NOTIFICATIONS_IN_JSON, POSTS, Post};

/// The largest body, and how long it may take to arrive.
const BODY_MAX: usize = 1 << 20;
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// How many records may be on their way to the log at once; further requests wait.
const SENDING_MAX: usize = 64;

/// What the routes send with.
#[derive(Clone)]
struct Sender {
    client: Client,
    places: Arc<Semaphore>,
}

/// The routes.
pub fn routes(client: Client) -> Router {
    let sender = Sender { client, places: Arc::new(Semaphore::new(SENDING_MAX)) };
    let known = |method: &Method, path: &str| *method == Method::POST && matches!(path, "/send" | "/follow" | "/posts");
    let other = async move |method: Method, uri: Uri| gin::fallback(&method, &uri, known);
    Router::new()
        .route("/send", post(send))
        .route("/follow", post(follow))
        .route("/posts", post(publish))
        .method_not_allowed_fallback(other)
        .fallback(other)
        .with_state(sender)
}

/// `fromID=2&toID=1&message=..`: notifies a user.
async fn send(State(sender): State<Sender>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let form = Form::read(&headers, &read(body).await?);
    let from = number(&form, "fromID")?;
    let to = number(&form, "toID")?;
    let (from, to) = (find(from)?, find(to)?);
    let json = to_json(&from, &to, form.field("message"));
    sender.send(NOTIFICATIONS_IN_JSON, to.id.to_string(), json).await?;
    Ok(gin::message(StatusCode::OK, "Notification sent successfully!"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Following {
    follower: i64,
    followee: i64,
}

/// `{"follower":2,"followee":1}`: from now on the one hears of what the other posts.
async fn follow(State(sender): State<Sender>, body: Body) -> Result<Response, Refusal> {
    let Following { follower, followee } = parse(&read(body).await?, r#"{"follower":2,"followee":1}"#)?;
    let (follower, followee) = (find(follower)?, find(followee)?);
    if follower == followee {
        return Err(gin::message(StatusCode::BAD_REQUEST, "nobody can follow themselves").into());
    }
    sender.send(FOLLOWS, followee.id.to_string(), Follow { follower: follower.id }).await?;
    Ok(gin::message(StatusCode::OK, format!("{} follows {} now", follower.name, followee.name)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posting {
    author: i64,
    text: String,
}

/// `{"author":1,"text":".."}`: notifies everybody who follows the author.
async fn publish(State(sender): State<Sender>, body: Body) -> Result<Response, Refusal> {
    let Posting { author, text } = parse(&read(body).await?, r#"{"author":1,"text":"My weekend getaway!"}"#)?;
    let author = find(author)?;
    if text.trim().is_empty() {
        return Err(gin::message(StatusCode::BAD_REQUEST, "a post needs a text").into());
    }
    sender.send(POSTS, author.id.to_string(), Post { text }).await?;
    Ok(gin::message(StatusCode::OK, "Post published successfully!"))
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    match timeout(BODY_WITHIN, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            Err(gin::message(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {BODY_MAX} bytes")).into())
        }
        Err(_) => Err(gin::message(StatusCode::REQUEST_TIMEOUT, "the body has not arrived in time").into()),
    }
}

fn number(form: &Form, field: &str) -> Result<i64, Refusal> {
    atoi(form.field(field)).map_err(|reason| {
        let reason = format!("failed to parse ID from form value {field}: {reason}");
        gin::message(StatusCode::BAD_REQUEST, reason).into()
    })
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8], example: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        gin::message(StatusCode::BAD_REQUEST, format!("the body is JSON such as {example}: {error}")).into()
    })
}

fn find(id: i64) -> Result<User, Refusal> {
    user(id).ok_or_else(|| gin::message(StatusCode::NOT_FOUND, "User not found").into())
}

impl Sender {
    /// Sends a record and waits until it is acknowledged.
    async fn send<V: millstream::wire::Value>(
        &self,
        topic: Topic<String, V>,
        key: String,
        value: V,
    ) -> Result<(), Refusal> {
        let failed = |reason: String| Refusal::from(gin::message(StatusCode::INTERNAL_SERVER_ERROR, reason));
        let _place = self.places.acquire().await.map_err(|error| failed(error.to_string()))?;
        let client = self.client.clone();
        let sent = tokio::task::spawn_blocking(move || client.send(&topic, key, value)).await;
        let sent = sent.map_err(|_| failed("the record was not sent".to_owned()))?;
        sent.map(drop).map_err(|error: ClientError| failed(error.to_string()))
    }
}
