//! `GET /readyz`: whether requests should be sent here.
//!
//! Only while the application runs and all tasks of this instance process records. That is less often than it is alive, see
//! `livez.rs`.

use std::collections::BTreeMap;

use axum::extract::State;
use streams_core::record::TaskId;
use streams_core::runtime::{AppState, TaskMetrics, TaskPhase};

use super::checks::{Check, Verdict};
use crate::lag::InputLag;
use crate::served::Served;

/// Whether the application is ready.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It runs, and so do all its tasks", body = Verdict),
    (status = 503, description = "It is not ready; `checks` says why", body = Verdict),
))]
pub(crate) async fn readyz(State(served): State<Served>) -> Verdict {
    let (state, assigned) = (served.app.state(), served.app.assignment());
    let all = served.app.tasks();
    let tasks: BTreeMap<TaskId, Option<&TaskMetrics>> = assigned.keys().map(|id| (*id, all.get(id))).collect();
    let mut checks = vec![running(state), tasks_run(&tasks)];
    if let Some(bound) = served.ready_within {
        let ends = served.lag.ends(&all).await;
        let lags: Vec<InputLag> = tasks.values().flatten().flat_map(|task| served.lag.of(task, &ends)).collect();
        checks.push(is_within(bound, &lags));
    }
    Verdict::of(checks, ["ready", "not ready"])
}

fn running(state: AppState) -> Check {
    Check::new("state", state == AppState::Running, state.to_string())
}

fn tasks_run(tasks: &BTreeMap<TaskId, Option<&TaskMetrics>>) -> Check {
    let runs = |task: &&Option<&TaskMetrics>| task.is_some_and(|task| task.phase == TaskPhase::Running);
    let (running, all) = (tasks.values().filter(runs).count(), tasks.len());
    Check::new("tasks", running == all, format!("{running} of {all} tasks run"))
}

fn is_within(bound: u64, lags: &[InputLag]) -> Check {
    let largest = lags.iter().map(InputLag::records).try_fold(0, |largest, lag| lag.map(|lag| lag.max(largest)));
    let detail = match largest {
        Some(largest) => format!("{largest} records in the partition that is furthest behind, at most {bound}"),
        None => "it is not known where the inputs end".to_owned(),
    };
    Check::new("lag", largest.is_some_and(|largest| largest <= bound), detail)
}

#[cfg(test)]
mod tests {
    use streams_core::record::{Offset, Partition, TopicPartition};

    use super::*;

    #[test]
    fn every_task_has_to_run() {
        let metrics = |phase| TaskMetrics { phase, ..TaskMetrics::default() };
        let (running, restoring) = (metrics(TaskPhase::Running), metrics(TaskPhase::Restoring));
        for (tasks, expected, detail) in [
            (&[][..], true, "0 of 0 tasks run"),
            (&[Some(&running), Some(&running)], true, "2 of 2 tasks run"),
            (&[Some(&running), Some(&restoring)], false, "1 of 2 tasks run"),
            (&[Some(&running), None], false, "1 of 2 tasks run"),
        ] {
            let id = |partition| TaskId { subtopology: 0, partition: Partition(partition) };
            let tasks = (0..).map(id).zip(tasks.iter().copied()).collect();
            assert_eq!(tasks_run(&tasks), Check::new("tasks", expected, detail));
        }
    }

    #[test]
    fn lag_that_is_not_known_is_not_small() {
        let lag = |end: Option<i64>| InputLag {
            partition: TopicPartition::new("lines", 0),
            position: Offset(10),
            end: end.map(Offset),
            time: None,
        };
        for (ends, expected) in
            [(&[][..], true), (&[Some(10), Some(15)], true), (&[Some(10), Some(16)], false), (&[Some(10), None], false)]
        {
            let lags: Vec<InputLag> = ends.iter().map(|end| lag(*end)).collect();
            assert_eq!(is_within(5, &lags).ok, expected, "{ends:?}");
        }
    }
}
