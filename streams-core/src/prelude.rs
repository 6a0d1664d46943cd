//! The names that nearly every program needs: `use millstream::prelude::*`.

pub use crate::client::{Client, StartAt};
pub use crate::config::{Layers, StreamsConfig};
pub use crate::dsl::processor::{Forward, Processor, PunctuationId, PunctuationTime, Refs, Schedule};
pub use crate::dsl::{
    CogroupedKStream, GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, SessionWindowedKStream,
    SlidingWindowedKStream, StreamsBuilder, Suppress, TimeWindowedKStream,
};
pub use crate::log::Embedded;
pub use crate::record::{Headers, Record, Timestamp};
pub use crate::runtime::{App, AppError, AppState};
pub use crate::state::{KeyValueStore, SessionStore, Timestamped, VersionedStore, WindowStore};
pub use crate::topic::Topic;
pub use crate::topology::{Topology, TopologyError};
pub use crate::windows::{
    CalendarWindows, DistinctWindows, Hopping, JoinWindows, Session, Sessions, Sliding, Tumbling, Unlimited, Window,
    Windowed,
};
pub use crate::wire::{Key, Value};
