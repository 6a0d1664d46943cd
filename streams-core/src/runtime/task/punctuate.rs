//! When punctuators fire.
//!
//! Stream-time punctuators fire as soon as stream time is known and then at multiples of their interval; wall-clock
//! ones first one interval after they were scheduled; anchored ones at the times that follow from their start. Missed times are skipped, not replayed (Kafka Streams'
//! `PunctuationSchedule`), and those that are overdue fire in the order in which they were due.

use std::rc::Rc;
use std::time::Duration;

use super::due_queue::DueQueue;
use crate::operators::process::{PunctuationId, ScheduleBook, ScheduleRequest};
use crate::operators::{Address, Context, OperatorError, Punctuation, PunctuationTime, blaming};
use crate::record::Timestamp;

/// A task's punctuators, and when each fires next.
pub(crate) struct Punctuations {
    /// By number; `None` after they were cancelled.
    punctuators: Vec<Option<Punctuation>>,
    /// Numbers that no queue has any more.
    free: Vec<usize>,
    /// What processors ask for while the task runs.
    book: ScheduleBook,
    by_stream_time: DueQueue,
    by_wall_clock: DueQueue,
}

impl Punctuations {
    /// Schedules them as of the context's times.
    pub(crate) fn new(punctuators: Vec<Punctuation>, book: ScheduleBook, context: &Context) -> Self {
        let (by_stream_time, by_wall_clock) = (DueQueue::default(), DueQueue::default());
        let mut punctuations = Self { punctuators: Vec::new(), free: Vec::new(), book, by_stream_time, by_wall_clock };
        punctuators.into_iter().for_each(|punctuator| punctuations.add(punctuator, context));
        punctuations
    }

    fn add(&mut self, punctuator: Punctuation, context: &Context) {
        let (now, first) = match punctuator.time {
            PunctuationTime::Stream => (context.stream_time, Some(0)),
            PunctuationTime::WallClock => {
                (context.wall_clock, context.wall_clock.0.checked_add(interval_ms(punctuator.interval)))
            }
        };
        let first = match punctuator.start {
            Some(start) if start < now => following(start, now, interval_ms(punctuator.interval)),
            Some(start) => Some(start),
            None => first.map(Timestamp),
        };
        let Some(first) = first else { return };
        let number = self.free.pop().unwrap_or(self.punctuators.len());
        self.queue(punctuator.time).add(first, number);
        match self.punctuators.get_mut(number) {
            Some(free) => *free = Some(punctuator),
            None => self.punctuators.push(Some(punctuator)),
        }
    }

    const fn queue(&mut self, time: PunctuationTime) -> &mut DueQueue {
        match time {
            PunctuationTime::Stream => &mut self.by_stream_time,
            PunctuationTime::WallClock => &mut self.by_wall_clock,
        }
    }

    /// Does what processors have asked for since this was called last. What is cancelled stays in its queue until it is
    /// due, as in Kafka Streams.
    pub(crate) fn take_requests(&mut self, context: &Context) {
        for request in self.book.take() {
            match request {
                ScheduleRequest::Add(punctuator) => self.add(punctuator, context),
                ScheduleRequest::Cancel(id) => self.cancel(id),
            }
        }
    }

    fn cancel(&mut self, id: PunctuationId) {
        let has_it = |punctuator: &&mut Option<Punctuation>| punctuator.as_ref().is_some_and(|one| one.id == id);
        if let Some(punctuator) = self.punctuators.iter_mut().find(has_it) {
            *punctuator = None;
        }
    }

    /// Fires those of one kind that are due at `now`; whether any fired.
    pub(crate) fn fire(
        &mut self,
        time: PunctuationTime,
        now: Timestamp,
        context: &mut Context,
    ) -> Result<bool, OperatorError> {
        self.take_requests(context);
        if now == Timestamp::UNKNOWN {
            return Ok(false);
        }
        let mut fired = false;
        while let Some((due, number)) = self.queue(time).take_due(now) {
            let Some(Some(Punctuation { id, interval, target, .. })) = self.punctuators.get(number) else {
                self.free.push(number);
                continue;
            };
            let (id, interval, target) = (*id, interval_ms(*interval), Rc::clone(target));
            fired = true;
            context
                .release(|context| blaming(Address::of(&target), || target.borrow_mut().punctuate(context, id, now)))?;
            self.take_requests(context);
            match following(due, now, interval) {
                Some(next) if self.punctuators.get(number).is_some_and(Option::is_some) => {
                    self.queue(time).add(next, number);
                }
                _ => self.free.push(number),
            }
        }
        Ok(fired)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.punctuators.iter().all(Option::is_none)
    }

    /// When the next wall-clock punctuator is due.
    pub(crate) fn next_wall_clock(&self) -> Option<Timestamp> {
        self.by_wall_clock.next()
    }

    /// The shortest interval of the wall-clock punctuators.
    pub(crate) fn wall_clock_interval(&self) -> Option<Duration> {
        let punctuators = self.punctuators.iter().flatten();
        let wall_clock = punctuators.filter(|punctuator| punctuator.time == PunctuationTime::WallClock);
        wall_clock.map(|punctuator| punctuator.interval).min()
    }
}

