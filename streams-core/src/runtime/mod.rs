//! Runs topologies as applications.
//!
//! `app.rs` starts and stops an application. `control/` prepares topics, is the member of the group, and distributes
//! tasks. `worker/` is the only loop: fetch, process, punctuate, commit. `task/` is one sub-topology for one
//! partition. `commit.rs` is the only place that commits. Everything advances in bounded steps that never wait, so a
//! test or a simulation can run several instances in one thread.

mod about;
mod age;
mod alignment;
mod app;
mod assignment;
mod bounds;
mod busy;
mod collector;
mod commit;
mod control;
mod directory;
mod drop_notices;
mod effective;
mod error;
mod failures;
mod fellows;
mod follower;
mod global_rows;
mod globals;
mod gone_topics;
mod heard;
mod histogram;
mod home;
mod idle;
mod inputs;
mod inquiry;
mod instances;
mod internal_topics;
mod lifecycle;
mod long_wait;
mod matching;
mod memory;
mod metrics;
mod name_text;
mod notes;
mod offset_metadata;
mod open_transactions;
mod outage;
mod output_topics;
mod plan;
mod preparation;
mod pulse;
pub(crate) mod queries;
mod questions;
mod reach;
mod renamed;
mod replicas;
mod restore_notices;
mod retry;
mod settings;
mod signals;
mod single_task;
mod stall;
mod start_line;
mod stop_call;
mod store_report;
mod summary;
mod task;
#[cfg(test)]
mod tests;
mod threads;
mod timings;
mod turn_board;
mod whereabouts;
mod worker;

pub use crate::operators::{BuildError, DropReason, OperatorError};
pub use about::{About, Turns};
pub use app::{App, Handle, Running};
pub use drop_notices::DroppedRecords;
pub use error::{AppError, ChangelogLoss, RestsOn};
pub use failures::{FailedRecord, Stage, Uncaught};
pub use histogram::Histogram;
pub use instances::Instance;
pub use lifecycle::AppState;
pub use metrics::{ReceivedRecords, SentRecords, StoreMetrics, TaskMetrics, TaskPhase};
pub use renamed::RenamedTopic;
pub use settings::{
    CreateInternalTopics, ErrorSettings, Guarantee, IsolationLevel, OffsetReset, OnChangelogLoss, OnError, OnFuture,
    OnStall, RecordingLevel, Settings, TimestampPolicy,
};
pub use single_task::{RawRow, SentRecord};
pub use summary::Summary;
pub use timings::{BusyShares, WorkerTimings};

use crate::voice;
pub(crate) use control::{Control, ControlTurn, Status};
pub(crate) use matching::patterns;
pub(crate) use plan::external_topics;
pub(crate) use single_task::{RecordIn, SingleTask, SingleTaskOptions};
pub(crate) use worker::{Turn, Worker};
