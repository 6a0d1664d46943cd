//! `suppress`.

use std::time::Duration;

use super::KTable;
use super::lookup::Lookup;
use crate::dsl::suppress::{SuppressedBy, Suppresses};
use crate::operators::suppress::{self, Until};
use crate::topology::program::{Call, SuppressUntil};
use crate::wire::{Key, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Holds changes back and sends on only the last one of each key, so that what comes after it has less to do: until
    /// the key's window closes, which makes a windowed aggregation send one final result per key and window; or for some
    /// time. A [`Suppress`](crate::dsl::Suppress) says which, and how many changes may wait.
    ///
    /// Time is that of the records that arrive here, so what waits last is sent on only when later records come. What
    /// waits is in memory and in a changelog of its own, so that it survives a crash.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
    /// builder
    ///     .stream(VIEWS)
    ///     .group_by_key()
    ///     .windowed_by(minutes)
    ///     .count()
    ///     .suppress(Suppress::until_window_closes().unbounded())
    ///     .to_stream()
    ///     .to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [0, 59, 60, 49, 69, 70] {
    ///     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(second * 1_000));
    /// }
    /// // At 1:10 the first minute and its grace are over.
    /// let counts = driver.read(&PER_MINUTE).into_iter();
    /// let counts: Vec<_> = counts.map(|(key, count)| (key.window.start.0 / 60_000, count)).collect();
    /// assert_eq!(counts, [(0, 3)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn suppress(self, suppress: impl Suppresses<K>) -> Self
    where
        K: Key,
        V: Value,
    {
        let SuppressedBy { until, limits } = suppress.suppressed_by();
        let waits_for = match until {
            Until::WindowCloses { .. } => SuppressUntil::WindowCloses,
            Until::TimeLimit(_) | Until::WallClock(_) => SuppressUntil::Elapsed,
        };
        let call = Call::Suppress {
            input: self.step,
            until: waits_for,
            recipe: Box::new(move |store, grace| {
                let suppression = suppress::Suppression { until: with_grace(until, grace), limits };
                Box::new(move |behind_caches| suppress::recipe::<K, V>(store, suppression, behind_caches))
            }),
        };
        let Self { builder, .. } = self;
        let step = builder.add(call);
        let lookup = Lookup::suppressed(step, self.lookup());
        Self { builder, step, lookup: builder.attach(lookup) }
    }
}

fn with_grace<K>(until: Until<K>, grace: Duration) -> Until<K> {
    match until {
        Until::WindowCloses { end, .. } => {
            Until::WindowCloses { end, grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX) }
        }
        other => other,
    }
}
