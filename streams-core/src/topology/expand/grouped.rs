//! Grouped streams and tables, and their aggregations.

use std::collections::BTreeSet;

use super::super::error::TopologyError;
use super::super::names::{self, prefix};
use super::super::program::{AggregateKind, AggregateRecipe, CallId, ChangeRepartition, Repartition};
use super::draft::{DraftId, DraftKind, Role};
use super::key_windows::{KeyWindows, ReadBack};
use super::stores::NewStore;
use super::streams::stateless;
use super::tables::{RowsIn, StoreState, TableState};
use super::{At, Expansion};
use crate::operators::Recipe;
use crate::state::kinds::Windowing;
use crate::windows::WindowSizes;

/// What is known of a grouped stream while the program is read.
#[derive(Clone)]
pub(super) struct GroupState {
    /// The user's name, after which the repartition topic is named.
    pub(super) given: Option<String>,
    pub(super) sources: BTreeSet<String>,
    pub(super) windows: KeyWindows,
    pub(super) key_changed: bool,
    pub(super) node: DraftId,
    pub(super) through: Repartition,
    /// Its repartition, which several aggregations share if the user named it.
    repartition: Option<DraftId>,
}

/// What is known of a grouped table while the program is read.
#[derive(Clone)]
pub(super) struct TableGroupState {
    given: Option<String>,
    windows: KeyWindows,
    node: DraftId,
    through: ChangeRepartition,
    repartition: Option<DraftId>,
}

impl GroupState {
    /// The operation that its keys come from, and their windows.
    pub(super) const fn made_keys(&mut self) -> (DraftId, &mut KeyWindows) {
        (self.node, &mut self.windows)
    }
}

impl TableGroupState {
    /// The operation that its keys come from, and their windows.
    pub(super) const fn made_keys(&mut self) -> (DraftId, &mut KeyWindows) {
        (self.node, &mut self.windows)
    }
}

impl Expansion {
    pub(super) fn group(
        &mut self,
        at: &At<'_>,
        input: CallId,
        select: Option<Recipe>,
        through: Repartition,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let given = at.options.name()?.map(str::to_owned);
        let (mut node, mut windows, mut key_changed) = (input.node, input.windows, input.key_changed);
        if let Some(recipe) = select {
            let name = self.names.node(given.as_deref(), prefix::KEY_SELECT);
            node = self.drafts.add(node, name, stateless(recipe), at.site);
            self.drafts.all[node.0].role = Role::ChangesKeys;
            windows = KeyWindows::made(at.site);
            key_changed = true;
        }
        let sources = input.sources;
        let group = GroupState { given, sources, windows, key_changed, node, through, repartition: None };
        self.groups.insert(at.step, group);
        Ok(())
    }

    pub(super) fn aggregate(
        &mut self,
        at: &At<'_>,
        group_step: CallId,
        windows: Option<Box<dyn Windowing>>,
        kind: AggregateKind,
        recipe: AggregateRecipe,
    ) -> Result<(), TopologyError> {
        let prefix = match kind {
            AggregateKind::Reduce => prefix::REDUCE,
            AggregateKind::Count | AggregateKind::Aggregate => prefix::AGGREGATE,
        };
        // Java burns one number too many here, and can never change that.
        let may_burn = windows.as_ref().is_none_or(|windows| windows.burns_a_number());
        if may_burn && kind == AggregateKind::Count && at.options.materialized() && at.options.store.is_none() {
            self.names.burn();
        }
        let group = self.groups.get(&group_step).cloned().ok_or_else(|| super::not_a("group", group_step))?;
        let read = ReadBack { what: "the aggregation", windows: group.through.windows, at: at.site };
        let in_keys = group.windows.only(&read)?;
        let grace = windows.as_ref().map(|windows| windows.closes_after());
        let store = match windows {
            None => self.new_store(at, prefix, in_keys)?,
            Some(windows) => self.new_window_store(at, prefix, &*windows, in_keys)?,
        };
        let name = self.names.node(at.options.name()?, prefix);
        let (parent, sources) = self.partitioned_for_aggregate(at, group_step, &group, &store.name)?;
        let node = self.add_aggregate(at, (parent, sources), name, &store, recipe)?;
        self.drafts.all[node.0].grace = grace;
        Ok(())
    }

