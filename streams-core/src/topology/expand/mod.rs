//! Turns the program into the graph, in the single pass of `build()`.
//!
//! The program is read from top to bottom. Each call burns the numbers that Java's builder burns for it and becomes an
//! operation of the [`draft`]. Tables are materialised when something needs their rows, and streams whose key changed go
//! through a repartition topic before anything that depends on the key. Then sources of the same topics are merged, and
//! the operations are [written](mod@write) to the graph in Java's order, which numbers the sub-topologies.

use std::collections::{BTreeSet, HashMap};
use std::panic::Location;

use super::Optimizations;
use super::error::{CallSite, TopologyError};
use super::graph::Topology;
use super::names::Names;
use super::program::{Call, CallId, Options, Program, Written};
use crate::operators::StoreId;

mod cogrouped;
mod distinct;
mod draft;
mod finish;
mod foreign_key_join;
mod grouped;
mod handle;
mod joins;
mod key_windows;
mod optimize;
mod options;
mod processors;
mod stores;
mod stream_joins;
mod streams;
mod suppress;
mod tables;
mod tables_join;
mod tiles;
mod write;

use cogrouped::CogroupRepartitions;
use draft::{DraftId, Drafts};
use grouped::{GroupState, TableGroupState};
use processors::ProcessorStores;
use stores::Stores;
use streams::{SplitState, StreamState};
use tables::TableState;
use tiles::TileDraft;

/// Turns a program into a topology.
///
/// # Errors
/// The first error in the program.
pub(crate) fn expand(program: Program, optimizations: Optimizations) -> Result<Topology, TopologyError> {
    if let Some(problem) = program.problem {
        return Err(problem);
    }
    let mut expansion = Expansion::new(ProcessorStores::of(&program)?);
    for (number, step) in program.calls.into_iter().enumerate() {
        expansion.step(CallId(number), step)?;
    }
    expansion.finish(optimizations)
}

/// What is known of the part of the program that has been read.
struct Expansion {
    names: Names,
    drafts: Drafts,
    stores: Stores,
    processor_stores: ProcessorStores,
    streams: HashMap<CallId, StreamState>,
    tables: HashMap<CallId, TableState>,
    globals: HashMap<CallId, StoreId>,
    groups: HashMap<CallId, GroupState>,
    cogroups: HashMap<CallId, CogroupRepartitions>,
    table_groups: HashMap<CallId, TableGroupState>,
    splits: HashMap<CallId, SplitState>,
    /// The names of sources whose records must meet.
    copartitioned: Vec<BTreeSet<String>>,
    tiles: Vec<TileDraft>,
}

/// The call that is being expanded.
struct At<'a> {
    step: CallId,
    options: &'a Options,
    site: CallSite,
}

impl At<'_> {
    /// The name of the call's result for an error: the user's, or the prefix of a generated one.
    fn node_or(&self, prefix: &str) -> String {
        self.options.name().ok().flatten().unwrap_or(prefix.trim_end_matches('-')).to_owned()
    }
}

impl Expansion {
    #[track_caller]
    fn new(processor_stores: ProcessorStores) -> Self {
        Self {
            names: Names::default(),
            drafts: Drafts::new(Location::caller()),
            stores: Stores::default(),
            processor_stores,
            streams: HashMap::new(),
            tables: HashMap::new(),
            globals: HashMap::new(),
            groups: HashMap::new(),
            cogroups: HashMap::new(),
            table_groups: HashMap::new(),
            splits: HashMap::new(),
            copartitioned: Vec::new(),
            tiles: Vec::new(),
        }
    }

