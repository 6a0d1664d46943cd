//! How a table's changes are held back: until when, and how many.
//!
//! A suppression can be used only once it is decided how much it may hold back.

use std::time::Duration;

use crate::operators::suppress::{Limits, Until, WhenFull};
use crate::windows::InWindow;

/// Says until when [`KTable::suppress`](super::KTable::suppress) holds changes back.
///
/// What it holds back is in memory, so it must also say how much that may be: `.unbounded()`, or a limit with
/// what happens when that is exceeded.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
/// use std::time::Duration;
///
/// const PRICES: Topic<String, i64> = Topic::new("prices");
/// const CALMER: Topic<String, i64> = Topic::new("calmer-prices");
///
/// let builder = StreamsBuilder::new();
/// let every_ten_seconds = Suppress::until_time_limit(Duration::from_secs(10)).max_records(1_000).emit_early_when_full();
/// builder.table(PRICES).suppress(every_ten_seconds).to_stream().filter_some().to(CALMER);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (second, cents) in [(0, 100), (4, 101), (8, 99), (10, 102), (11, 103), (20, 104)] {
///     driver.pipe_at(&PRICES, "gold", cents, Timestamp(second * 1_000));
/// }
/// // Each first change waits for ten seconds, and others of its key do not wait for longer.
/// assert_eq!(driver.read(&CALMER), [("gold".to_owned(), 102)]);
/// # Ok::<(), TopologyError>(())
/// ```
#[doc(alias = "Suppressed")]
#[derive(Debug, Clone, Copy)]
pub struct Suppress(());

impl Suppress {
    /// Until the window of the row's key closes: when stream time reaches its end and the grace of the aggregation in
    /// windows from which the table comes. Each window of a key is then sent once, with its final result, or not at all if
    /// it was deleted. Only for windowed tables.
    ///
    /// It cannot send early, because a result would not be final then.
    pub const fn until_window_closes() -> SuppressUntil<WindowCloses> {
        SuppressUntil { until: WindowCloses(()) }
    }

    /// Until so much time has passed, by the records' timestamps, since the first change of the row's key that is held
    /// back.
    pub const fn until_time_limit(limit: Duration) -> SuppressUntil<TimeLimit> {
        SuppressUntil { until: TimeLimit(limit) }
    }

    /// Until so much time has passed on the wall clock since the first change of the row's key that is held back arrived.
    /// So what waits is sent on even if no record comes any more, within a tenth of that time or a second, whichever is
    /// shorter.
    ///
    /// This goes beyond Kafka Streams, where time passes only with records (KIP-424 asks for it). It depends on when
    /// records are processed, so that two runs over the same records may differ.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SEATS: Topic<String, i64> = Topic::new("free-seats");
    /// const SHOWN: Topic<String, i64> = Topic::new("shown-seats");
    ///
    /// let builder = StreamsBuilder::new();
    /// let calmer = Suppress::at_most_every(Duration::from_secs(10)).unbounded();
    /// builder.table(SEATS).suppress(calmer).to_stream().filter_some().to(SHOWN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&SEATS, "tosca", 40);
    /// driver.pipe(&SEATS, "tosca", 38);
    /// assert_eq!(driver.read(&SHOWN), []);
    /// driver.advance_wall_clock(Duration::from_secs(10));
    /// assert_eq!(driver.read(&SHOWN), [("tosca".to_owned(), 38)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub const fn at_most_every(interval: Duration) -> SuppressUntil<WallClock> {
        SuppressUntil { until: WallClock(interval) }
    }
}

/// The window of the row's key closes.
#[derive(Debug, Clone, Copy)]
pub struct WindowCloses(());

/// Time passes by the records' timestamps.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit(Duration);

/// Time passes on the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct WallClock(Duration);

/// A suppression that does not say yet how much it may hold back.
#[derive(Debug, Clone, Copy)]
#[must_use = "suppressions are described for `suppress(..)`"]
pub struct SuppressUntil<U> {
    until: U,
}

impl<U: Copy> SuppressUntil<U> {
    /// Holds back as much as there is, whatever memory that takes.
    #[doc(alias("with_no_bound", "BufferConfig"))]
    pub const fn unbounded(self) -> Suppression<U> {
        Suppression { until: self.until, limits: Limits::NONE }
    }

