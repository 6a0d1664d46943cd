//! Joins of streams with tables, and global tables.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{CallId, Changes, Keeping, Repartition, TableJoin, TypedTopic};
use super::draft::{DraftKind, ROOT};
use super::key_windows::{KeyWindows, ReadBack};
use super::stores::NewStore;
use super::streams::{StreamState, stateless};
use super::tables::TableState;
use super::{At, Expansion};
use crate::operators::{Recipe, StoreId};
use crate::state::kinds::GraceBuffer;
use crate::topic::TopicRef;
use crate::windows::WindowSizes;

impl Expansion {
    pub(super) fn global_table(&mut self, at: &At<'_>, topic: TypedTopic, source: Recipe) -> Result<(), TopologyError> {
        if at.options.history().is_some() {
            let reason = "a global table has only the latest rows; keep it in a `KeyValueStore`".to_owned();
            return Err(TopologyError::Versions { node: at.node_or(prefix::TABLE_SOURCE), reason, at: at.site });
        }
        let (windows, topic) = (topic.windows(at.site)?, topic.name);
        let mut store = self.new_store(at, &format!("{topic}-"), windows)?;
        store.global_topic = Some(TopicRef::External(topic.as_str().into()));
        let store = self.stores.add(&store)?;
        let source = source.in_windows(windows).of_rows_in_topic(store);
        self.add_global(at, topic, source, store)?;
        self.globals.insert(at.step, store);
        Ok(())
    }

    /// Adds the nodes that fill a store of which every instance has a full copy.
    pub(super) fn add_global(
        &mut self,
        at: &At<'_>,
        topic: String,
        source: Recipe,
        store: StoreId,
    ) -> Result<(), TopologyError> {
        let given = at.options.name()?;
        let source_name = self.names.node_of(given, "-source", prefix::SOURCE);
        let name = self.names.node(given, prefix::TABLE_SOURCE);
        self.drafts.add(ROOT, name, DraftKind::GlobalTable { source_name, topic, source, store }, at.site);
        Ok(())
    }

    /// Joins a stream with a table: the stream is repartitioned if its key changed, and the join shares the table's
    /// store. With a grace period, the stream's records wait in a store of the join's own.
    pub(super) fn table_join(&mut self, at: &At<'_>, join: TableJoin) -> Result<(), TopologyError> {
        let TableJoin { input, table, left, grace, through, recipe } = join;
        let given = at.options.name()?;
        let read = ReadBack { what: "the join", windows: through.windows, at: at.site };
        let stream = self.partitioned_for_join(at, input, through, given)?;
        let sources: BTreeSet<_> = stream.sources.union(&self.table_state(table)?.sources).cloned().collect();
        self.copartitioned.push(sources.clone());
        let name = self.names.node(given, if left { prefix::LEFT_JOIN } else { prefix::JOIN });
        let rows = self.rows_of(table)?;
        let buffer = match grace {
            Some(grace) => {
                self.check_history(at, &name, table, (&rows, grace))?;
                Some(self.grace_buffer(at, &name, stream.windows.only(&read)?)?)
            }
            None => None,
        };
        let recipe = recipe(&|table| self.tables.get(&table).and_then(TableState::store), buffer)
            .ok_or_else(|| super::not_a("table whose rows are kept", table))?;
        let stores = buffer.into_iter().chain(rows).collect();
        let kind = DraftKind::Processor { recipe, stores, table: None };
        let node = self.drafts.add(stream.node, name.clone(), kind, at.site);
        self.drafts.all[node.0].keeps_null_keys = left;
        self.streams.insert(at.step, StreamState::new(name, sources, stream.windows, false, node));
        Ok(())
    }

    /// The store of the records that wait for late rows.
    fn grace_buffer(&mut self, at: &At<'_>, join: &str, windows: WindowSizes) -> Result<StoreId, TopologyError> {
        self.stores.add(&NewStore {
            name: format!("{join}-Buffer"),
            kind: Arc::new(GraceBuffer),
            keeping: Keeping::default(),
            global_topic: None,
            windows,
            cached: false,
            at: at.site,
        })
    }

    /// Refuses a grace period if the table does not know its rows of that long ago.
    fn check_history(
        &mut self,
        at: &At<'_>,
        join: &str,
        table: CallId,
        (stores, grace): (&[StoreId], Duration),
    ) -> Result<(), TopologyError> {
        let table = self.table_state(table)?;
        let (versioned, node) = (table.versioned, table.node);
        let name = &self.drafts.get(node).name;
        let refused = |reason: String| Err(TopologyError::Versions { node: join.to_owned(), reason, at: at.site });
        if !versioned {
            return refused(format!(
                "its records wait {grace:?} for rows of their time, but the table `{name}` has only the latest rows; keep it \
                 in a `VersionedStore` with a history of at least {grace:?}"
            ));
        }
        for store in stores {
            let Some((store, history)) = self.stores.history(*store).filter(|(_, history)| *history < grace) else {
                continue;
            };
            return refused(format!(
                "its records wait {grace:?} for rows of their time, but the table `{name}` knows those only of the last \
                 {history:?}; give its store `{store}` a history of at least {grace:?}"
            ));
        }
        Ok(())
    }

    /// The stream after its repartition for joins, if it needs one. Several joins of one stream share it, unless a
    /// given name gives a join its own topic; numbers are burned each time.
    pub(super) fn partitioned_for_join(
        &mut self,
        at: &At<'_>,
        input: CallId,
        through: Repartition,
        given: Option<&str>,
    ) -> Result<StreamState, TopologyError> {
        let stream = self.stream(input)?.clone();
        if !stream.key_changed {
            return Ok(stream);
        }
        let base = given.unwrap_or(&stream.name);
        let names = self.names.repartition(base);
        let (node, windows) = match stream.join_repartition {
            Some(there) if base == stream.name => there,
            _ => {
                let added =
                    self.repartition_draft(at, (stream.node, &stream.windows), names, through.by_key(), None)?;
                if let Some(stream) = self.streams.get_mut(&input) {
                    stream.join_repartition = Some(added);
                }
                added
            }
        };
        let name = self.drafts.get(node).name.clone();
        let (sources, windows) = (BTreeSet::from([name.clone()]), KeyWindows::known(windows));
        Ok(StreamState::new(name, sources, windows, false, node))
    }

    pub(super) fn global_join(
        &mut self,
        at: &At<'_>,
        (input, table): (CallId, CallId),
        (left, changes): (bool, Changes),
        recipe: impl FnOnce(StoreId) -> Recipe,
    ) -> Result<(), TopologyError> {
        let store = *self.globals.get(&table).ok_or_else(|| super::not_a("global table", table))?;
        let stream = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix::LEFT_JOIN);
        let node = self.drafts.add(stream.node, name.clone(), stateless(recipe(store)), at.site);
        self.drafts.all[node.0].keeps_null_keys = left;
        self.drafts.all[node.0].role = changes.into();
        let stream = StreamState::new(name, stream.sources, stream.windows, stream.key_changed, node);
        self.streams.insert(at.step, stream);
        Ok(())
    }
}
