//! What a handle tells about an application that is running.

use std::collections::BTreeMap;

use super::{LINES, word_count};
use crate::log::Embedded;
use crate::record::TaskId;
use crate::runtime::{App, AppState, TaskPhase};

/// Whoever waits until an application runs may look at its tasks at once.
#[test]
fn an_application_that_runs_lists_every_task_as_running() {
    for workers in [1, 3] {
        for round in 0..40 {
            let log = Embedded::in_memory();
            log.create_topic("lines", 4).expect("a topic");
            log.send(&LINES, (), "to be").expect("sent");
            let running = App::new("running", word_count()).workers(workers).start(log).expect("started");
            running.wait_until_running().expect("running");
            let (state, tasks) = (running.state(), running.tasks());
            let phases: BTreeMap<TaskId, _> = tasks.iter().map(|(id, task)| (*id, (task.phase, task.worker))).collect();
            let assigned = running.assignment().into_iter().map(|(id, worker)| (id, (TaskPhase::Running, worker)));
            assert_eq!((phases, state), (assigned.collect(), AppState::Running), "{workers} {round}");
            assert_eq!(tasks.len(), 8);
            running.close().expect("no error");
        }
    }
}
