//! An instance of the application with its HTTP server, which can be started, inspected, killed and started again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use millstream::http::HttpServer;
use millstream::log::{Admin, Isolation};
use millstream::record::{Offset, TopicPartition};
use millstream::runtime::{AppState, Running, TaskPhase};
use millstream::topology::Topology;

use crate::board::{Shared, TaskRow};
use crate::place::{Place, WORKERS};
use crate::{Failure, web};

/// What instances are made of.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The log and the settings.
    pub place: &'a Place,
    /// The run's folder.
    pub folder: &'a Path,
    /// The program.
    pub topology: &'a Topology,
    /// What the servers answer from.
    pub shared: &'a Arc<Shared>,
}

/// An instance, which may currently be dead.
pub struct Instance<'a> {
    around: Surroundings<'a>,
    /// 0 or 1.
    number: usize,
    /// Where it is served, with the port that it got.
    address: String,
    alive: Option<Alive>,
}

struct Alive {
    // Fields are dropped in this order.
    http: Option<HttpServer>,
    running: Running,
}

/// The current state of an instance.
#[derive(Debug, Default)]
pub struct Look {
    /// With Kafka Streams' name.
    pub state: String,
    /// The instance's tasks.
    pub tasks: Vec<TaskRow>,
    /// Whether every task is running.
    pub is_running: bool,
    /// Whether everything in the input topics has been processed and committed.
    pub is_idle: bool,
}

impl Look {
    /// The number of changelog records that the tasks have read.
    pub fn restored(&self) -> u64 {
        self.tasks.iter().map(|task| task.restored).sum()
    }

    /// This instance and another one that shares its work.
    pub fn and(mut self, other: Self) -> Self {
        self.tasks.extend(other.tasks);
        Self { is_running: self.is_running && other.is_running, is_idle: self.is_idle && other.is_idle, ..self }
    }
}

impl<'a> Instance<'a> {
    /// Starts an instance, and serves it at this address or at the next free port.
    pub fn start(around: Surroundings<'a>, number: usize, address: &str) -> Result<Self, Failure> {
        let mut instance = Self { around, number, address: address.to_owned(), alive: None };
        instance.restart()?;
        Ok(instance)
    }

    /// Where it is served.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The running application, for questions.
    pub fn running(&self) -> Option<&Running> {
        self.alive.as_ref().map(|alive| &alive.running)
    }

    /// Ends it like a crash: nothing is committed, and the group is not told.
    pub fn kill(&mut self) {
        if let Some(Alive { http, running }) = self.alive.take() {
            drop(http);
            running.kill();
        }
    }

    /// Serves nobody any more. That takes a moment, because streams are open, and so it is done meanwhile.
    pub fn stop_serving(&mut self) -> Option<JoinHandle<()>> {
        let http = self.alive.as_mut()?.http.take()?;
        Some(std::thread::spawn(move || drop(http)))
    }

    /// Starts it again after [`Instance::kill`].
    pub fn restart(&mut self) -> Result<(), Failure> {
        let Surroundings { place, folder, topology, shared } = self.around;
        let running = place.start(topology, &folder.join(format!("state-{}", self.number + 1)))?;
        let http = web::serve(&running, shared, &self.address)?;
        self.address = http.address().to_string();
        self.alive = Some(Alive { http: Some(http), running });
        Ok(())
    }

    /// Shuts it down cleanly.
    pub fn close(self) -> Result<(), Failure> {
        match self.alive {
            Some(Alive { running, .. }) => Ok(running.close()?),
            None => Ok(()),
        }
    }

    /// The current state.
    ///
    /// The tasks' counters are read before the ends of their inputs: a task that had nothing uncommitted at those ends has
    /// written everything, so the ends of the topics that it writes to are final as well.
    pub fn look(&self, admin: &dyn Admin) -> Result<Look, Failure> {
        let Some(running) = self.running() else { return Ok(Look { state: "KILLED".to_owned(), ..Look::default() }) };
        let state = running.state();
        if state.is_final() {
            return Err(match running.error() {
                Some(error) => error.into(),
                None => "the application has stopped by itself".into(),
            });
        }
        let assigned = running.assignment().len();
        let mut tasks = running.tasks();
        tasks.retain(|_, task| task.phase != TaskPhase::Closed);
        let mut is_idle = true;
        let mut rows = Vec::new();
        for (id, task) in tasks {
            let lag = match task.phase {
                TaskPhase::Running => lag(admin, &task.positions)?,
                _ => None,
            };
            is_idle &= lag == Some(0) && task.uncommitted == 0;
            rows.push(TaskRow {
                id,
                instance: self.number,
                worker: self.number * WORKERS + task.worker + 1,
                phase: Some(task.phase),
                processed: task.processed,
                restored: task.restored,
                lag,
            });
        }
        let is_running = state == AppState::Running && rows.len() >= assigned;
        Ok(Look { state: state.to_string(), is_running, is_idle: is_idle && is_running, tasks: rows })
    }
}

/// The number of records after these positions; `None` while the log does not know it.
fn lag(admin: &dyn Admin, positions: &BTreeMap<TopicPartition, Offset>) -> Result<Option<i64>, Failure> {
    let partitions = positions.keys().cloned().collect();
    match admin.end_offsets(partitions, Isolation::ReadUncommitted).wait() {
        Some(Ok(ends)) => Ok(Some(ends.iter().zip(positions.values()).map(|(end, at)| (end.0 - at.0).max(0)).sum())),
        Some(Err(error)) if !error.is_transient() => Err(error.into()),
        _ => Ok(None),
    }
}