    fn step(&mut self, step: CallId, Written { call, options, at }: Written) -> Result<(), TopologyError> {
        let at = &At { step, options: &options, site: at };
        let first = DraftId(self.drafts.all.len());
        if let Some((option, site)) = options.source.said
            && !matches!(call, Call::Source { .. } | Call::Table { .. })
        {
            let reason =
                "it belongs directly after `builder.stream(..)` or `builder.table(..)`, whose records it is about";
            return Err(options::no_effect(option, reason.to_owned(), site));
        }
        if let Some((_, site)) = options.expiry
            && !expires(&call)
        {
            let reason = "rows expire from tables of a topic or a stream, from aggregations of streams without windows, and \
                          from processors' key-value stores; it belongs directly after one of these";
            return Err(options::no_effect(options::EXPIRE_AFTER, reason.to_owned(), site));
        }
        self.take_tiles(at);
        match call {
            Call::Source { topics, types, recipe } => self.source(at, topics, types, recipe),
            Call::Table { topic, source, is_readable, table } => self.table(at, topic, (source, is_readable), table),
            Call::GlobalTable { topic, source } => self.global_table(at, topic, source),
            Call::GlobalStore { topic, store, recipe } => self.global_store(at, topic, store, recipe),
            Call::Operator { input, prefix, changes, recipe } => self.operator(at, input, prefix, changes, recipe),
            Call::Distinct { input, span, through, recipe } => self.distinct(at, input, span, through, recipe),
            Call::Handle { input, through, recipe } => self.handle(at, input, through, recipe),
            Call::Split { input, recipe } => self.split(at, input, recipe()),
            Call::Branch { split, default, recipe } => self.branch(at, split, default, recipe),
            Call::NullableKeys { input, accept } => self.nullable_keys(at, input, accept),
            Call::Merge { left, right, recipe } => self.merge(at, left, right, recipe),
            Call::Repartition { input, through, sink } => self.repartition(at, input, through, sink),
            Call::Sink { input, topic, recipe } => self.sink(at, input, topic, recipe),
            Call::ChosenSink { input, chooser, recipe } => self.chosen_sink(at, input, chooser, recipe()),
            Call::ToTable { input, through, table } => self.table_of_stream(at, input, through, table),
            Call::Group { input, select, through } => self.group(at, input, select, through),
            Call::Aggregate { group, windows, kind, recipe } => self.aggregate(at, group, windows, kind, recipe),
            Call::CogroupAggregate { cogroup, inputs, windows, merge } => {
                self.cogroup_aggregate(at, cogroup, inputs, windows, merge)
            }
            Call::TableOperator { input, kind, recipe } => self.table_operator(at, input, kind, recipe),
            Call::Suppress { input, until, recipe } => self.suppress(at, input, until, recipe),
            Call::TransformTable { input, stores, recipe } => self.transform_table(at, input, &stores, recipe),
            Call::ToStream { input, recipe, select } => self.stream_of_table(at, input, recipe, select),
            Call::TableGroup { input, select, through } => self.table_group(at, input, select, through),
            Call::TableAggregate { group, kind, recipe } => self.table_aggregate(at, group, kind, recipe),
            Call::TableJoin(join) => self.table_join(at, join),
            Call::TablesJoin { left, right, join } => self.tables_join(at, (left, right), join),
            Call::ForeignKeyJoin { left, right, join } => self.foreign_key_join(at, left, right, join),
            Call::StreamJoin(join) => self.stream_join(at, *join),
            Call::Process { input, prefix, changes, stores, recipe } => {
                self.process(at, input, (prefix, changes), &stores, recipe)
            }
            Call::Store { .. } | Call::Cogroup => Ok(()),
            Call::GlobalJoin { input, table, left, changes, recipe } => {
                self.global_join(at, (input, table), (left, changes), recipe)
            }
        }?;
        self.give_windows(at, first)
    }

    fn stream(&self, step: CallId) -> Result<&StreamState, TopologyError> {
        self.streams.get(&step).ok_or_else(|| not_a("stream", step))
    }

    fn table_state(&mut self, step: CallId) -> Result<&mut TableState, TopologyError> {
        self.tables.get_mut(&step).ok_or_else(|| not_a("table", step))
    }
}

/// Whether a call makes rows that may expire.
const fn expires(call: &Call) -> bool {
    matches!(
        call,
        Call::Table { .. }
            | Call::ToTable { .. }
            | Call::Aggregate { windows: None, .. }
            | Call::CogroupAggregate { windows: None, .. }
            | Call::Store { .. }
    )
}

fn not_a(what: &str, step: CallId) -> TopologyError {
    TopologyError::Internal(format!("call {} makes no {what}", step.0))
}
