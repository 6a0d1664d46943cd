//! What the user writes: typed, lazy, thin.
//!
//! A [`StreamsBuilder`] hands out streams and tables, which borrow it and are `Copy`; each operation adds a
//! call to the builder's program and hands out the next stream or table. Options come behind what they belong
//! to: `.count().named("views").stored_as(VIEWS)`. Nothing happens, and nothing has a name, until
//! [`StreamsBuilder::build`].
//!
//! One operation per file, with its bounds on the method, so that a type that does not fit is answered with
//! the sentence its trait has for it.
//!
//! Closures are `Fn + Send + Sync`: an operation exists once per task, on whichever worker has the task, so
//! there is no state to capture; state belongs in stores.

use crate::operators::{repartition_filter, sink, source};
use crate::topology::program::Repartition;
use crate::wire::{Field, NullableKey};

mod attached;
mod builder;
mod global_table;
mod grouped;
mod grouped_table;
mod handle;
pub mod processor;
mod processor_store;
mod stream;
mod table;
mod windowed;

pub use builder::{StreamsBuilder, Topics};
pub use global_table::GlobalKTable;
pub use grouped::KGroupedStream;
pub use grouped_table::KGroupedTable;
pub use processor_store::ProcessorStoreOptions;
pub use stream::{KStream, Output, Repartitioned, Split};
pub use table::KTable;
pub use windowed::TimeWindowedKStream;

/// What streams can carry: anything that can be cloned where a stream forks. A wire format is needed only
/// where records are sent or stored.
pub trait Data: Clone + 'static {}

impl<T: Clone + 'static> Data for T {}

/// A way through a repartition topic for records of these types.
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
