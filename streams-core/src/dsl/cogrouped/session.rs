//! Several streams that are aggregated together in session windows.

use std::sync::Arc;

use super::{CogroupedKStream, Init, Merge};
use crate::dsl::Shared;
use crate::dsl::table::{self, KTable};
use crate::operators::merge;
use crate::record::Change;
use crate::topology::program::Call;
use crate::windows::{Session, SessionWindows, Windowed};
use crate::wire::{Key, Value};

/// Groups of several streams, by key and session; created by [`CogroupedKStream::windowed_by`].
#[must_use = "windows do nothing until they are aggregated"]
pub struct SessionWindowedCogroupedKStream<'t, K, A> {
    pub(in crate::dsl) groups: CogroupedKStream<'t, K, A>,
    pub(in crate::dsl) windows: SessionWindows,
}

impl<'t, K: Key, A: Value> SessionWindowedCogroupedKStream<'t, K, A> {
    /// An aggregate per key and session, created by `init` and updated by the records of all groups: a session lasts as long
    /// as records of any of them come. Sessions that become one are combined by `merge`: it gets the aggregate so far, which
    /// is `init`'s at first, and that of the next session, in the order of their ends.
    ///
    /// Each group has its own stream time, by which its records are late.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
    /// const VISITS: Topic<Windowed<u64, Session>, String> = Topic::new("visits");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (clicks, payments) = (builder.stream(CLICKS).group_by_key(), builder.stream(PAYMENTS).group_by_key());
    /// clicks
    ///     .cogroup(|visit: &mut String, page| visit.push_str(&page))
    ///     .cogroup(payments, |visit, cents| visit.push_str(&format!("[{cents}]")))
    ///     .windowed_by(Sessions::gap(Duration::from_secs(60)).no_grace())
    ///     .aggregate(String::new, |visit, later| visit + &later)
    ///     .to_stream()
    ///     .filter_some()
    ///     .to(VISITS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&CLICKS, 7_u64, "/home", Timestamp(0));
    /// driver.pipe_at(&PAYMENTS, 7_u64, 500, Timestamp(30_000));
    /// driver.pipe_at(&CLICKS, 7_u64, "/home", Timestamp(120_000));
    /// let visits = driver.read(&VISITS).into_iter().map(|(_, visit)| visit);
    /// assert_eq!(visits.collect::<Vec<_>>(), ["/home", "/home[500]", "/home"]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate(
        &self,
        init: impl Fn() -> A + Shared,
        merge: impl Fn(A, A) -> A + Shared,
    ) -> KTable<'t, Windowed<K, Session>, A> {
        self.aggregate_with(init, move |_, aggregate, other| merge(aggregate, other))
    }

    /// As [`SessionWindowedCogroupedKStream::aggregate`], but `merge` also gets the key.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with(
        &self,
        init: impl Fn() -> A + Shared,
        merge: impl Fn(&K, A, A) -> A + Shared,
    ) -> KTable<'t, Windowed<K, Session>, A> {
        let (init, merge): (Init<A>, Merge<K, A>) = (Arc::new(init), Arc::new(merge));
        let windows = self.windows;
        let call = Call::CogroupAggregate {
            cogroup: self.groups.step,
            inputs: self.groups.inputs(|input| input.by_session(Arc::clone(&init), Arc::clone(&merge), windows)),
            windows: Some(Box::new(windows)),
            merge: merge::recipe::<Windowed<K, Session>, Change<A>>(),
        };
        self.groups.table(call, table::view_of_sessions)
    }
}

impl<K, A> Clone for SessionWindowedCogroupedKStream<'_, K, A> {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), windows: self.windows }
    }
}

impl<K, A> std::fmt::Debug for SessionWindowedCogroupedKStream<'_, K, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionWindowedCogroupedKStream({:?}, {:?})", self.groups, self.windows)
    }
}