    /// Holds back the changes of so many keys at most, in each task.
    pub const fn max_records(self, records: usize) -> SuppressUpTo<U> {
        SuppressUpTo { until: self.until, limits: Limits { records, ..Limits::NONE } }
    }

    /// Holds back so many bytes at most, in each task. They are counted as Kafka Streams does: the key's and the values'
    /// bytes, topic and headers, and 28 for each change.
    pub const fn max_bytes(self, bytes: usize) -> SuppressUpTo<U> {
        SuppressUpTo { until: self.until, limits: Limits { bytes, ..Limits::NONE } }
    }
}

/// A suppression with a limit that does not say yet what happens when it is exceeded.
#[derive(Debug, Clone, Copy)]
#[must_use = "suppressions are described for `suppress(..)`"]
pub struct SuppressUpTo<U> {
    until: U,
    limits: Limits,
}

impl<U: Copy> SuppressUpTo<U> {
    /// Also holds back the changes of so many keys at most, in each task.
    pub const fn max_records(self, records: usize) -> Self {
        Self { limits: Limits { records, ..self.limits }, ..self }
    }

    /// Also holds back so many bytes at most, in each task; see [`SuppressUntil::max_bytes`].
    pub const fn max_bytes(self, bytes: usize) -> Self {
        Self { limits: Limits { bytes, ..self.limits }, ..self }
    }

    /// When the limit is exceeded, sends on the changes that have waited longest.
    pub const fn emit_early_when_full(self) -> Suppression<U>
    where
        U: MayBeEarly,
    {
        self.when_full(WhenFull::EmitEarly)
    }

    /// When the limit is exceeded, ends the application with an error. Nothing is lost: what is held back is there again
    /// when it starts, with a higher limit.
    pub const fn shut_down_when_full(self) -> Suppression<U> {
        self.when_full(WhenFull::ShutDown)
    }

    const fn when_full(self, when_full: WhenFull) -> Suppression<U> {
        Suppression { until: self.until, limits: Limits { when_full, ..self.limits } }
    }
}

/// A suppression that says everything.
#[derive(Debug, Clone, Copy)]
#[must_use = "suppressions are described for `suppress(..)`"]
pub struct Suppression<U> {
    until: U,
    limits: Limits,
}

/// What a suppression waits for if what it sends on need not be final.
#[diagnostic::on_unimplemented(
    message = "a final result cannot be sent early",
    label = "sends results that are not final",
    note = "use `.shut_down_when_full()` or `.unbounded()`; or, if results may change later, \
            `Suppress::until_time_limit(..)` instead of `Suppress::until_window_closes()`"
)]
pub trait MayBeEarly {}

impl MayBeEarly for TimeLimit {}
impl MayBeEarly for WallClock {}

/// A suppression for a table with keys `K`, complete with how much it may hold back.
#[diagnostic::on_unimplemented(
    message = "this suppression does not say how much it may hold back, or what happens when that is exceeded",
    label = "how many changes may wait?",
    note = "choose `.unbounded()`; or a limit such as `.max_records(10_000)`, followed by `.emit_early_when_full()` or \
            `.shut_down_when_full()`"
)]
pub trait Suppresses<K> {
    #[doc(hidden)]
    fn suppressed_by(self) -> SuppressedBy<K>;
}

/// What the operator has to know.
#[doc(hidden)]
#[derive(Debug)]
pub struct SuppressedBy<K> {
    pub(super) until: Until<K>,
    pub(super) limits: Limits,
}

impl<K: InWindow> Suppresses<K> for Suppression<WindowCloses> {
    fn suppressed_by(self) -> SuppressedBy<K> {
        // The grace is found in the topology.
        let until = Until::WindowCloses { end: |key: &K| key.window().end, grace_ms: 0 };
        SuppressedBy { until, limits: self.limits }
    }
}

impl<K> Suppresses<K> for Suppression<TimeLimit> {
    fn suppressed_by(self) -> SuppressedBy<K> {
        SuppressedBy { until: Until::TimeLimit(millis(self.until.0)), limits: self.limits }
    }
}

impl<K> Suppresses<K> for Suppression<WallClock> {
    fn suppressed_by(self) -> SuppressedBy<K> {
        SuppressedBy { until: Until::WallClock(millis(self.until.0)), limits: self.limits }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
