//! Tables: where their rows are, and who needs old values.
//!
//! A table that reads a topic is kept in a store only if the user named a store, a join needs its rows, or a node
//! downstream needs old values. A filtered or mapped table is kept only if the user named a store; otherwise its rows
//! are computed from its parent's. Aggregates are always kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::error::{CallSite, TopologyError};
use super::super::names::prefix;
use super::super::program::{
    CallId, Repartition, SourceRecipe, TableOperatorKind, TableOperatorRecipe, TableRecipe, TypedTopic,
};
use super::draft::{DraftId, DraftKind, ROOT, Role, SourceReading};
use super::key_windows::{KeyWindows, ReadBack};
use super::options::{EXPIRE_AFTER, no_effect};
use super::stores::NewStore;
use super::streams::{StreamState, stateless};
use super::{At, Expansion};
use crate::operators::processor_stores::StoreSpec;
use crate::operators::source::IsReadable;
use crate::operators::{Placed, Recipe, StoreId};
use crate::state::StoreKind;
use crate::state::kinds::{Expiring, Table, Versioned};
use crate::windows::WindowSizes;

/// What is known of a table while the program is read.
pub(super) struct TableState {
    /// The names of the sources that its records came from.
    pub(super) sources: BTreeSet<String>,
    /// The window sizes of its keys.
    pub(super) windows: WindowSizes,
    /// The operation that it comes from.
    pub(super) node: DraftId,
    /// In a store, or computed from those of another table.
    pub(super) rows: RowsIn,
    /// Whether its changes tell which of them are of the latest version of a row (KIP-914).
    pub(super) versioned: bool,
    /// Whether its node sends old values with its changes.
    pub(super) sends_old_values: bool,
    /// Whether something needs old values, and everything upstream has been adapted to that.
    pub(super) asked_for_old_values: bool,
    /// The first option for its changelog, if there is one.
    pub(super) kept_option: Option<&'static str>,
}

/// Where a table's rows are.
pub(super) enum RowsIn {
    /// In a store.
    Stored(StoreState),
    /// Computed from the parent's rows.
    Computed(CallId),
    /// Computed from the rows of a join's two tables, or in a store of the result's own.
    Joined { sides: [CallId; 2], store: Option<StoreId> },
    /// In a buffer as long as a change is held back, otherwise those of the parent.
    Suppressed { buffer: StoreId, parent: CallId },
}

/// Whether a table's store has been added to the topology.
pub(super) enum StoreState {
    /// Added.
    There(StoreId),
    /// Added as soon as something needs the rows.
    OnDemand(Box<NewStore>),
}

impl Expansion {
    pub(super) fn table(
        &mut self,
        at: &At<'_>,
        topic: TypedTopic,
        (source, is_readable): (SourceRecipe, IsReadable),
        recipe: TableRecipe,
    ) -> Result<(), TopologyError> {
        let (windows, topic) = (topic.windows(at.site)?, topic.name);
        let (source, SourceReading { said: reading, extracts }) = at.options.source.applied_to(source, windows);
        let store = self.new_store(at, &format!("{topic}-"), windows)?;
        let given = at.options.name()?;
        let source_name = self.names.node_of(given, "-source", prefix::SOURCE);
        let name = self.names.node(given, prefix::TABLE_SOURCE);
        let kind = DraftKind::TableSource {
            source_name: source_name.clone(),
            topic,
            source,
            reading,
            is_readable,
            extracts,
            table: at.step,
            recipe,
        };
        let node = self.drafts.add(ROOT, name, kind, at.site);
        self.source_table(at, BTreeSet::from([source_name]), node, store)
    }

