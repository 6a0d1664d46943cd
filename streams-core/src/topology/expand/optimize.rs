//! The optimisations of a topology, which change the draft before it is written.
//!
//! They work as in Kafka Streams, except that they leave alone what they would change the results of (DIFFERENCES.md).

use std::collections::HashSet;

use super::draft::{DraftId, DraftKind, Drafts, ROOT, Role};
use super::{Expansion, TableState};
use crate::operators::StoreId;
use crate::topic::TopicRef;

impl Expansion {
    /// Lets the topics that tables read be their changelogs, too. Where rows expire, their deletions are in no such topic,
    /// and where times are extracted, neither are these.
    pub(super) fn reuse_source_topics(&mut self) {
        for draft in &self.drafts.all {
            if let DraftKind::TableSource { topic, table, is_readable, extracts: false, .. } = &draft.kind
                && let Some(store) = self.tables.get(table).and_then(TableState::store)
                && !self.stores.expire(store)
            {
                self.stores.restore_from(store, TopicRef::External(topic.as_str().into()), *is_readable);
            }
        }
    }

    /// Lets operators that need the same new keys share a repartition topic. The topic is directly behind the operator
    /// that made the keys, or behind the merge of several.
    pub(super) fn merge_repartition_topics(&mut self) {
        for (changer, repartitions) in self.drafts.repartitions_by_changer() {
            let is_only_way = |repartition: &DraftId| self.drafts.is_only_way(changer, *repartition);
            let repartitions: Vec<_> = repartitions.into_iter().filter(is_only_way).collect();
            self.merge_into_one(changer, &repartitions);
        }
    }

    fn merge_into_one(&mut self, changer: DraftId, repartitions: &[DraftId]) {
        let Some(first) = repartitions.first() else { return };
        let at = self.drafts.get(*first).at;
        let kind = std::mem::replace(&mut self.drafts.all[first.0].kind, DraftKind::Root);
        let DraftKind::Repartition { names, through, sink, windows, partitions } = kind else { return };
        let names = self.names.repartition(&names.topic);
        let name = names.source.clone();
        let kind = DraftKind::Repartition { names, through, sink, windows, partitions };
        let merged = self.drafts.add_behind(changer, name.clone(), kind, at);
        for repartition in repartitions {
            let before = self.drafts.above(*repartition);
            for child in self.drafts.get(changer).children.clone() {
                if child != merged && (child == *repartition || before.contains(&child)) {
                    self.drafts.link(merged, child);
                    self.drafts.unlink(changer, child);
                }
            }
            self.drafts.bridge(*repartition);
            self.drafts.merged_sources.insert(self.drafts.get(*repartition).name.clone(), name.clone());
        }
        self.drafts.unlink(changer, merged);
        self.drafts.link(changer, merged);
    }

    /// Lets joins of a stream with itself keep its records once. Returns the stores that are no longer there.
    pub(super) fn make_self_joins(&mut self) -> HashSet<StoreId> {
        let mut gone = HashSet::new();
        for id in (0..self.drafts.all.len()).map(DraftId) {
            let draft = &mut self.drafts.all[id.0];
            let [parent] = draft.parents.as_slice() else { continue };
            let parent = *parent;
            let DraftKind::StreamJoin { left, right, itself, .. } = &mut draft.kind else { continue };
            let Some(recipe) = itself.take() else { continue };
            let (buffer, other_buffer) = (left.parent, right.parent);
            // Each side's store is the other side's to look at.
            let stores = right.stores.clone();
            gone.extend(left.stores.iter().copied());
            draft.kind = DraftKind::Processor { recipe, stores, table: None };
            self.drafts.unlink(parent, id);
            self.drafts.unlink(parent, other_buffer);
            self.drafts.link(buffer, id);
        }
        gone
    }
}

impl Drafts {
    /// The operators that make keys, each with the repartitions for the sake of its keys, in the order of the program.
    fn repartitions_by_changer(&self) -> Vec<(DraftId, Vec<DraftId>)> {
        let mut found: Vec<(DraftId, Vec<DraftId>)> = Vec::new();
        for id in (0..self.all.len()).map(DraftId) {
            match self.get(id).role {
                Role::ChangesKeys => found.push((id, Vec::new())),
                Role::Repartition => {
                    let changer = self.changer_of(id);
                    if let Some((_, of_changer)) = found.iter_mut().find(|(of, _)| Some(*of) == changer) {
                        of_changer.push(id);
                    }
                }
                Role::ChangesValues | Role::Merge | Role::Other => {}
            }
        }
        self.moved_behind_merges(found)
    }

    /// If all repartitions for an operator's keys come after a merge, they are as well repartitions for the merge's.
    fn moved_behind_merges(&self, mut found: Vec<(DraftId, Vec<DraftId>)>) -> Vec<(DraftId, Vec<DraftId>)> {
        let merges = (0..self.all.len()).map(DraftId).filter(|id| self.get(*id).role == Role::Merge);
        let mut behind_merges = Vec::new();
        let mut moved = HashSet::new();
        for merge in merges {
            let mut of_merge = Vec::new();
            for (changer, repartitions) in &found {
                let are_behind = repartitions.iter().all(|repartition| self.above(*repartition).contains(&merge));
                if are_behind && self.above(merge).contains(changer) {
                    moved.insert(*changer);
                    of_merge.extend(repartitions.iter().copied());
                }
            }
            behind_merges.push((merge, of_merge));
        }
        found.retain(|(changer, _)| !moved.contains(changer));
        found.extend(behind_merges);
        found
    }

    /// The operator whose keys a repartition is for; `None` if values change on the way.
    fn changer_of(&self, repartition: DraftId) -> Option<DraftId> {
        let first = |roles: &[Role]| self.first_above(repartition, &|role| roles.contains(&role));
        let changer = first(&[Role::ChangesKeys])?;
        (first(&[Role::ChangesKeys, Role::ChangesValues]) == Some(changer)).then_some(changer)
    }

    /// The first operation above another one with such a role, in Java's order: each parent is followed by those above it.
    fn first_above(&self, id: DraftId, is_meant: &dyn Fn(Role) -> bool) -> Option<DraftId> {
        self.get(id).parents.iter().find_map(|parent| {
            if is_meant(self.get(*parent).role) { Some(*parent) } else { self.first_above(*parent, is_meant) }
        })
    }

    /// All operations above another one.
    fn above(&self, id: DraftId) -> HashSet<DraftId> {
        let (mut above, mut pending) = (HashSet::new(), vec![id]);
        while let Some(id) = pending.pop() {
            pending.extend(self.get(id).parents.iter().copied().filter(|parent| above.insert(*parent)));
        }
        above
    }

    /// Whether all records come to `id` by way of `changer`.
    fn is_only_way(&self, changer: DraftId, id: DraftId) -> bool {
        let (mut seen, mut pending) = (HashSet::new(), vec![id]);
        while let Some(id) = pending.pop() {
            if self.get(id).parents.is_empty() || id == ROOT {
                return false;
            }
            let others = self.get(id).parents.iter().copied().filter(|parent| *parent != changer);
            pending.extend(others.filter(|parent| seen.insert(*parent)));
        }
        true
    }
}