fn interval_ms(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// The first time after `now` that is a whole number of intervals after `due`; `None` when time ends before that.
fn following(due: Timestamp, now: Timestamp, interval_ms: i64) -> Option<Timestamp> {
    let missed = now.0.checked_sub(due.0)? / interval_ms;
    let distance = missed.checked_add(1)?.checked_mul(interval_ms)?;
    due.0.checked_add(distance).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::log::LogError;
    use crate::operators::{Collector, Destination, Punctuate};
    use crate::record::{Headers, Partition, TaskId};

    #[test]
    fn missed_times_are_skipped_and_the_grid_is_kept() {
        for (due, now, interval, expected) in [
            (0, 0, 10, Some(10)),
            (0, 7, 10, Some(10)),
            (0, 10, 10, Some(20)),
            (10, 57, 10, Some(60)),
            (3, 3, 1, Some(4)),
            (0, i64::MAX, 10, None),
            (0, i64::MAX - 1, 1, Some(i64::MAX)),
        ] {
            let next = following(Timestamp(due), Timestamp(now), interval);
            assert_eq!(next, expected.map(Timestamp), "{due} {now} {interval}");
        }
    }

    struct Nowhere;

    impl Collector for Nowhere {
        fn send(
            &mut self,
            _: &Destination,
            _: Partition,
            _: Option<&[u8]>,
            _: Option<&[u8]>,
            _: Timestamp,
            _: &Headers,
        ) -> Result<(), LogError> {
            Ok(())
        }
    }

    /// Which punctuator fired, and when, as `number@time`.
    type Fired = Rc<RefCell<Vec<String>>>;

    struct Note(usize, Fired);

    impl Punctuate for Note {
        fn punctuate(&mut self, _: &mut Context, _: PunctuationId, now: Timestamp) -> Result<(), OperatorError> {
            self.1.borrow_mut().push(format!("{}@{}", self.0, now.0));
            Ok(())
        }
    }

    /// What fires when punctuators of these intervals are scheduled at 0 and looked at then.
    fn fired(time: PunctuationTime, intervals: &[u64], looks: &[i64]) -> String {
        let fired = Fired::default();
        let book = ScheduleBook::default();
        let punctuation = |(number, interval): (usize, &u64)| Punctuation {
            id: book.new_id(),
            time,
            interval: Duration::from_millis(*interval),
            start: None,
            target: Rc::new(RefCell::new(Note(number, Rc::clone(&fired)))),
        };
        let task = TaskId { subtopology: 0, partition: Partition(0) };
        let mut context = Context::new(task, Rc::new(RefCell::new(Nowhere)));
        context.wall_clock = Timestamp(0);
        let punctuators = intervals.iter().enumerate().map(punctuation).collect();
        let mut punctuations = Punctuations::new(punctuators, book.clone(), &context);
        for now in looks {
            punctuations.fire(time, Timestamp(*now), &mut context).expect("no error");
        }
        fired.borrow().join(" ")
    }

    /// What Kafka Streams 4.3.1 prints.
    #[test]
    fn overdue_punctuators_fire_in_javas_order() {
        let (wall_clock, stream) = (PunctuationTime::WallClock, PunctuationTime::Stream);
        let mixed = [10, 20, 10, 30, 20, 10, 15];
        for (time, intervals, looks, expected) in [
            (wall_clock, &[45_000, 30_000, 20_000][..], &[50_000][..], "2@50000 1@50000 0@50000"),
            (wall_clock, &[10; 2], &[10, 20, 55], "0@10 1@10 0@20 1@20 0@55 1@55"),
            (wall_clock, &[10; 4], &[10, 20], "0@10 3@10 1@10 2@10 1@20 2@20 0@20 3@20"),
            (
                wall_clock,
                &[10; 7],
                &[10, 20, 30],
                "0@10 6@10 1@10 3@10 4@10 2@10 5@10 2@20 5@20 1@20 0@20 6@20 4@20 3@20 \
                 4@30 3@30 1@30 2@30 5@30 6@30 0@30",
            ),
            (
                wall_clock,
                &mixed,
                &[10, 30, 40, 100, 105, 135],
                "0@10 2@10 5@10 6@30 5@30 1@30 4@30 2@30 0@30 3@30 0@40 2@40 5@40 4@40 1@40 \
                 6@100 0@100 5@100 2@100 1@100 3@100 4@100 6@105 5@135 2@135 0@135 6@135 1@135 4@135 3@135",
            ),
            (
                stream,
                &mixed,
                &[-1, 0, 10, 35, 36, 100],
                "0@0 6@0 1@0 3@0 4@0 2@0 5@0 0@10 5@10 2@10 6@35 2@35 5@35 1@35 4@35 0@35 3@35 \
                 0@100 5@100 2@100 4@100 1@100 6@100 3@100",
            ),
        ] {
            assert_eq!(fired(time, intervals, looks), expected, "{time:?} {intervals:?}");
        }
    }

    /// It fired with every record from then on.
    #[test]
    fn at_the_end_of_time_a_punctuator_fires_once_more() {
        let end = i64::MAX;
        assert_eq!(fired(PunctuationTime::Stream, &[10], &[5, end, end, end]), format!("0@5 0@{end}"));
    }
}
