//! `GET /api/tasks`: what each task of this instance does, how far it is behind its inputs, and what was dropped.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use streams_core::dsl::handler::HandlerMetrics;
use streams_core::record::TaskId;
use streams_core::runtime::{DroppedRecords, TaskMetrics};
use streams_core::state::StoreSize;
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::lag::{Ends, InputLag};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// The tasks of this instance. Other instances of the application have others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TasksAnswer {
    tasks: Vec<TaskAnswer>,
    /// What this process has dropped on purpose, the latest first; also in tasks that other instances have by now.
    dropped: Vec<DroppedAnswer>,
    /// Why it is not known where the inputs end, and so how many records are left; `null` if it is known.
    lag_unknown: Option<String>,
}

/// How many records a node has dropped for one reason.
#[derive(Debug, Serialize, ToSchema)]
struct DroppedAnswer {
    /// The node; the topic, where records could not be read.
    node: String,
    subtopology: u32,
    reason: &'static str,
    /// Why it happens, for people.
    explanation: &'static str,
    records: u64,
    /// When the last of them was dropped, in milliseconds since 1970.
    last: i64,
}

/// A task. Totals are those of this process and never decrease.
#[derive(Debug, Serialize, ToSchema)]
struct TaskAnswer {
    /// The sub-topology and the partition, as in `0_3`.
    id: String,
    subtopology: u32,
    partition: i32,
    /// `opening`, `restoring`, `waiting for space`, `running`, `suspended` or `closed`.
    state: &'static str,
    /// The number of the worker that has it, counted from 0.
    worker: usize,
    /// Input records processed.
    processed: u64,
    /// Those that are not committed yet.
    uncommitted: u64,
    commits: u64,
    /// Input records that are fetched and not processed.
    buffered: u64,
    /// Changelog records that were read to restore state.
    restored: u64,
    /// Changelog records that are still to be read.
    restore_remaining: u64,
    /// Records that were dropped on purpose, by the reason.
    dropped: BTreeMap<&'static str, u64>,
    /// How often a store was emptied to be built anew, by the reason.
    rebuilt: BTreeMap<&'static str, u64>,
    /// Records read, by topic; also those that were left out.
    received: BTreeMap<String, u64>,
    /// Records sent, by the node that has sent them.
    sent: BTreeMap<String, u64>,
    /// Committed rows, by store.
    stores: BTreeMap<String, StoreSizeAnswer>,
    /// By their names.
    handlers: BTreeMap<String, HandlerAnswer>,
    inputs: Vec<InputAnswer>,
}

/// How large a task's part of a store is, some seconds ago at most.
#[derive(Debug, Serialize, ToSchema)]
struct StoreSizeAnswer {
    /// May be an estimate; `null` if it is not known.
    rows: Option<u64>,
    /// In memory, or in files and write buffers; `null` if it is not known.
    bytes: Option<u64>,
}

/// What a handler has done and is doing in a task.
#[derive(Debug, Serialize, ToSchema)]
struct HandlerAnswer {
    accepted: u64,
    succeeded: u64,
    retried: u64,
    moved_to_topics: u64,
    /// By what the last attempt ended with.
    given_up: BTreeMap<&'static str, u64>,
    running: u64,
    waiting: u64,
}

/// An input partition of a task.
#[derive(Debug, Serialize, ToSchema)]
struct InputAnswer {
    topic: String,
    partition: i32,
    /// The next offset to process.
    position: i64,
    /// The offset behind the last record that may be read; `null` if it is not known.
    end: Option<i64>,
    /// How many offsets are left; `null` if that is not known. Markers of transactions have offsets, too.
    lag: Option<u64>,
    /// How old the next record is, in milliseconds; 0 if there is none, `null` if that is not known, as when it is not
    /// fetched yet.
    lag_ms: Option<u64>,
}

/// What each task of this instance does, with its positions and its lag.
#[utoipa::path(get, path = "/api/tasks", tag = "application", responses(
    (status = 200, description = "The tasks", body = TasksAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn tasks(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Json<TasksAnswer>, Refusal> {
    Ok(Json(own_tasks(&served).await))
}

/// What this instance says of its tasks.
pub(super) async fn own_tasks(served: &Served) -> TasksAnswer {
    let tasks = served.app.tasks();
    let ends = served.lag.ends(&tasks).await;
    let assigned = served.app.assignment();
    let own = tasks.iter().filter(|(id, _)| assigned.contains_key(id));
    let tasks = own.map(|(id, task)| task_answer(*id, task, served.lag.of(task, &ends))).collect();
    let dropped = served.app.dropped().into_iter().map(dropped_answer).collect();
    TasksAnswer { tasks, dropped, lag_unknown: unknown(&ends) }
}

fn unknown(ends: &Ends) -> Option<String> {
    ends.as_ref().err().cloned()
}

fn task_answer(id: TaskId, task: &TaskMetrics, lags: Vec<InputLag>) -> TaskAnswer {
    let handlers = task.handlers.iter().map(|(name, handler)| (name.to_string(), handler_answer(handler)));
    TaskAnswer {
        id: id.to_string(),
        subtopology: id.subtopology,
        partition: id.partition.0,
        state: task.phase.as_str(),
        worker: task.worker,
        processed: task.processed,
        uncommitted: task.uncommitted,
        commits: task.commits,
        buffered: task.buffered,
        restored: task.restored,
        restore_remaining: task.restore_remaining,
        dropped: task.dropped.clone(),
        rebuilt: task.rebuilt.clone(),
        received: task.received.iter().map(|(topic, received)| (topic.to_string(), received.records)).collect(),
        sent: task.sent.iter().map(|(node, sent)| (node.to_string(), sent.records())).collect(),
        stores: task.stores.iter().map(|(store, metrics)| (store.to_string(), size_answer(metrics.size))).collect(),
        handlers: handlers.collect(),
        inputs: lags.into_iter().map(input_answer).collect(),
    }
}

const fn size_answer(size: StoreSize) -> StoreSizeAnswer {
    StoreSizeAnswer { rows: size.rows, bytes: size.bytes }
}

fn dropped_answer(dropped: DroppedRecords) -> DroppedAnswer {
    let DroppedRecords { node, subtopology, reason, explanation, records, last, .. } = dropped;
    DroppedAnswer { node, subtopology, reason, explanation, records, last: last.0 }
}

fn handler_answer(handler: &HandlerMetrics) -> HandlerAnswer {
    HandlerAnswer {
        accepted: handler.accepted,
        succeeded: handler.succeeded,
        retried: handler.retried,
        moved_to_topics: handler.moved_to_topics,
        given_up: handler.given_up.clone(),
        running: handler.running,
        waiting: handler.waiting,
    }
}

fn input_answer(input: InputLag) -> InputAnswer {
    InputAnswer {
        topic: input.partition.topic.to_string(),
        partition: input.partition.partition.0,
        position: input.position.0,
        end: input.end.map(|end| end.0),
        lag: input.records(),
        lag_ms: input.time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    }
}
