//! The Processor API: what code of your own is written with, in one place.
//!
//! Where a closure will do, [`KStream::process`](super::KStream::process) takes one, and it gets a [`Forward`] to
//! send with and a [`StoreRef`] for each of its stores. A [`Processor`] is a type of your own: it has fields, and
//! a [`Schedule`] by which it is called as time passes.
//!
//! A module of its own, because whoever writes processors needs most of these names, and whoever does not needs
//! none. They belong to the nodes that run such code, and are collected here for those who write it.

pub use crate::operators::process::{Forward, ForwardValues, Processor, PunctuationId, Schedule};
pub use crate::operators::stores::{ProcessorStore, Refs, StoreRef, StoreSpec, StoreTuple};
pub use crate::operators::{PunctuationTime, RecordPosition};