    pub(super) fn table_of_stream(
        &mut self,
        at: &At<'_>,
        input: CallId,
        through: Repartition,
        recipe: TableRecipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix::TO_TABLE);
        let read = ReadBack { what: "the table", windows: through.windows, at: at.site };
        let store = self.new_store(at, prefix::TO_TABLE, input.windows.only(&read)?)?;
        let (parent, sources) = if input.key_changed {
            let names = self.names.repartition(&name);
            let sources = BTreeSet::from([names.source.clone()]);
            (self.repartition_draft(at, (input.node, &input.windows), names, through.by_key(), None)?.0, sources)
        } else {
            (input.node, input.sources)
        };
        let kind = DraftKind::LateTable { table: at.step, recipe };
        let node = self.drafts.add(parent, name, kind, at.site);
        self.source_table(at, sources, node, store)
    }

    /// `filter` and `map_values`: kept only if the user named a store.
    pub(super) fn table_operator(
        &mut self,
        at: &At<'_>,
        input: CallId,
        kind: TableOperatorKind,
        recipe: TableOperatorRecipe,
    ) -> Result<(), TopologyError> {
        let prefix = match kind {
            TableOperatorKind::Filter => prefix::TABLE_FILTER,
            TableOperatorKind::MapValues => prefix::TABLE_MAP_VALUES,
        };
        let windows = self.table_state(input)?.windows;
        let store = if at.options.materialized() { Some(self.new_store(at, prefix, windows)?) } else { None };
        let store = match store.filter(|_| at.options.store.is_some()) {
            Some(store) => Some(self.stores.add(&store)?),
            None => None,
        };
        let name = self.names.node(at.options.name()?, prefix);
        // A filter that gets old values need not forward deletions of rows that it never had.
        let old_values = kind == TableOperatorKind::Filter && self.send_old_values(input, false)?;
        let parent = self.table_state(input)?;
        let (parent, sources, takes_versions) = (parent.node, parent.sources.clone(), parent.versioned);
        // In Java, versions end at every operator with options for a store, even if it has none.
        let gives_versions = if at.options.materialized() { at.options.history().is_some() } else { takes_versions };
        let recipe = recipe(Placed { store, takes_versions, gives_versions });
        let kind = DraftKind::Processor { recipe, stores: store.into_iter().collect(), table: Some(at.step) };
        let node = self.drafts.add(parent, name, kind, at.site);
        let rows = match store {
            Some(store) => RowsIn::Stored(StoreState::There(store)),
            None => RowsIn::Computed(input),
        };
        let mut table = TableState::new(at, (sources, windows), node, rows);
        table.sends_old_values = old_values;
        table.versioned = gives_versions;
        self.tables.insert(at.step, table);
        Ok(())
    }

    /// `transform_values`: kept only if the user named a store. Unlike the other operators, it burns no number for a store
    /// without a name.
    pub(super) fn transform_table(
        &mut self,
        at: &At<'_>,
        input: CallId,
        stores: &[StoreSpec],
        recipe: impl FnOnce(Vec<StoreId>, Placed) -> Recipe,
    ) -> Result<(), TopologyError> {
        no_retention(at)?;
        let windows = self.table_state(input)?.windows;
        let store = match &at.options.store {
            Some(_) => {
                let store = self.new_store(at, prefix::TABLE_TRANSFORM_VALUES, windows)?;
                Some(self.stores.add(&store)?)
            }
            None => None,
        };
        let name = self.names.node(at.options.name()?, prefix::TABLE_TRANSFORM_VALUES);
        let (ids, connected) = self.stores_of_code(stores, at.site)?;
        let parent = self.table_state(input)?;
        let (parent, sources, takes_versions) = (parent.node, parent.sources.clone(), parent.versioned);
        let gives_versions = if at.options.materialized() { at.options.history().is_some() } else { takes_versions };
        let recipe = recipe(ids, Placed { store, takes_versions, gives_versions });
        let stores = store.into_iter().chain(connected).collect();
        let kind = DraftKind::Processor { recipe, stores, table: Some(at.step) };
        let node = self.drafts.add(parent, name, kind, at.site);
        let rows = match store {
            Some(store) => RowsIn::Stored(StoreState::There(store)),
            None => RowsIn::Computed(input),
        };
        let mut table = TableState::new(at, (sources, windows), node, rows);
        table.versioned = gives_versions;
        self.tables.insert(at.step, table);
        Ok(())
    }

    /// `to_stream`. A new key is selected by a node of its own, which cannot be named.
    pub(super) fn stream_of_table(
        &mut self,
        at: &At<'_>,
        input: CallId,
        recipe: Recipe,
        select: Option<Recipe>,
    ) -> Result<(), TopologyError> {
        let name = self.names.node(at.options.name()?, prefix::TABLE_TO_STREAM);
        let table = self.table_state(input)?;
        let (parent, sources, windows) = (table.node, table.sources.clone(), KeyWindows::known(table.windows));
        let node = self.drafts.add(parent, name.clone(), stateless(recipe), at.site);
        let stream = match select {
            None => StreamState::new(name, sources, windows, false, node),
            Some(select) => {
                let name = self.names.node(None, prefix::KEY_SELECT);
                let node = self.drafts.add(node, name.clone(), stateless(select), at.site);
                self.drafts.all[node.0].role = Role::ChangesKeys;
                StreamState::new(name, sources, KeyWindows::made(at.site), true, node)
            }
        };
        self.streams.insert(at.step, stream);
        Ok(())
    }

    /// A table that is made of records: kept as soon as something needs its rows.
    pub(super) fn source_table(
        &mut self,
        at: &At<'_>,
        sources: BTreeSet<String>,
        node: DraftId,
        store: NewStore,
    ) -> Result<(), TopologyError> {
        let windows = store.windows;
        let rows = RowsIn::Stored(StoreState::OnDemand(Box::new(store)));
        self.tables.insert(at.step, TableState::new(at, (sources, windows), node, rows));
        // Rows that expire are deleted downstream, too, so they are kept even if nobody reads them.
        if at.options.store.is_some() || at.options.expiry.is_some() {
            self.materialize(at.step)?;
        }
        Ok(())
    }

    /// A call's key-value store with the user's name, or with a generated one that burns a number.
    pub(super) fn new_store(
        &mut self,
        at: &At<'_>,
        prefix: &str,
        windows: WindowSizes,
    ) -> Result<NewStore, TopologyError> {
        no_retention(at)?;
        let kind: Arc<dyn StoreKind> = match (at.options.history(), at.options.expiry) {
            (Some(history), None) => Arc::new(Versioned { history }),
            (None, None) => Arc::new(Table),
            (history, Some((ttl, site))) => {
                Arc::new(Expiring { ttl: checked_expiry(ttl, history, site)?, is_table: true })
            }
        };
        self.store_of_kind(at, prefix, kind, windows)
    }

    /// A call's store of the given kind.
    pub(super) fn store_of_kind(
        &mut self,
        at: &At<'_>,
        prefix: &str,
        kind: Arc<dyn StoreKind>,
        windows: WindowSizes,
    ) -> Result<NewStore, TopologyError> {
        let (name, site) = match &at.options.store {
            Some(store) if store.constant != kind.constant() => {
                return Err(TopologyError::StoreKind {
                    node: at.node_or(prefix),
                    store: store.name.clone(),
                    reason: format!(
                        "its rows need a `{}`, but this constant is a `{}`",
                        kind.constant(),
                        store.constant
                    ),
                    at: store.at,
                });
            }
            Some(store) => (store.name.clone(), store.at),
            None => (self.names.store(prefix), at.site),
        };
        let cached = !at.options.not_cached && kind.history().is_none() && kind.expires_after().is_none();
        let keeping = at.options.keeping.clone();
        Ok(NewStore { name, kind, cached, keeping, global_topic: None, windows, at: site })
    }

    /// Makes a table that reads records keep its rows in its store.
    pub(super) fn materialize(&mut self, step: CallId) -> Result<(), TopologyError> {
        let Self { tables, stores, .. } = self;
        let table = tables.get_mut(&step).ok_or_else(|| super::not_a("table", step))?;
        if let RowsIn::Stored(store) = &mut table.rows
            && let StoreState::OnDemand(new) = store
        {
            *store = StoreState::There(stores.add(new)?);
        }
        Ok(())
    }

    /// The stores that contain a table's rows, or that they are computed from, for another node that looks them up and
    /// must be connected to them.
    pub(super) fn rows_of(&mut self, step: CallId) -> Result<Vec<StoreId>, TopologyError> {
        self.materialize(step)?;
        match self.table_state(step)?.rows {
            RowsIn::Stored(StoreState::There(store)) | RowsIn::Joined { store: Some(store), .. } => Ok(vec![store]),
            RowsIn::Stored(StoreState::OnDemand(_)) => Err(super::not_a("kept table", step)),
            RowsIn::Computed(parent) => self.rows_of(parent),
            RowsIn::Suppressed { buffer, parent } => Ok([vec![buffer], self.rows_of(parent)?].concat()),
            RowsIn::Joined { sides: [left, right], store: None } => {
                let (left, right) = (self.rows_of(left)?, self.rows_of(right)?);
                Ok([left, right].concat())
            }
        }
    }

    /// Makes a table's node send old values; without `force`, only if they are available anyway. Returns whether it
    /// will.
    pub(super) fn send_old_values(&mut self, step: CallId, force: bool) -> Result<bool, TopologyError> {
        if self.table_state(step)?.asked_for_old_values {
            return Ok(true);
        }
        match self.table_state(step)?.rows {
            RowsIn::Stored(StoreState::OnDemand(_)) if !force => return Ok(false),
            RowsIn::Stored(_) => {
                self.materialize(step)?;
                self.table_state(step)?.sends_old_values = true;
            }
            RowsIn::Computed(parent) | RowsIn::Suppressed { parent, .. } => {
                let at_hand = self.send_old_values(parent, force)?;
                let table = self.table_state(step)?;
                table.sends_old_values |= at_hand;
                if !table.sends_old_values {
                    return Ok(false);
                }
            }
            RowsIn::Joined { sides: [left, right], .. } => {
                self.send_old_values(left, true)?;
                self.send_old_values(right, true)?;
                self.table_state(step)?.sends_old_values = true;
            }
        }
        self.table_state(step)?.asked_for_old_values = true;
        Ok(true)
    }
}

