//! The stores of the topology so far.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::error::{CallSite, TopologyError};
use super::super::graph::StoreDefinition;
use super::super::names::{self, changelog_topic};
use super::super::program::Keeping;
use crate::operators::StoreId;
use crate::operators::source::IsReadable;
use crate::state::StoreKind;
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::Shapes;

/// Stores by number, each with the call that asked for it.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) definitions: Vec<StoreDefinition>,
    places: Vec<CallSite>,
    /// Numbers by name in lower case.
    by_name: HashMap<String, usize>,
}

/// The definition of a store that may be added.
#[derive(Clone)]
pub(super) struct NewStore {
    pub(super) name: String,
    pub(super) kind: Arc<dyn StoreKind>,
    pub(super) cached: bool,
    pub(super) keeping: Keeping,
    /// The topic that a global table reads, which is also its changelog.
    pub(super) global_topic: Option<TopicRef>,
    /// The window sizes of its keys.
    pub(super) windows: WindowSizes,
    pub(super) at: CallSite,
}

impl Stores {
    /// Adds a store to the topology.
    ///
    /// # Errors
    /// When another store has the same name, or one that differs only in case, or when the name is too long.
    pub(super) fn add(&mut self, new: &NewStore) -> Result<StoreId, TopologyError> {
        let NewStore { name, kind, cached, keeping, global_topic, windows, at } = new;
        if let Some(first) = self.by_name.insert(name.to_ascii_lowercase(), self.definitions.len()) {
            return Err(self.collision(first, name, at));
        }
        keeping.check(name, at)?;
        let id = u32::try_from(self.definitions.len())
            .map(StoreId)
            .map_err(|_| TopologyError::Internal("more than 4 billion stores".to_owned()))?;
        let own_changelog = || (!keeping.not_logged).then(|| TopicRef::Internal(changelog_topic(name).into()));
        let restored_from = global_topic.clone().or_else(own_changelog);
        let longest = restored_from.as_ref().map_or(name.as_str(), TopicRef::short_name);
        names::check(longest, at)?;
        self.definitions.push(StoreDefinition {
            name: name.as_str().into(),
            kind: Arc::clone(kind),
            windows: *windows,
            shapes: Shapes::of::<Bytes, Bytes>(),
            changelog: restored_from,
            is_readable: None,
            global: global_topic.is_some(),
            cached: *cached,
            in_memory: keeping.in_memory,
            topic_configs: keeping.configs.clone(),
        });
        self.places.push(at);
        Ok(id)
    }

    /// Lets a store be restored from a topic that it need not write.
    pub(super) fn restore_from(&mut self, store: StoreId, topic: TopicRef, is_readable: IsReadable) {
        if let Some(definition) = self.definitions.get_mut(store.0 as usize) {
            definition.changelog = Some(topic);
            definition.is_readable = Some(is_readable);
        }
    }

    /// Says what a store's keys and values look like.
    pub(super) fn show_as(&mut self, store: StoreId, shapes: &Shapes) {
        if let Some(definition) = self.definitions.get_mut(store.0 as usize) {
            definition.shapes = shapes.clone();
        }
    }

    /// Whether rows expire from a store.
    pub(super) fn expire(&self, store: StoreId) -> bool {
        self.definitions.get(store.0 as usize).is_some_and(|definition| definition.kind.expires_after().is_some())
    }

    /// Takes the changelogs of stores that no node uses any more. Their numbers stay, because others follow.
    pub(super) fn retire(&mut self, stores: &HashSet<StoreId>) {
        for store in stores {
            if let Some(definition) = self.definitions.get_mut(store.0 as usize) {
                definition.changelog = None;
            }
        }
    }

    /// Whether there is a store with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.definitions.iter().any(|definition| *definition.name == *name)
    }

    /// A store's name and how long it keeps the versions that its rows had, if it does.
    pub(super) fn history(&self, store: StoreId) -> Option<(&str, Duration)> {
        let definition = self.definitions.get(store.0 as usize)?;
        Some((&definition.name, definition.kind.history()?))
    }

    /// Whether a store is a global table's.
    pub(super) fn is_global(&self, store: StoreId) -> bool {
        self.definitions.get(store.0 as usize).is_some_and(|definition| definition.global)
    }

    /// The store with this name.
    pub(super) fn find(&self, name: &str) -> Option<(StoreId, &dyn StoreKind)> {
        let number = self.definitions.iter().position(|definition| *definition.name == *name)?;
        let kind = &*self.definitions.get(number)?.kind;
        u32::try_from(number).ok().map(|number| (StoreId(number), kind))
    }

    fn collision(&self, first: usize, name: &str, second: CallSite) -> TopologyError {
        let (first_name, first) = (self.definitions[first].name.to_string(), self.places[first]);
        if first_name == name {
            TopologyError::DuplicateStore { name: first_name, first, second }
        } else {
            TopologyError::StoreCase { first_name, second_name: name.to_owned(), first, second }
        }
    }
}
