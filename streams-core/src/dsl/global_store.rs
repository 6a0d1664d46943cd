//! Stores of which every instance has a full copy, filled by the program's own code.

use std::panic::Location;

use super::processor::FilledStore;
use super::{Shared, StreamsBuilder};
use crate::operators::global_processor;
use crate::record::Record;
use crate::topic::{Topic, TopicRef};
use crate::topology::program::{Call, CallId, TypedTopic};
use crate::wire::Field;

impl StreamsBuilder {
    /// A store of which every instance has a full copy, filled from a topic by your own code: the records of all
    /// partitions pass through it, one after the other. A [global table](StreamsBuilder::global_table) has the topic's
    /// rows as they are; this is for rows that are made of them. The store is a `KeyValueStore`, `ProcessorWindowStore`,
    /// `ProcessorSessionStore` or `VersionedStore`, and processors read it with its `.read_only()`.
    ///
    /// Rows of windows, sessions and versions are kept for their retention, measured by the newest row in the store.
    ///
    /// The topic is its changelog: after a loss of the store all of it passes through the code again, so what the code
    /// writes should follow from the records alone. It is read to its end before the application processes anything, and
    /// independently of all tasks from then on. Each record changes the store exactly once.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const PRODUCTS: Topic<u64, String> = Topic::new("products"); // an id and `code;name`
    /// const ORDERS: Topic<u64, String> = Topic::new("orders"); // an id and a product's code
    /// const NAMED: Topic<u64, String> = Topic::new("named-orders");
    /// const BY_CODE: KeyValueStore<String, String> = KeyValueStore::new("products-by-code");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.global_store(PRODUCTS, BY_CODE, |by_code, product| {
    ///     if let Some((code, name)) = product.value.split_once(';') {
    ///         by_code.put(&code.to_owned(), name.to_owned());
    ///     }
    /// });
    /// builder
    ///     .stream(ORDERS)
    ///     .process_values(BY_CODE.read_only(), |by_code, _, code, out| {
    ///         out.send(by_code.get(&code).unwrap_or(code));
    ///     })
    ///     .to(NAMED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PRODUCTS, 17_u64, "T1;tea");
    /// driver.pipe(&ORDERS, 1_u64, "T1");
    /// assert_eq!(driver.read(&NAMED), [(1, "tea".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "add_global_store")]
    #[track_caller]
    pub fn global_store<K: Field, V: Field, S: FilledStore>(
        &self,
        topic: Topic<K, V>,
        store: S,
        code: impl Fn(&mut S::Filled<'_>, Record<K, V>) + Shared,
    ) -> GlobalStoreOptions<'_> {
        let from = TopicRef::External(topic.name().into());
        let call = Call::GlobalStore {
            topic: TypedTopic::of(&topic),
            store: store.filled(),
            recipe: Box::new(move |place| global_processor::recipe::<K, V, S>(from, place, code)),
        };
        GlobalStoreOptions { builder: self, step: self.add(call) }
    }
}

/// The options of a global store; created by [`StreamsBuilder::global_store`].
#[derive(Clone, Copy, Debug)]
pub struct GlobalStoreOptions<'t> {
    builder: &'t StreamsBuilder,
    step: CallId,
}

impl GlobalStoreOptions<'_> {
    /// Names the nodes that fill the store.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }
}