impl TableState {
    pub(super) fn new(
        at: &At<'_>,
        (sources, windows): (BTreeSet<String>, WindowSizes),
        node: DraftId,
        rows: RowsIn,
    ) -> Self {
        let (sends_old_values, asked_for_old_values) = (false, false);
        let kept_option = at.options.keeping.option();
        let versioned = at.options.history().is_some();
        Self { sources, windows, node, rows, versioned, sends_old_values, asked_for_old_values, kept_option }
    }

    /// The table's own store, if it has one.
    pub(super) fn store(&self) -> Option<StoreId> {
        match self.rows {
            RowsIn::Stored(StoreState::There(store)) | RowsIn::Suppressed { buffer: store, .. } => Some(store),
            RowsIn::Stored(StoreState::OnDemand(_)) | RowsIn::Computed(_) => None,
            RowsIn::Joined { store, .. } => store,
        }
    }
}

/// The longest time to live: about 73 million years, so that no sum of times overflows.
const TTL_MAX: Duration = Duration::from_millis(i64::MAX.unsigned_abs() / 4);

/// A time after which rows expire.
pub(super) fn checked_expiry(
    ttl: Duration,
    history: Option<Duration>,
    at: CallSite,
) -> Result<Duration, TopologyError> {
    let refused = |reason: &str| Err(no_effect(EXPIRE_AFTER, reason.to_owned(), at));
    if history.is_some() {
        return refused(
            "a versioned store keeps rows for ever, and their versions for its history; name a `KeyValueStore`",
        );
    }
    if ttl < Duration::from_millis(1) {
        return refused("rows must be there for at least a millisecond");
    }
    if ttl > TTL_MAX {
        return refused("rows that are there for ever need no such option");
    }
    Ok(ttl)
}

/// Refuses `.retention(..)` for tables other than windowed aggregates.
pub(super) fn no_retention(at: &At<'_>) -> Result<(), TopologyError> {
    if at.options.retention.is_none() {
        return Ok(());
    }
    let reason = "only windows have a retention; it belongs directly after a windowed aggregation";
    Err(no_effect(".retention(..)", reason.to_owned(), at.site))
}
