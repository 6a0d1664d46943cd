//! What a task tells those who read its repartition topics, if event time is aligned: how far it is.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::log::LogError;
use crate::operators::{Collector as _, Destination, Sender};
use crate::record::Timestamp;
use crate::runtime::collector::ProducerCollector;

/// Tells how far a task is.
pub(crate) struct Teller {
    sender: Rc<Sender>,
    topics: Vec<Destination>,
    /// Whether it may tell between commits, too: nothing waits for a commit to be sent or to be seen.
    may_tell_early: bool,
    /// How far the task is, once that is known; `None` within if nobody has to wait for it.
    reached: Option<Option<Timestamp>>,
    /// What was told last, and when.
    told: Option<(Option<Timestamp>, Duration)>,
    now: Duration,
    /// Whether it is told again although nothing is new, so that others know that somebody is there.
    is_silent: bool,
}

impl Teller {
    pub(crate) fn new(sender: Rc<Sender>, topics: Vec<Destination>, is_exactly_once: bool) -> Self {
        let may_tell_early = !is_exactly_once && !sender.has_caches();
        Self { sender, topics, may_tell_early, reached: None, told: None, now: Duration::ZERO, is_silent: false }
    }

    /// The task has reached `time`; `None` if nobody has to wait for it. What is told lasts for `lasts`.
    pub(super) fn reach(&mut self, time: Option<Timestamp>, now: Duration, lasts: Duration) {
        (self.reached, self.now) = (Some(time), now);
        let is_old = |(_, at): (_, Duration)| now.saturating_sub(at) >= lasts;
        self.is_silent = time.is_some() && self.told.is_some_and(is_old);
    }

    /// Whether there is something to tell.
    fn has_news(&self) -> bool {
        self.is_silent || self.reached.is_some_and(|reached| self.told.is_none_or(|(told, _)| told != reached))
    }

    /// Whether there is something to tell that has to wait for a commit.
    pub(super) fn needs_commit(&self) -> bool {
        !self.may_tell_early && self.has_news()
    }

    /// Whether there is something to tell between commits.
    pub(super) fn may_tell(&self) -> bool {
        self.may_tell_early && self.has_news()
    }

    /// Tells it all partitions that don't know. `stream_time` is the task's; its caches are empty.
    ///
    /// What is told is in a header. The record that carries it is one of now, if that is earlier: brokers refuse records that
    /// are ahead of their clocks.
    pub(super) fn tell(
        &mut self,
        (stream_time, wall_clock): (Timestamp, Timestamp),
        collector: &RefCell<ProducerCollector>,
    ) -> Result<(), LogError> {
        let Some(reached) = self.reached else { return Ok(()) };
        if self.sender.has_caches() {
            self.sender.flushed_at(reached.unwrap_or(stream_time));
        }
        for topic in &self.topics {
            let Some(marks) = &topic.marks else { continue };
            let (partitions, headers) = marks.tell(reached, self.is_silent);
            let time = reached.unwrap_or(stream_time).min(wall_clock).max(Timestamp(0));
            for partition in partitions {
                collector.borrow_mut().send(topic, partition, None, None, time, &headers)?;
            }
        }
        self.told = Some((reached, self.now));
        self.is_silent = false;
        Ok(())
    }
}
