//! Groups of several streams that are aggregated together.

use std::collections::{BTreeSet, HashMap};

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{CallId, CogroupInput};
use super::draft::{DraftId, DraftKind};
use super::grouped::GroupState;
use super::key_windows::ReadBack;
use super::streams::stateless;
use super::tables::{RowsIn, StoreState, TableState};
use super::{At, Expansion};
use crate::operators::Recipe;
use crate::state::kinds::Windowing;
use crate::windows::WindowSizes;

/// The repartitions of the groups of one `cogroup`, which its aggregations share.
pub(super) type CogroupRepartitions = HashMap<CallId, DraftId>;

impl Expansion {
    pub(super) fn cogroup_aggregate(
        &mut self,
        at: &At<'_>,
        cogroup: CallId,
        inputs: Vec<CogroupInput>,
        windows: Option<Box<dyn Windowing>>,
        merge: Recipe,
    ) -> Result<(), TopologyError> {
        let in_keys = self.common_windows_of_groups(at, &inputs)?;
        let grace = windows.as_ref().map(|windows| windows.closes_after());
        let store = match windows {
            None => self.new_store(at, prefix::COGROUP_AGGREGATE, in_keys)?,
            Some(windows) => self.new_window_store(at, prefix::COGROUP_AGGREGATE, &*windows, in_keys)?,
        };
        let mut parents = Vec::new();
        for input in &inputs {
            parents.push(self.partitioned_for_cogroup(at, cogroup, input.group, &store.name)?);
        }
        let sources: BTreeSet<String> = parents.iter().flat_map(|(_, sources)| sources).cloned().collect();
        self.copartitioned.push(sources.clone());
        let id = self.stores.add(&store)?;
        let mut nodes = Vec::new();
        for (number, (input, (parent, _))) in inputs.into_iter().zip(parents).enumerate() {
            let suffix = format!("-cogroup-agg-{number}");
            let name = self.names.node_of(at.options.name()?, &suffix, prefix::COGROUP_AGGREGATE);
            let kind = DraftKind::Processor { recipe: (input.recipe)(id), stores: vec![id], table: Some(at.step) };
            let node = self.drafts.add(parent, name, kind, at.site);
            self.drafts.all[node.0].grace = grace;
            nodes.push(node);
        }
        let name = self.names.node_of(at.options.name()?, "-cogroup-merge", prefix::COGROUP_MERGE);
        let node = self.drafts.add_below(&nodes, name, stateless(merge), at.site);
        let rows = RowsIn::Stored(StoreState::There(id));
        self.tables.insert(at.step, TableState::new(at, (sources, store.windows), node, rows));
        Ok(())
    }

    /// The window sizes of the keys, which must be the same in all groups.
    fn common_windows_of_groups(&self, at: &At<'_>, inputs: &[CogroupInput]) -> Result<WindowSizes, TopologyError> {
        let mut all = None;
        for input in inputs {
            let group = self.group_state(input.group)?;
            let windows = all.map_or_else(|| group.windows.clone(), |all| group.windows.or(&all));
            all = Some(windows);
        }
        let first = inputs.first().ok_or_else(|| super::not_a("group", at.step))?;
        let windows = self.group_state(first.group)?.through.windows;
        let read = ReadBack { what: "the aggregation", windows, at: at.site };
        all.map_or(Ok(WindowSizes::NONE), |all| all.only(&read))
    }

    /// The operation to aggregate for one of the groups, and its sources.
    fn partitioned_for_cogroup(
        &mut self,
        at: &At<'_>,
        cogroup: CallId,
        group: CallId,
        store: &str,
    ) -> Result<(DraftId, BTreeSet<String>), TopologyError> {
        let GroupState { given, sources, windows, key_changed, node, through, .. } = self.group_state(group)?.clone();
        if !key_changed {
            return Ok((node, sources));
        }
        let names = self.names.repartition(given.as_deref().unwrap_or(store));
        let known = self.cogroups.get(&cogroup).and_then(|groups| groups.get(&group)).copied();
        let node = match known {
            Some(node) => node,
            None => {
                let (topic, name) = (names.topic.clone(), names.source.clone());
                self.check_topic_is_free(at, cogroup, &name, topic)?;
                self.repartition_draft(at, (node, &windows), names, through.by_key(), None)?.0
            }
        };
        self.cogroups.entry(cogroup).or_default().insert(group, node);
        Ok((node, BTreeSet::from([self.drafts.get(node).name.clone()])))
    }

    /// Two groups without names cannot both have the topic that is named after the store. Nor can they in Java.
    fn check_topic_is_free(
        &self,
        at: &At<'_>,
        cogroup: CallId,
        source: &str,
        topic: String,
    ) -> Result<(), TopologyError> {
        let mut known = self.cogroups.get(&cogroup).into_iter().flat_map(HashMap::values);
        if known.any(|node| self.drafts.get(*node).name == source) {
            return Err(TopologyError::CogroupTopics { topic, at: at.site });
        }
        Ok(())
    }

    fn group_state(&self, group: CallId) -> Result<&GroupState, TopologyError> {
        self.groups.get(&group).ok_or_else(|| super::not_a("group", group))
    }
}
