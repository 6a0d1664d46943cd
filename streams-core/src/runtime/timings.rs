//! How long a worker's steps take: histograms of which the worker publishes a copy from time to time.
//!
//! A step is noted once per round and never once per record, so this costs two looks at the clock in a round.

use std::time::Duration;

use super::Histogram;

/// How long the steps of one worker took, since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerTimings {
    /// Taking fetched records from the log's client. Records are fetched in the background, so this does not wait for them.
    pub poll: Histogram,
    /// Rounds in which records were processed, with the stream-time punctuators that they have fired.
    pub process: Histogram,
    /// Commits, from when one begins until the log has accepted it. Processing may go on meanwhile.
    pub commit: Histogram,
    /// Wall-clock punctuators, all that were due in a task at once. Rounds of `process` include them.
    pub punctuate: Histogram,
    /// What the worker has done in the last ten seconds or less.
    pub busy: BusyShares,
}

/// How much time of a period a worker has spent on what. What is left it has spent
/// waiting, or answering questions about stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusyShares {
    /// How long the period is.
    pub of: Duration,
    /// Opening tasks and restoring their state.
    pub restore: Duration,
    /// Taking fetched records from the log's client.
    pub poll: Duration,
    /// Processing records, with the stream-time punctuators that they have fired.
    pub process: Duration,
    /// Wall-clock punctuators.
    pub punctuate: Duration,
    /// Working on commits, without waiting for the log.
    pub commit: Duration,
}

impl BusyShares {
    /// The shares by the names of what the worker does, from 0 to 1; none as long as there is no period.
    ///
    /// ```
    /// use millstream::runtime::WorkerTimings;
    ///
    /// assert_eq!(WorkerTimings::default().busy.ratios().count(), 0);
    /// ```
    pub fn ratios(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let of = self.of.as_secs_f64();
        let phases = [
            ("restore", self.restore),
            ("poll", self.poll),
            ("process", self.process),
            ("punctuate", self.punctuate),
            ("commit", self.commit),
        ];
        phases
            .into_iter()
            .filter(move |_| of > 0.0)
            .map(move |(phase, spent)| (phase, (spent.as_secs_f64() / of).min(1.0)))
    }
}
