//! The instance of the application, which can be started, inspected, killed and started again.

use std::collections::BTreeMap;
use std::path::Path;

use millstream::log::{Admin, Isolation};
use millstream::record::{Offset, TopicPartition};
use millstream::runtime::{AppState, Running, TaskPhase};
use millstream::topology::Topology;

use crate::Failure;
use crate::board::TaskRow;
use crate::place::Place;

/// An instance, which may currently be dead.
pub struct Instance<'a> {
    place: &'a Place,
    folder: &'a Path,
    topology: Topology,
    running: Option<Running>,
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
}

impl<'a> Instance<'a> {
    /// Starts the instance.
    pub fn start(place: &'a Place, folder: &'a Path, topology: Topology) -> Result<Self, Failure> {
        let running = place.start(&topology, folder)?;
        Ok(Self { place, folder, topology, running: Some(running) })
    }

    /// Ends it like a crash: nothing is committed, and the group is not told.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Starts it again after [`Instance::kill`].
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.running = Some(self.place.start(&self.topology, self.folder)?);
        Ok(())
    }

    /// Shuts it down cleanly.
    pub fn close(self) -> Result<(), Failure> {
        match self.running {
            Some(running) => Ok(running.close()?),
            None => Ok(()),
        }
    }

    /// The current state.
    ///
    /// The tasks' counters are read before the ends of their inputs: a task that had nothing uncommitted at those ends has
    /// written everything, so the ends of the topics that it writes to are final as well.
    pub fn look(&self, admin: &dyn Admin) -> Result<Look, Failure> {
        let Some(running) = &self.running else { return Ok(Look { state: "KILLED".to_owned(), ..Look::default() }) };
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
                worker: task.worker + 1,
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
