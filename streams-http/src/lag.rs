//! How far the application is behind its inputs, in records and in time.
//!
//! Where inputs end, only the log knows. It is asked at most once per second, and only while somebody wants to know. What is
//! not known is said to be unknown: an end that was not answered, or the time of a record that is not fetched yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use streams_core::client::time_lag;
use streams_core::record::{Offset, TaskId, Timestamp, TopicPartition};
use streams_core::runtime::{Handle, TaskMetrics};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::admin_client::AdminClient;

/// How often the log is asked at most.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// Asks where inputs end, and remembers it for a second.
pub(crate) struct LagKeeper {
    app: Handle,
    log: AdminClient,
    /// Whoever has this asks, and the others wait for the answer.
    last: Mutex<Option<(Instant, Arc<Ends>)>>,
}

/// Where partitions end, or why that is not known.
pub(crate) type Ends = Result<BTreeMap<TopicPartition, Offset>, String>;

/// How far an input partition is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputLag {
    pub(crate) partition: TopicPartition,
    /// The next offset to process.
    pub(crate) position: Offset,
    /// The offset behind the last record; `None` if it is not known.
    pub(crate) end: Option<Offset>,
    /// How old the next record is; `None` if that is not known, zero if there is none.
    pub(crate) time: Option<Duration>,
}

impl InputLag {
    fn new(
        partition: &TopicPartition,
        position: Offset,
        end: Option<Offset>,
        next: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let is_caught_up = end.is_some_and(|end| end <= position);
        Self { partition: partition.clone(), position, end, time: time_lag(next, is_caught_up, now) }
    }

    /// The number of offsets between the position and the end, which is that of the records that are not processed, or a
    /// little more: markers of transactions and deleted records have offsets, too.
    pub(crate) fn records(&self) -> Option<u64> {
        self.end.map(|end| u64::try_from(end.0.saturating_sub(self.position.0)).unwrap_or(0))
    }
}

impl LagKeeper {
    pub(crate) fn new(app: Handle) -> Self {
        Self { log: AdminClient::new(app.clone()), app, last: Mutex::default() }
    }

    /// Where the inputs of this instance end, at most a second old.
    pub(crate) async fn ends(&self, tasks: &BTreeMap<TaskId, TaskMetrics>) -> Arc<Ends> {
        let mut last = self.last.lock().await;
        if let Some((at, ends)) = &*last
            && at.elapsed() < ASK_INTERVAL
        {
            return Arc::clone(ends);
        }
        let assigned = self.app.assignment();
        let own = tasks.iter().filter(|(id, _)| assigned.contains_key(id));
        let partitions = own.flat_map(|(_, task)| task.positions.keys().cloned()).collect();
        let ends = Arc::new(self.ask(partitions).await);
        *last = Some((Instant::now(), Arc::clone(&ends)));
        ends
    }

    async fn ask(&self, partitions: Vec<TopicPartition>) -> Ends {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let isolation = self.app.about().input_isolation();
        let ends = self.log.ask(|admin| admin.end_offsets(partitions.clone(), isolation)).await?;
        Ok(partitions.into_iter().zip(ends).collect())
    }

    /// How far a task is behind each of its inputs.
    pub(crate) fn of(&self, task: &TaskMetrics, ends: &Ends) -> Vec<InputLag> {
        let now = self.app.about().clock().now();
        let end = |partition: &TopicPartition| ends.as_ref().ok().and_then(|ends| ends.get(partition)).copied();
        let lag = |(partition, position): (&TopicPartition, &Offset)| {
            InputLag::new(partition, *position, end(partition), task.next_times.get(partition).copied(), now)
        };
        task.positions.iter().map(lag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_told_as_far_as_it_is_known() {
        let partition = TopicPartition::new("lines", 0);
        let (ms, now) = (Duration::from_millis, Timestamp(10_000));
        for (position, end, next, records, time) in [
            (7, Some(7), None, Some(0), Some(ms(0))),
            (7, Some(9), Some(9_500), Some(2), Some(ms(500))),
            // Not fetched yet.
            (7, Some(9), None, Some(2), None),
            // The log did not answer.
            (7, None, Some(9_500), None, Some(ms(500))),
            (7, None, None, None, None),
            // The end was asked for a moment ago.
            (9, Some(7), None, Some(0), Some(ms(0))),
            (9, Some(7), Some(9_999), Some(0), Some(ms(1))),
            // A record from the future, and one without a time.
            (7, Some(8), Some(10_001), Some(1), Some(ms(0))),
            (7, Some(8), Some(-1), Some(1), None),
        ] {
            let lag = InputLag::new(&partition, Offset(position), end.map(Offset), next.map(Timestamp), now);
            assert_eq!((lag.records(), lag.time), (records, time), "{position} {end:?} {next:?}");
        }
    }
}
