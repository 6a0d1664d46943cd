//! Joins of two tables where a row of the left one says which row of the right one it belongs to.
//!
//! The two rows are in tasks of different keys, so they talk through two topics, with Kafka Streams' messages
//! ([`crate::wire::foreign_key`]):
//!
//! 1. [`subscribe`]: an update on the left subscribes its row at the foreign key, with a hash of the row.
//! 2. [`keep`]: the task of the foreign key keeps the subscription,
//! 3. [`answer`]: and answers with the right row.
//! 4. [`tell`]: an update on the right is told to all subscribers.
//! 5. [`resolve`]: the left side joins the answer with its row, if that has still the same hash. If what it ignores may
//!    have mattered, the row asks again ([`doubts`]).
//!
//! Rows of either side are looked up as they were forwarded last ([`super::TableView::get_forwarded`]). What waits in a
//! cache is told later, so that whatever the other side has been told remains true until it is told something else.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;

use super::partitioner::{Partitioner, Partitions};
use super::{Recipe, sink};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::foreign_key::{Answer, Subscription};
use crate::wire::{DecodeError, EncodeError, Key, Value};

pub(crate) mod answer;
mod doubts;
pub(crate) mod keep;
pub(crate) mod resolve;
pub(crate) mod subscribe;
pub(crate) mod tell;

/// An encoded key `K` of the left side, which the right side never needs itself.
pub(super) struct LeftKey<K>(pub(super) Bytes, PhantomData<fn() -> K>);

impl<K> LeftKey<K> {
    pub(super) const fn new(encoded: Bytes) -> Self {
        Self(encoded, PhantomData)
    }
}

impl<K> Clone for LeftKey<K> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<K: Key> Value for LeftKey<K> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.0);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::new(Bytes::copy_from_slice(bytes)))
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        K::partition_bytes(encoded)
    }
}

/// What the right side sends back: its row is encoded once for all answers.
pub(super) type Sent = Answer<Bytes>;

/// Takes answers by the left side's keys `K` and sends them to the partitions that they are for, or to those that the
/// program chooses. `windows` are those of the keys.
pub(crate) fn sink_recipe<K: Key>(topic: TopicRef, choose: Option<Partitioner<K, ()>>, windows: WindowSizes) -> Recipe {
    let to: Partitioner<LeftKey<K>, Sent> = match choose {
        None => Arc::new(|_, answer, _| answer.to.map_or(Partitions::ByKey, |to| Partitions::One(to.0.into()))),
        Some(choose) => Arc::new(move |key: &LeftKey<K>, _, target| match K::decode(&key.0) {
            Ok(mut key) => {
                key.set_window_sizes(windows.as_slice());
                choose(&key, &(), target)
            }
            // Whoever reads the answer says what is wrong with it.
            Err(_) => Partitions::ByKey,
        }),
    };
    sink::partitioned_recipe::<LeftKey<K>, Sent, LeftKey<K>, Sent>(topic, Some(to))
}

/// Takes subscriptions by foreign key and sends them to the partitions that the program chooses, if it does. Those without a
/// foreign key are spread over all.
pub(crate) fn subscription_sink_recipe<F: Key>(topic: TopicRef, choose: Option<Partitioner<F, ()>>) -> Recipe {
    let to = choose.map(|choose| -> Partitioner<Option<F>, Subscription> {
        Arc::new(move |key: &Option<F>, _, target| {
            key.as_ref().map_or(Partitions::ByKey, |key| choose(key, &(), target))
        })
    });
    sink::partitioned_recipe::<Option<F>, Subscription, Option<F>, Subscription>(topic, to)
}