    /// The operation to aggregate, and its sources: the group's own if its key did not change, otherwise a repartition
    /// topic that is named after the group or the store.
    fn partitioned_for_aggregate(
        &mut self,
        at: &At<'_>,
        step: CallId,
        group: &GroupState,
        store: &str,
    ) -> Result<(DraftId, BTreeSet<String>), TopologyError> {
        if !group.key_changed {
            return Ok((group.node, group.sources.clone()));
        }
        let names = self.names.repartition(group.given.as_deref().unwrap_or(store));
        let node = match group.repartition {
            Some(node) if group.given.is_some() => {
                self.drafts.connect(group.node, node);
                node
            }
            _ => self.repartition_draft(at, (group.node, &group.windows), names, group.through.by_key(), None)?.0,
        };
        if let Some(group) = self.groups.get_mut(&step) {
            group.repartition = Some(node);
        }
        Ok((node, BTreeSet::from([self.drafts.get(node).name.clone()])))
    }

    fn add_aggregate(
        &mut self,
        at: &At<'_>,
        (parent, sources): (DraftId, BTreeSet<String>),
        name: String,
        store: &NewStore,
        recipe: AggregateRecipe,
    ) -> Result<DraftId, TopologyError> {
        let id = self.stores.add(store)?;
        let kind = DraftKind::Processor { recipe: recipe(id), stores: vec![id], table: Some(at.step) };
        let node = self.drafts.add(parent, name, kind, at.site);
        let rows = RowsIn::Stored(StoreState::There(id));
        self.tables.insert(at.step, TableState::new(at, (sources, store.windows), node, rows));
        Ok(node)
    }

    /// The store of a windowed aggregation. Rows are kept as long as they can change, or as long as the user asks for.
    pub(super) fn new_window_store(
        &mut self,
        at: &At<'_>,
        prefix: &str,
        windows: &dyn Windowing,
        in_keys: WindowSizes,
    ) -> Result<NewStore, TopologyError> {
        let node = || at.node_or(prefix);
        windows.check().map_err(|reason| TopologyError::Windows { node: node(), reason, at: at.site })?;
        let needed = windows.changing_for();
        let retention = at.options.retention.unwrap_or(needed);
        if retention < needed {
            return Err(TopologyError::Retention { node: node(), retention, needed, at: at.site });
        }
        let kind = windows.kind(retention);
        let sizes = kind.window_size().map_or(in_keys, |size| in_keys.within(size));
        self.store_of_kind(at, prefix, kind, sizes)
    }

    pub(super) fn table_group(
        &mut self,
        at: &At<'_>,
        input: CallId,
        select: Recipe,
        through: ChangeRepartition,
    ) -> Result<(), TopologyError> {
        let given = at.options.name()?.map(str::to_owned);
        let name = self.names.node(given.as_deref(), prefix::TABLE_SELECT);
        let parent = self.table_state(input)?.node;
        let node = self.drafts.add(parent, name, stateless(select), at.site);
        self.send_old_values(input, true)?;
        let windows = KeyWindows::made(at.site);
        self.table_groups.insert(at.step, TableGroupState { given, windows, node, through, repartition: None });
        Ok(())
    }

    pub(super) fn table_aggregate(
        &mut self,
        at: &At<'_>,
        group_step: CallId,
        kind: AggregateKind,
        recipe: AggregateRecipe,
    ) -> Result<(), TopologyError> {
        let group =
            self.table_groups.get(&group_step).cloned().ok_or_else(|| super::not_a("group of rows", group_step))?;
        let read = ReadBack { what: "the group's topic", windows: group.through.windows, at: at.site };
        let windows = group.windows.only(&read)?;
        let store = self.new_store(at, prefix::TABLE_AGGREGATE, windows)?;
        let given = at.options.name()?;
        let sink_name = self.names.node_of(given, "-sink", prefix::SINK);
        let source = self.names.node_of(given, "-source", prefix::SOURCE);
        let name = match kind {
            AggregateKind::Reduce => self.names.node(given, prefix::TABLE_REDUCE),
            AggregateKind::Count | AggregateKind::Aggregate => self.names.node(given, prefix::TABLE_AGGREGATE),
        };
        let topic = names::table_repartition_topic(group.given.as_deref().unwrap_or(&store.name));
        let parent = match group.repartition {
            Some(node) if group.given.is_some() => {
                self.drafts.connect(group.node, node);
                node
            }
            _ => {
                let through = group.through;
                let kind = DraftKind::TableRepartition { sink_name, topic, through, windows };
                self.drafts.add(group.node, source, kind, at.site)
            }
        };
        if let Some(group) = self.table_groups.get_mut(&group_step) {
            group.repartition = Some(parent);
        }
        let sources = BTreeSet::from([self.drafts.get(parent).name.clone()]);
        self.add_aggregate(at, (parent, sources), name, &store, recipe).map(drop)
    }
}
