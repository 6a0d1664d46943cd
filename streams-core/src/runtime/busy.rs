//! What a worker spends its time on: added up in each round, and told for periods of some seconds.

use std::time::Duration;

use super::BusyShares;

/// How long a period is. That of a worker that does nothing ends when it looks up next.
const PERIOD: Duration = Duration::from_secs(10);

/// Adds up what a worker does.
#[derive(Debug)]
pub(crate) struct Busy {
    began: Duration,
    so_far: BusyShares,
    /// All that punctuators have ever taken, as far as it is counted here.
    punctuated: Duration,
    /// The last period that is complete.
    last: Option<BusyShares>,
}

impl Busy {
    /// A worker that begins now.
    pub(crate) fn since(began: Duration) -> Self {
        Self { began, so_far: BusyShares::default(), punctuated: Duration::ZERO, last: None }
    }

    /// What was done since the current period began.
    pub(crate) fn so_far(&mut self) -> &mut BusyShares {
        &mut self.so_far
    }

    /// A round of processing took so long, and all punctuators so far that long, in this round and before.
    pub(crate) fn processed(&mut self, took: Duration, punctuated: Duration) {
        let punctuating = punctuated.saturating_sub(std::mem::replace(&mut self.punctuated, punctuated));
        self.so_far.punctuate += punctuating;
        self.so_far.process += took.saturating_sub(punctuating);
    }

    /// The last complete period. As long as there is none, the time since the worker began.
    pub(crate) fn shares(&mut self, now: Duration) -> BusyShares {
        let of = now.saturating_sub(self.began);
        let shares = BusyShares { of, ..self.so_far };
        if of >= PERIOD {
            (self.began, self.so_far, self.last) = (now, BusyShares::default(), Some(shares));
        }
        self.last.unwrap_or(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_last_complete_period_is_told_and_before_the_first_one_what_there_is() {
        let mut busy = Busy::since(seconds(100));
        let process =
            |shares: BusyShares| shares.ratios().find(|(phase, _)| *phase == "process").map(|(_, share)| share);
        assert_eq!(process(busy.shares(seconds(100))), None);
        busy.processed(seconds(3), seconds(2));
        assert_eq!(busy.shares(seconds(104)).punctuate, seconds(2));
        assert_eq!(process(busy.shares(seconds(104))), Some(0.25));
        busy.processed(seconds(4), seconds(2));
        assert_eq!(process(busy.shares(seconds(110))), Some(0.5));
        busy.processed(seconds(1), seconds(2));
        assert_eq!(process(busy.shares(seconds(119))), Some(0.5), "the second period is not over");
        assert_eq!(process(busy.shares(seconds(120))), Some(0.1));
    }
}
