//! Says what is waited for, once that takes long, now and then while it lasts, and when it is over.
//!
//! For waits that end by themselves or not at all: whoever waits asks again, and nobody else would know why nothing happens.
//! That the log as a whole cannot be reached is said elsewhere (`outage.rs`).

use std::time::Duration;

use super::voice::PEOPLE;

/// How long a wait may last before it is told.
const TELL_AFTER: Duration = Duration::from_secs(10);

/// How much longer each further time.
const LONGER: u32 = 3;

/// The longest time between two lines.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(5 * 60);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// The wait is the same as long as this is the same.
    pub(crate) what: String,
    /// Why it is not there yet, as far as is known.
    pub(crate) why: Option<String>,
}

impl Awaited {
    /// Nobody knows why.
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None }
    }

    /// It is not there because of this.
    pub(crate) fn because(self, why: Option<impl ToString>) -> Self {
        Self { why: why.map(|why| why.to_string()), ..self }
    }
}

/// The wait of somebody who waits for one thing at a time.
#[derive(Debug, Default)]
pub(crate) struct LongWait(Option<Lasting>);

#[derive(Debug)]
struct Lasting {
    what: String,
    since: Duration,
    tell_at: Duration,
    pause: Duration,
    is_told: bool,
}

impl LongWait {
    /// Call this often with what `who` waits for. While the log is out of reach, nothing is told, and no time is counted.
    pub(crate) fn note(&mut self, now: Duration, who: &str, awaited: Option<Awaited>, is_out_of_reach: bool) {
        if is_out_of_reach {
            self.0 = None;
            return;
        }
        if let Some(ended) =
            self.0.take_if(|lasting| awaited.as_ref().is_none_or(|awaited| awaited.what != lasting.what))
            && ended.is_told
        {
            let (what, seconds) = (ended.what, now.saturating_sub(ended.since).as_secs());
            tracing::warn!(target: PEOPLE, who, what, seconds, "{who} has waited {seconds} s for {what}; that is over");
        }
        let Some(Awaited { what, why }) = awaited else { return };
        let begin = || Lasting { what, since: now, tell_at: now + TELL_AFTER, pause: TELL_AFTER, is_told: false };
        let lasting = self.0.get_or_insert_with(begin);
        if now < lasting.tell_at {
            return;
        }
        let (what, seconds) = (&lasting.what, now.saturating_sub(lasting.since).as_secs());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        tracing::warn!(target: PEOPLE, who, what, seconds, "{who} has been waiting {seconds} s for {what}{why}");
        lasting.is_told = true;
        lasting.pause = (lasting.pause * LONGER).min(AGAIN_AFTER_MAX);
        lasting.tell_at = now + lasting.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::said::said;

    fn told(said: &str) -> Vec<&str> {
        let parts = said.lines().filter_map(|line| line.split_once("WARN millstream: "));
        parts.filter_map(|(_, rest)| Some(rest.split_once(" who=")?.0)).collect()
    }

    #[test]
    fn a_wait_is_told_when_it_lasts_now_and_then_and_when_it_is_over() {
        let said = said(|| {
            let mut wait = LongWait::default();
            let mut note = |range: std::ops::Range<u64>, awaited: Option<Awaited>, is_out_of_reach: bool| {
                for second in range {
                    wait.note(Duration::from_secs(second), "task 0_1", awaited.clone(), is_out_of_reach);
                }
            };
            note(100..109, Some(Awaited::of("its positions")), false);
            note(109..110, None, false);
            note(110..160, Some(Awaited::of("its positions").because(Some("no coordinator"))), false);
            note(160..165, Some(Awaited::of("its changelogs")), false);
            note(165..166, None, false);
            note(200..260, Some(Awaited::of("its positions")), true);
            note(260..271, Some(Awaited::of("its positions")), false);
        });
        let expected = [
            "task 0_1 has been waiting 10 s for its positions: no coordinator",
            "task 0_1 has been waiting 40 s for its positions: no coordinator",
            "task 0_1 has waited 50 s for its positions; that is over",
            "task 0_1 has been waiting 10 s for its positions",
        ];
        assert_eq!(told(&said), expected);
    }
}
