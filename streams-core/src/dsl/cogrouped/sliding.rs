//! Several streams that are aggregated together in sliding windows.

use std::sync::Arc;

use super::{CogroupedKStream, Init};
use crate::dsl::Shared;
use crate::dsl::table::{self, KTable};
use crate::operators::merge;
use crate::record::Change;
use crate::topology::program::Call;
use crate::windows::{SlidingWindows, Windowed};
use crate::wire::{Key, Value};

/// Groups of several streams, by key and sliding window; created by [`CogroupedKStream::windowed_by`].
#[must_use = "windows do nothing until they are aggregated"]
pub struct SlidingWindowedCogroupedKStream<'t, K, A> {
    pub(in crate::dsl) groups: CogroupedKStream<'t, K, A>,
    pub(in crate::dsl) windows: SlidingWindows,
}

impl<'t, K: Key, A: Value> SlidingWindowedCogroupedKStream<'t, K, A> {
    /// An aggregate per key and window, created by `init` and updated by the records of all groups: each record is in the
    /// window that ends with it, together with those of its key that are at most the difference older, from whichever stream
    /// they come.
    ///
    /// Records with a null value are dropped and counted. Each group has its own stream time, by which its records are late.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const MINUTE: Duration = Duration::from_secs(60);
    /// const LOGINS: Topic<String, String> = Topic::new("logins");
    /// const ALARMS: Topic<String, i64> = Topic::new("alarms");
    /// const RECENT: Topic<Windowed<String>, Option<String>> = Topic::new("recent").windows_of(MINUTE);
    ///
    /// let builder = StreamsBuilder::new();
    /// let (logins, alarms) = (builder.stream(LOGINS).group_by_key(), builder.stream(ALARMS).group_by_key());
    /// logins
    ///     .cogroup(|signs: &mut String, _| signs.push('.'))
    ///     .cogroup(alarms, |signs, _| signs.push('!'))
    ///     .windowed_by(Sliding::of(MINUTE).no_grace())
    ///     .aggregate(String::new)
    ///     .to_stream()
    ///     .to(RECENT);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&LOGINS, "ada", "failed", Timestamp(100_000));
    /// driver.pipe_at(&ALARMS, "ada", 1, Timestamp(130_000));
    /// driver.pipe_at(&LOGINS, "ada", "failed", Timestamp(170_000));
    /// let recent = driver.read(&RECENT).into_iter();
    /// let ends: Vec<_> = recent.map(|(key, signs)| (key.window.end.0, signs.unwrap_or_default())).collect();
    /// let expected = [
    ///     (100_000, "."),
    ///     // What comes after the first record, which is only the second one so far; and both.
    ///     (160_001, "!"),
    ///     (130_000, ".!"),
    ///     // The third one is not within a minute of the first.
    ///     (190_001, "."),
    ///     (170_000, "!."),
    /// ];
    /// assert_eq!(ends, expected.map(|(end, signs)| (end, signs.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate(&self, init: impl Fn() -> A + Shared) -> KTable<'t, Windowed<K>, A> {
        let (init, windows): (Init<A>, _) = (Arc::new(init), self.windows);
        let call = Call::CogroupAggregate {
            cogroup: self.groups.step,
            inputs: self.groups.inputs(|input| input.by_difference(Arc::clone(&init), windows)),
            windows: Some(Box::new(windows)),
            merge: merge::recipe::<Windowed<K>, Change<A>>(),
        };
        self.groups.table(call, table::view_of_sliding_windows)
    }
}

impl<K, A> Clone for SlidingWindowedCogroupedKStream<'_, K, A> {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), windows: self.windows }
    }
}

impl<K, A> std::fmt::Debug for SlidingWindowedCogroupedKStream<'_, K, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlidingWindowedCogroupedKStream({:?}, {:?})", self.groups, self.windows)
    }
}
