//! A question to the log that is asked again until the answer can be believed.

use std::task::Poll;
use std::time::Duration;

use crate::log::{LogError, Reply};

/// How long to wait before asking again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often something may be missing from the answer: a broker may not know yet about what was just created.
const MISSES_MAX: u32 = 5;

/// A question that may be due, and its answer.
pub(super) struct Inquiry<T> {
    step: InquiryStep<T>,
    misses: u32,
}

enum InquiryStep<T> {
    Idle,
    /// The next request is due at that time.
    Due(Duration),
    Asked(Reply<Result<T, LogError>>),
}

impl<T> Inquiry<T> {
    /// A question that is not due.
    pub(super) const fn idle() -> Self {
        Self { step: InquiryStep::Idle, misses: 0 }
    }

    /// Starts over: an outstanding answer may be outdated.
    pub(super) fn begin(&mut self, now: Duration) {
        *self = Self { step: InquiryStep::Due(now), misses: 0 };
    }

    /// Asks again after a pause.
    pub(super) fn again(&mut self, now: Duration) {
        self.step = InquiryStep::Due(now + AGAIN_AFTER);
    }

    /// Sends the request if it is due. Returns the answer once, when it has arrived; then nothing is due. A request that
    /// nobody answers is sent again.
    pub(super) fn step(
        &mut self,
        now: Duration,
        ask: impl FnOnce() -> Reply<Result<T, LogError>>,
    ) -> Option<Result<T, LogError>> {
        if matches!(self.step, InquiryStep::Due(at) if now >= at) {
            self.step = InquiryStep::Asked(ask());
        }
        let InquiryStep::Asked(reply) = &mut self.step else { return None };
        let Poll::Ready(answer) = reply.poll() else { return None };
        self.step = InquiryStep::Idle;
        if answer.is_none() {
            self.again(now);
        }
        answer
    }

    /// Whether to believe that something is missing, because it was missing several times. If not, asks again.
    pub(super) fn believes_a_miss(&mut self, now: Duration) -> bool {
        let believes = self.misses >= MISSES_MAX;
        if !believes {
            self.misses += 1;
            self.again(now);
        }
        believes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogErrorKind;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_question_is_asked_when_it_is_due_and_again_if_nobody_answers() {
        let mut inquiry = Inquiry::idle();
        assert_eq!(inquiry.step(at(5), || Reply::ready(Ok(0))), None, "nothing is due");
        inquiry.begin(at(5));
        let (asked, reply) = Reply::later();
        assert_eq!(inquiry.step(at(5), || reply), None);
        drop(asked);
        assert_eq!(inquiry.step(at(5), || Reply::ready(Ok(1))), None, "nobody answers");
        assert_eq!(inquiry.step(at(6) - Duration::from_millis(1), || Reply::ready(Ok(2))), None, "a pause");
        assert_eq!(inquiry.step(at(6), || Reply::ready(Ok(3))), Some(Ok(3)));
        assert_eq!(inquiry.step(at(9), || Reply::ready(Ok(4))), None, "it is answered");
        inquiry.again(at(9));
        let refused = LogError::new(LogErrorKind::Invalid, "no");
        assert_eq!(inquiry.step(at(10), || Reply::ready(Err(refused.clone()))), Some(Err(refused.clone())));
    }

    #[test]
    fn the_sixth_miss_in_a_row_is_believed() {
        let mut inquiry = Inquiry::idle();
        for _ in 0..2 {
            inquiry.begin(at(0));
            let misses = (0..6).map(|second| {
                assert_eq!(inquiry.step(at(second), || Reply::ready(Ok(second))), Some(Ok(second)));
                inquiry.believes_a_miss(at(second))
            });
            assert_eq!(misses.collect::<Vec<_>>(), [false, false, false, false, false, true]);
        }
    }
}
