//! The Processor API: the types for writing your own processors.
//!
//! If a closure is enough, pass one to [`KStream::process`](super::KStream::process): it gets a [`Forward`] to send
//! records with, and a [`StoreRef`] for each of its stores. A [`Processor`] is a type of your own that has fields, and a
//! [`Schedule`] for being called as time passes.
//!
//! The names have a separate module, because programs with processors need most of them and other programs need none.

pub use crate::operators::process::{Forward, ForwardValues, Processor, PunctuationId, Schedule};
pub use crate::operators::processor_stores::{ProcessorStore, Refs, StoreRef, StoreSpec, StoreTuple};
pub use crate::operators::{PunctuationTime, RecordPosition};
