//! Over HTTP: commands in, and what is read out.
//!
//! A command is answered when its outcome is committed. It carries the place where it is in its topic, and whoever sends that
//! place with a question is answered by tables that know of it: one reads what one has written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use millstream::log::Log;
use millstream::prelude::*;
use millstream::query::Position;
use millstream::record::{Offset, TopicPartition};
use millstream::runtime::Handle;
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use uuid::Uuid;

use crate::model::{Action, Command, Item, Outcome};
use crate::read::{Failure, Reader};
use crate::topology::{COMMANDS, KEPT};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the tables are looked at while they are waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const NAME_MAX: usize = 100;
const ITEMS_MAX: usize = 100;

struct Served {
    app: Handle,
    client: Client,
    reader: Reader,
}

type Context = State<Arc<Served>>;

pub fn routes(app: &Handle, log: &Arc<dyn Log>, reader: Reader) -> Result<Router, Failure> {
    let served = Served { app: app.clone(), client: Client::new(Arc::clone(log))?, reader };
    Ok(Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/{action}", post(act))
        .route("/customers/{name}", get(customer))
        .with_state(Arc::new(served)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    /// Made here unless given. Whoever gives one may send the same order again: it is placed once.
    id: Option<String>,
    customer: String,
    items: Vec<Item>,
}

async fn place(State(served): Context, body: Bytes) -> Result<Response, Refusal> {
    let example = r#"{"customer":"ada","items":[{"sku":"pen","quantity":3,"cents":150}]}"#;
    let order: NewOrder = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("{error}; an order is {example}")))?;
    let NewOrder { id, customer, items } = order;
    let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
    check_name("id", &id)?;
    check_name("customer", &customer)?;
    if items.is_empty() || items.len() > ITEMS_MAX || items.iter().any(|item| item.quantity == 0) {
        return Err(Refusal::bad_request(format!("an order has 1 to {ITEMS_MAX} items, each at least once")));
    }
    // The same order again is the same command.
    let command = Command { id: "place".to_owned(), expects: None, action: Action::Place { customer, items } };
    served.execute(id, command, StatusCode::CREATED).await
}

#[derive(Deserialize)]
struct Expected {
    /// The version of the order that the sender has seen.
    version: Option<u64>,
    /// Makes it safe to send the same command again.
    command: Option<String>,
}

async fn act(
    State(served): Context,
    Path((id, action)): Path<(String, String)>,
    expected: Result<Query<Expected>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(expected) = expected.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let action = match action.as_str() {
        "pay" => Action::Pay,
        "ship" => Action::Ship,
        "cancel" => Action::Cancel,
        _ => return Err(Refusal::not_found("an order can be `pay`, `ship` or `cancel`: POST /orders/ID/pay")),
    };
    check_name("id", &id)?;
    let command_id = expected.command.unwrap_or_else(|| Uuid::new_v4().to_string());
    check_name("command", &command_id)?;
    served.execute(id, Command { id: command_id, expects: expected.version, action }, StatusCode::OK).await
}

impl Served {
    /// Sends a command and waits for its outcome, wherever the order's task is.
    async fn execute(self: &Arc<Self>, id: String, command: Command, done: StatusCode) -> Result<Response, Refusal> {
        let (this, order, sent) = (Arc::clone(self), id.clone(), command.clone());
        // The client waits for the log with its thread.
        let sending = tokio::task::spawn_blocking(move || this.client.send(&COMMANDS, order, sent));
        let sent = sending.await.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let (partition, offset) = sent.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let position = Position::behind(partition, offset);
        let kept = self.app.query(&KEPT).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let kept = kept.committed().at_least(&position).waiting(PATIENCE).get(id.clone()).await;
        let kept = kept.map_err(|error| {
            let hint = "the command is in the log and will be executed";
            Refusal::unavailable(format!("{error}; {hint}"))
        })?;
        let outcome = kept.as_ref().and_then(|kept| kept.outcome(&command.id)).cloned();
        let Some(outcome) = outcome else {
            return Err(Refusal::unavailable(
                "more commands than an order remembers came at once; ask for the order".to_owned(),
            ));
        };
        let status = kept.and_then(|kept| kept.order).map(|order| order.status.name());
        match outcome {
            Outcome::Done { version } => {
                let body = json!({ "id": id, "version": version, "status": status, "position": position.to_string() });
                Ok((done, Json(body)).into_response())
            }
            Outcome::Conflict { version: 0 } | Outcome::Unknown => {
                Err(Refusal::not_found(&format!("there is no order {id}")))
            }
            Outcome::Conflict { version } => {
                let message = format!("the order has version {version}, and is {}", status.unwrap_or("unknown"));
                Err(Refusal::new(StatusCode::CONFLICT, "conflict", message).with("version", version.into()))
            }
            Outcome::Refused { because } => {
                Err(Refusal::new(StatusCode::CONFLICT, "refused", format!("order {id}: {because}")))
            }
        }
    }
}

#[derive(Deserialize)]
struct AtLeast {
    min_position: Option<String>,
}

async fn order(
    State(served): Context,
    Path(id): Path<String>,
    Query(at_least): Query<AtLeast>,
) -> Result<Response, Refusal> {
    let wanted = at_least.min_position.as_deref().map(min_offset).transpose()?;
    let began = Instant::now();
    loop {
        let found = served.reader.order(&id).await;
        let found = found.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let known = found.as_ref().map_or(-1, |order| order.command_offset);
        match found {
            // The table knows of the command, which has changed the order.
            Some(order) if wanted.is_none_or(|wanted| known >= wanted.0 - 1) => return Ok(Json(order).into_response()),
            None if wanted.is_none() => return Err(Refusal::not_found(&format!("there is no order {id}"))),
            _ if began.elapsed() > PATIENCE => {
                return Err(Refusal::unavailable("the tables have not got as far as that position".to_owned()));
            }
            _ => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// The offset in a position of the commands' topic.
fn min_offset(text: &str) -> Result<Offset, Refusal> {
    let position: Position = text.parse().map_err(|error| Refusal::bad_request(format!("min_position: {error}")))?;
    let mut parts =
        position.iter().filter(|(partition, _): &(&TopicPartition, Offset)| &*partition.topic == COMMANDS.name());
    let only = parts.next().filter(|_| position.iter().count() == 1);
    only.map(|(_, offset)| offset).ok_or_else(|| {
        Refusal::bad_request(format!(
            "min_position is what a command was answered with, such as {}-0:7",
            COMMANDS.name()
        ))
    })
}

async fn customer(State(served): Context, Path(name): Path<String>) -> Result<Json<Json_>, Refusal> {
    let found = served.reader.customer(&name).await.map_err(|error| Refusal::unavailable(error.to_string()))?;
    let (orders, cents) = found.ok_or_else(|| Refusal::not_found(&format!("{name} has ordered nothing")))?;
    Ok(Json(json!({ "customer": name, "orders": orders, "cents": cents })))
}

fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::bad_request(format!("`{what}` has 1 to {NAME_MAX} bytes, and no control characters")));
    }
    Ok(())
}

/// An answer that refuses: `{"error":{"code":"..","message":".."}}`.
struct Refusal {
    status: StatusCode,
    error: Json_,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: String) -> Self {
        Self { status, error: json!({ "code": code, "message": message }) }
    }

    fn with(mut self, name: &str, value: Json_) -> Self {
        self.error[name] = value;
        self
    }

    fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message.to_owned())
    }

    fn unavailable(message: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_now", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}
