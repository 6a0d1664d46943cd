//! A processor's punctuations: what it schedules and cancels, until the runtime takes note of it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::operators::{Punctuate, Punctuation, PunctuationTime};
use crate::record::Timestamp;

/// Identifies a punctuation, as returned by [`Schedule::every`]. No two of a task are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PunctuationId(usize);

/// A change of the punctuations of a task.
pub(crate) enum ScheduleRequest {
    /// A new one.
    Add(Punctuation),
    /// One that is to fire no more.
    Cancel(PunctuationId),
}

/// What the processors of a task have asked for since the runtime looked last.
#[derive(Clone, Default)]
pub(crate) struct ScheduleBook {
    requests: Rc<RefCell<Vec<ScheduleRequest>>>,
    next: Rc<Cell<usize>>,
}

impl ScheduleBook {
    /// Takes the requests in their order.
    pub(crate) fn take(&self) -> Vec<ScheduleRequest> {
        if self.requests.borrow().is_empty() { Vec::new() } else { std::mem::take(&mut self.requests.borrow_mut()) }
    }

    /// A number for another punctuation of the task.
    pub(crate) fn new_id(&self) -> PunctuationId {
        let id = self.next.get();
        self.next.set(id + 1);
        PunctuationId(id)
    }
}

/// Schedules a processor's punctuations: in [`Processor::init`](super::Processor::init), and at any time with
/// [`Forward::schedule`](super::Forward::schedule).
#[doc(alias = "Cancellable")]
pub struct Schedule {
    book: ScheduleBook,
    /// The processor, as soon as it is built.
    target: Option<Weak<RefCell<dyn Punctuate>>>,
    /// What was scheduled before that.
    first: Vec<NewPunctuation>,
    too_often: bool,
}

#[derive(Clone, Copy)]
struct NewPunctuation {
    id: PunctuationId,
    time: PunctuationTime,
    interval: Duration,
    start: Option<Timestamp>,
}

impl NewPunctuation {
    fn of(self, target: Rc<RefCell<dyn Punctuate>>) -> Punctuation {
        let Self { id, time, interval, start } = self;
        Punctuation { id, time, interval, start, target }
    }
}

impl Schedule {
    pub(super) const fn new(book: ScheduleBook) -> Self {
        Self { book, target: None, first: Vec::new(), too_often: false }
    }

    /// Schedules a call of [`Processor::punctuate`](super::Processor::punctuate) every `interval` of the given time, in
    /// whole milliseconds and at least one. Missed times are skipped.
    ///
    /// By stream time it is called first as soon as stream time is known, and then at multiples of the interval; by the
    /// wall clock one interval from now.
    #[doc(alias("schedule", "punctuate"))]
    pub fn every(&mut self, interval: Duration, time: PunctuationTime) -> PunctuationId {
        self.add(interval, time, None)
    }

    /// As [`Schedule::every`], at `start` and whole numbers of intervals after it (KIP-1146). Those that are over already
    /// are skipped. A `start` before 1970 counts as 1970.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const TICKETS: Topic<String, i64> = Topic::new("tickets");
    /// const TOTALS: Topic<String, i64> = Topic::new("totals");
    ///
    /// /// Sends at ten past every hour of stream time how many there have been.
    /// #[derive(Default)]
    /// struct TenPast(i64);
    ///
    /// impl Processor<String, i64, String, i64> for TenPast {
    ///     type Stores = ();
    ///
    ///     fn init(&mut self, schedule: &mut Schedule) {
    ///         let ten_past = Timestamp(10 * 60_000);
    ///         schedule.every_from(ten_past, Duration::from_secs(3_600), PunctuationTime::Stream);
    ///     }
    ///
    ///     fn process(&mut self, (): Refs<'_, ()>, _: Record<String, i64>, _: &mut Forward<'_, String, i64>) {
    ///         self.0 += 1;
    ///     }
    ///
    ///     fn punctuate(
    ///         &mut self,
    ///         _: PunctuationId,
    ///         _: Timestamp,
    ///         (): Refs<'_, ()>,
    ///         out: &mut Forward<'_, String, i64>,
    ///     ) {
    ///         out.send("tickets".to_owned(), self.0);
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(TICKETS).process_with((), TenPast::default).to(TOTALS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for minute in [5, 9, 10, 69, 71] {
    ///     driver.pipe_at(&TICKETS, "a", 1, Timestamp(minute * 60_000));
    /// }
    /// assert_eq!(driver.read(&TOTALS), [3, 5].map(|total| ("tickets".to_owned(), total)));
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn every_from(&mut self, start: Timestamp, interval: Duration, time: PunctuationTime) -> PunctuationId {
        self.add(interval, time, Some(start.max(Timestamp(0))))
    }

    /// Ends a punctuation, which is not called again. In [`Processor::punctuate`](super::Processor::punctuate) it may be
    /// the one that is being called.
    #[doc(alias = "Cancellable")]
    pub fn cancel(&mut self, punctuation: PunctuationId) {
        self.first.retain(|first| first.id != punctuation);
        if self.target.is_some() {
            self.book.requests.borrow_mut().push(ScheduleRequest::Cancel(punctuation));
        }
    }

    fn add(&mut self, interval: Duration, time: PunctuationTime, start: Option<Timestamp>) -> PunctuationId {
        let new = NewPunctuation { id: self.book.new_id(), time, interval, start };
        if interval < Duration::from_millis(1) {
            self.too_often = true;
            return new.id;
        }
        match &self.target {
            Some(target) => {
                if let Some(target) = target.upgrade() {
                    self.book.requests.borrow_mut().push(ScheduleRequest::Add(new.of(target)));
                }
            }
            None => self.first.push(new),
        }
        new.id
    }

    /// Connects it with the processor that was built, and returns what was scheduled before.
    pub(super) fn connect(&mut self, target: &Rc<RefCell<dyn Punctuate>>) -> Vec<Punctuation> {
        self.target = Some(Rc::downgrade(target));
        std::mem::take(&mut self.first).into_iter().map(|new| new.of(Rc::clone(target))).collect()
    }

    /// Whether there was an interval below a millisecond since this was asked last.
    pub(super) const fn take_too_often(&mut self) -> bool {
        std::mem::replace(&mut self.too_often, false)
    }
}

/// What is said about an interval below a millisecond.
pub(super) const TOO_OFTEN: &str = "it asks to be called more often than once a millisecond";

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule")
    }
}
