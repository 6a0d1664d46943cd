//! `split`: splits a stream into branches.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::KStream;
use crate::dsl::attached::Attached;
use crate::dsl::{Data, Shared, StreamsBuilder, handle};
use crate::operators::{branch, merge};
use crate::topology::program::{Call, CallId};

/// The predicates of a split, which its branches add.
type Predicates<K, V> = Rc<RefCell<Vec<branch::Predicate<K, V>>>>;

impl<'t, K, V> KStream<'t, K, V> {
    /// Splits the stream: each record goes to the first branch whose predicate is true. All other records go to the
    /// default branch, or are left out if there is none.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const ORDERS: Topic<u64, i64> = Topic::new("orders");
    /// const SMALL: Topic<u64, i64> = Topic::new("small-orders");
    /// const LARGE: Topic<u64, i64> = Topic::new("large-orders");
    /// const HUGE: Topic<u64, i64> = Topic::new("huge-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_size = builder.stream(ORDERS).split().named("size-");
    /// by_size.branch(|_, cents| *cents < 1_000).named("small").to(SMALL);
    /// by_size.branch(|_, cents| *cents < 100_000).named("large").to(LARGE);
    /// by_size.default_branch().to(HUGE);
    ///
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("--> size-0, size-large, size-small"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "branch")]
    #[track_caller]
    pub fn split(self) -> Split<'t, K, V>
    where
        K: Data,
        V: Data,
    {
        let predicates = Predicates::<K, V>::default();
        let attached = self.builder.attach(Rc::clone(&predicates));
        let call = Call::Split { input: self.step, recipe: Box::new(move || branch::recipe(predicates.take())) };
        Split { input: self, step: self.builder.add(call), predicates: attached }
    }
}

/// A stream that is being split; created by [`KStream::split`].
#[must_use = "a split does nothing until its branches are used"]
pub struct Split<'t, K, V> {
    input: KStream<'t, K, V>,
    step: CallId,
    predicates: Attached<Predicates<K, V>>,
}

handle::copy!(Split);
handle::debug!(Split);

impl<'t, K, V> Split<'t, K, V> {
    /// Names the split. A branch's name is this name and its number (from 1; the default branch has 0), or this name and
    /// its own.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder().name(self.step, name.into(), Location::caller());
        self
    }

    /// The records for which this predicate is true and those of the earlier branches are not.
    #[track_caller]
    pub fn branch(self, predicate: impl Fn(&K, &V) -> bool + Shared) -> KStream<'t, K, V>
    where
        K: Data,
        V: Data,
    {
        if let Some(predicates) = self.builder().shared(self.predicates) {
            predicates.borrow_mut().push(Arc::new(predicate));
        }
        self.add(false)
    }

    /// The records for which no predicate is true. It must be the last branch.
    #[track_caller]
    pub fn default_branch(self) -> KStream<'t, K, V>
    where
        K: Data,
        V: Data,
    {
        self.add(true)
    }

    #[track_caller]
    fn add(self, default: bool) -> KStream<'t, K, V>
    where
        K: Data,
        V: Data,
    {
        let call = Call::Branch { split: self.step, default, recipe: merge::recipe::<K, V>() };
        KStream::new(self.builder(), self.builder().add(call))
    }

    const fn builder(self) -> &'t StreamsBuilder {
        self.input.builder
    }
}
