//! The user's view of a topology: a thin typed layer that only records calls.
//!
//! A [`StreamsBuilder`] creates streams and tables, which borrow it and are `Copy`; each operation adds a call to the
//! builder's program and returns the next stream or table. Options follow what they belong to:
//! `.count().named("views").stored_as(VIEWS)`. Nothing happens, and nothing has a name, until
//! [`StreamsBuilder::build`].
//!
//! There is one operation per file. Bounds are on the methods, so that a type that does not fit gets the error message
//! of the trait that it lacks.
//!
//! Closures are [`Shared`]: every task calls the same closure, on whichever worker runs the task, so closures have no
//! state to capture. State belongs in stores.

use crate::operators::{repartition_filter, sink, source};
use crate::topology::program::Repartition;
use crate::wire::{Field, NullableKey};

mod attached;
mod builder;
mod cogrouped;
mod global_store;
mod global_table;
mod grouped;
mod grouped_table;
mod handle;
pub mod handler;
mod joinable;
pub mod live;
#[doc(hidden)]
pub mod not_yet;
pub mod processor;
mod processor_store;
mod reading;
mod shared;
mod stream;
pub mod suppress;
mod table;
mod windowed;

pub use crate::operators::chosen_sink::{ChosenTopic, RecordContext};
pub use crate::operators::partitioner::{IntoPartition, IntoPartitions, Partitions, Target};
pub use crate::operators::timestamps::{ExtractedTime, IntoExtractedTime};
pub use builder::{StreamsBuilder, Topics, TopicsToRead};
pub use cogrouped::{
    CogroupedKStream, SessionWindowedCogroupedKStream, SlidingWindowedCogroupedKStream, TimeWindowedCogroupedKStream,
};
pub use global_store::GlobalStoreOptions;
pub use global_table::GlobalKTable;
pub use grouped::KGroupedStream;
pub use grouped_table::KGroupedTable;
pub use joinable::{Joinable, OuterJoinable};
pub use processor_store::ProcessorStoreOptions;
pub use shared::Shared;
pub use stream::{Distinct, Handled, KStream, Mergeable, Output, Repartitioned, Sent, Split, StreamWithin};
pub use suppress::Suppress;
pub use table::{ForeignKey, ForeignTable, GroupedRow, KTable, OtherTable, PartitionedTable, TableWithGrace};
pub use windowed::{IntoWindows, SessionWindowedKStream, SlidingWindowedKStream, TimeWindowedKStream};

/// A key or value in a stream: anything that can be cloned where the stream forks. A wire format is needed only where
/// records are sent or stored.
pub trait Data: Clone + 'static {}

impl<T: Clone + 'static> Data for T {}

/// The recipes to send records of these types through a repartition topic.
fn through<K, V>() -> Repartition
where
    K: NullableKey,
    V: Field,
{
    Repartition {
        filter: repartition_filter::recipe::<K, V>,
        sink: sink::recipe::<K, V, K, V>,
        source: source::recipe::<K, V>,
        windows: K::WINDOWS,
    }
}
