//! What a batch job has done.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::operators::DropReason;

/// What [`App::run_until_idle`](super::App::run_until_idle) has done. Only what was committed counts, so work that was
/// undone and repeated counts once.
///
/// ```
/// use millstream::prelude::*;
///
/// const LINES: Topic<String, String> = Topic::new("lines");
/// const LONG: Topic<String, String> = Topic::new("long-lines");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(LINES).filter(|_, line| line.len() > 5).to(LONG);
///
/// let log = Embedded::in_memory();
/// log.send(&LINES, "hamlet", "to be")?;
/// log.send(&LINES, "hamlet", "or not to be")?;
/// let summary = App::new("filter", builder.build()?).run_until_idle(log)?;
/// assert_eq!((summary.records_in, summary.records_out), (2, 1));
/// println!("{summary}"); // 2 records in, 1 out, 0.1 s
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Records that were read from the application's input topics and processed. Records of internal topics and global
    /// tables are not among them.
    pub records_in: u64,
    /// Records that were written to its output topics.
    pub records_out: u64,
    /// Records that were dropped on purpose, by reason (see [`DropReason::label`]). A record is dropped where a node
    /// needs more than it has, so one that several nodes read may be dropped several times.
    pub dropped: BTreeMap<&'static str, u64>,
    /// How long it took, from the start until everything was committed and closed.
    pub elapsed: Duration,
}

impl Summary {
    /// The number of records dropped on purpose, for all reasons together.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// One line for people: `199208 records in, 51131 out, 148077 dropped (late 148077), 3.2 s`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = if self.records_in == 1 { "record" } else { "records" };
        write!(f, "{} {records} in, {} out, ", self.records_in, self.records_out)?;
        if !self.dropped.is_empty() {
            let reasons: Vec<String> = self.dropped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            write!(f, "{} dropped ({}), ", self.dropped_total(), reasons.join(", "))?;
        }
        write!(f, "{:.1} s", self.elapsed.as_secs_f64())
    }
}

/// What was done since it was counted last.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records_in: u64,
    pub(crate) records_out: u64,
    pub(crate) dropped: [u64; DropReason::ALL.len()],
}

impl Tally {
    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.records_in += other.records_in;
        self.records_out += other.records_out;
        self.dropped.iter_mut().zip(other.dropped).for_each(|(dropped, more)| *dropped += more);
    }
}

/// What all tasks have done and committed in this process, wherever they are now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals(Arc<Mutex<Tally>>);

impl Totals {
    pub(crate) fn add(&self, tally: &Tally) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
    }

    /// The summary of a job that took so long.
    pub(crate) fn summary(&self, elapsed: Duration) -> Summary {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = DropReason::ALL.into_iter().map(|reason| (reason.label(), tally.dropped[reason as usize]));
        Summary {
            records_in: tally.records_in,
            records_out: tally.records_out,
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
            elapsed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line() {
        let summary = |records_in, records_out, dropped: &[(&'static str, u64)], ms| {
            let (dropped, elapsed) = (dropped.iter().copied().collect(), Duration::from_millis(ms));
            Summary { records_in, records_out, dropped, elapsed }.to_string()
        };
        assert_eq!(
            summary(199_208, 51_131, &[("late", 148_077)], 3_240),
            "199208 records in, 51131 out, 148077 dropped (late 148077), 3.2 s"
        );
        assert_eq!(
            summary(9, 0, &[("undecodable", 2), ("null-key", 1)], 0),
            "9 records in, 0 out, 3 dropped (null-key 1, undecodable 2), 0.0 s"
        );
        assert_eq!(summary(1, 1, &[], 61_000), "1 record in, 1 out, 61.0 s");
    }
}
