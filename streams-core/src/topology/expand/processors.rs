//! Processors and their stores.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::error::{CallSite, TopologyError};
use super::super::program::{Call, CallId, Changes, GlobalStoreRecipe, Keeping, Program, TypedTopic};
use super::draft::DraftKind;
use super::key_windows::KeyWindows;
use super::options::{EXPIRE_AFTER, no_effect};
use super::stores::{NewStore, Stores};
use super::streams::StreamState;
use super::tables::checked_expiry;
use super::{At, Expansion};
use crate::operators::processor_stores::{StoreOrigin, StoreSpec};
use crate::operators::{Recipe, StoreId};
use crate::state::StoreKind;
use crate::state::kinds::{Expiring, Table};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;

/// The stores of all processors.
#[derive(Default)]
pub(super) struct ProcessorStores {
    /// The user's options, in the order of the calls.
    settings: Vec<OptionsOfStore>,
    /// The stores in use, by name.
    known: HashMap<String, (StoreId, StoreSpec, CallSite)>,
}

/// The options of a store from `builder.store(..)`.
struct OptionsOfStore {
    spec: StoreSpec,
    keeping: Keeping,
    expiry: Option<(Duration, CallSite)>,
    cached: Option<CallSite>,
    at: CallSite,
}

/// A table whose rows expire is read like any other.
const EXPIRING_TABLE: Expiring = Expiring { ttl: Duration::MAX, is_table: true };

const CACHED: &str = ".cached()";
const STORE: &str = "builder.store(..)";

impl ProcessorStores {
    /// Collects the options of stores, wherever they are in the program.
    ///
    /// # Errors
    /// When the options of a store are set in two places, of which only one could have an effect.
    pub(super) fn of(program: &Program) -> Result<Self, TopologyError> {
        let mut settings: Vec<OptionsOfStore> = Vec::new();
        for step in &program.calls {
            let Call::Store { store: spec } = &step.call else { continue };
            if let Some(OptionsOfStore { at: first, .. }) = settings.iter().find(|said| said.spec.name == spec.name) {
                let reason = format!("the store `{}` has options at {first} already; set all of them there", spec.name);
                return Err(no_effect(STORE, reason, step.at));
            }
            settings.push(OptionsOfStore {
                spec: spec.clone(),
                keeping: step.options.keeping.clone(),
                expiry: step.options.expiry,
                cached: step.options.cached,
                at: step.at,
            });
        }
        Ok(Self { settings, known: HashMap::new() })
    }

    /// Refuses options of stores that no processor uses.
    pub(super) fn unused(&self, stores: &Stores) -> Result<(), TopologyError> {
        let unused = self.settings.iter().find(|said| !self.known.contains_key(&said.spec.name));
        let Some(OptionsOfStore { spec: StoreSpec { name, .. }, at, .. }) = unused else { return Ok(()) };
        let reason = if stores.has(name) {
            format!("the store `{name}` belongs to a table; set its options after the table's `.stored_as(..)`")
        } else {
            format!("no processor uses the store `{name}`; name it in `.process(..)`, or remove this call")
        };
        Err(no_effect(STORE, reason, at))
    }
}

impl Expansion {
    pub(super) fn process(
        &mut self,
        at: &At<'_>,
        input: CallId,
        (prefix, changes): (&str, Changes),
        stores: &[StoreSpec],
        recipe: impl FnOnce(Vec<StoreId>) -> Recipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        // In Java, a named processor burns no number, unlike everything else.
        let name = match at.options.name()? {
            Some(name) => name.to_owned(),
            None => self.names.node(None, prefix),
        };
        let (ids, stores) = self.stores_of_code(stores, at.site)?;
        let kind = DraftKind::Processor { recipe: recipe(ids), stores, table: None };
        let node = self.drafts.add(input.node, name.clone(), kind, at.site);
        self.drafts.all[node.0].role = changes.into();
        let windows = if changes.keys() { KeyWindows::made(at.site) } else { input.windows };
        let stream = StreamState::new(name, input.sources, windows, input.key_changed || changes.keys(), node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    /// A global store that the program's own code fills.
    pub(super) fn global_store(
        &mut self,
        at: &At<'_>,
        topic: TypedTopic,
        (name, kind): (String, Arc<dyn StoreKind>),
        recipe: GlobalStoreRecipe,
    ) -> Result<(), TopologyError> {
        let (windows, topic) = (topic.windows(at.site)?, topic.name);
        let store = self.stores.add(&NewStore {
            name,
            kind,
            cached: false,
            keeping: Keeping::default(),
            global_topic: Some(TopicRef::External(topic.as_str().into())),
            windows: WindowSizes::NONE,
            at: at.site,
        })?;
        self.add_global(at, topic, recipe((store, windows)), store)
    }

    /// The stores that the program's own code asks for, and those among them that its node is connected to. A global table's
    /// store is everywhere, without being connected.
    pub(super) fn stores_of_code(
        &mut self,
        stores: &[StoreSpec],
        at: CallSite,
    ) -> Result<(Vec<StoreId>, Vec<StoreId>), TopologyError> {
        let ids = stores.iter().map(|store| self.processor_store(store, at)).collect::<Result<Vec<_>, _>>()?;
        let connected = ids.iter().copied().filter(|store| !self.stores.is_global(*store)).collect();
        Ok((ids, connected))
    }

    /// The store of a table that a processor reads.
    fn read_store(&self, spec: &StoreSpec, kind: &dyn StoreKind, at: CallSite) -> Result<StoreId, TopologyError> {
        let name = || spec.name.clone();
        let (id, stored) =
            self.stores.find(&spec.name).ok_or_else(|| TopologyError::NoTableStore { name: name(), at })?;
        let is_expiring_table = stored.name() == EXPIRING_TABLE.name() && kind.name() == Table.name();
        // There is more than one sort of windows and of sessions.
        let is_windowed_table = kind.retention().is_some() && stored.constant() == kind.constant();
        if stored.name() == kind.name() || is_expiring_table || is_windowed_table {
            Ok(id)
        } else if stored.constant() == kind.constant() {
            Err(TopologyError::NoTableStore { name: name(), at })
        } else {
            Err(TopologyError::StoreRead { name: name(), read: kind.constant(), is: stored.constant(), at })
        }
    }

    /// A processor's store, which is created for the first processor that names it.
    fn processor_store(&mut self, spec: &StoreSpec, at: CallSite) -> Result<StoreId, TopologyError> {
        let kind = match &spec.origin {
            StoreOrigin::Table(kind) => return self.read_store(spec, &**kind, at),
            StoreOrigin::Processor(kind) => Arc::clone(kind),
        };
        let stores = &mut self.processor_stores;
        if let Some((id, known, first)) = stores.known.get(&spec.name) {
            return same_types((known, first), (spec, at)).map(|()| *id);
        }
        if spec.windows.len() < spec.windows_in_keys {
            let reason = format!("set it with `KeyValueStore::new(\"{}\").windows_of(..)`", spec.name);
            return Err(TopologyError::WindowSize { what: format!("the store `{}`", spec.name), reason, at });
        }
        let (keeping, expiry, cached) = match stores.settings.iter().find(|said| said.spec.name == spec.name) {
            Some(said) => {
                same_types((&said.spec, said.at), (spec, at))?;
                (said.keeping.clone(), said.expiry, said.cached)
            }
            None => (Keeping::default(), None, None),
        };
        let kind = match expiry {
            Some((ttl, site)) => expiring(&*kind, ttl, site)?,
            None => kind,
        };
        if let Some(site) = cached {
            check_cached(&*kind, site)?;
        }
        let new = NewStore {
            name: spec.name.clone(),
            kind,
            cached: cached.is_some(),
            keeping,
            global_topic: None,
            at,
            windows: spec.windows,
        };
        let id = self.stores.add(&new)?;
        self.stores.show_as(id, &spec.shapes);
        stores.known.insert(spec.name.clone(), (id, spec.clone(), at));
        Ok(id)
    }
}

/// The kind of a key-value store whose rows expire.
fn expiring(kind: &dyn StoreKind, ttl: Duration, at: CallSite) -> Result<Arc<dyn StoreKind>, TopologyError> {
    if kind.constant() != Table.constant() {
        let reason = format!("the rows of a `{}` are kept for as long as its constant says", kind.constant());
        return Err(no_effect(EXPIRE_AFTER, reason, at));
    }
    Ok(Arc::new(Expiring { ttl: checked_expiry(ttl, None, at)?, is_table: false }))
}

/// Refuses caches where each change is a row of its own.
fn check_cached(kind: &dyn StoreKind, at: CallSite) -> Result<(), TopologyError> {
    let reason = if kind.history().is_some() {
        format!("every version is logged, so a `{}` has no cache", kind.constant())
    } else if kind.keeps_duplicates() {
        format!("no row is ever changed in a `{}` with duplicates, so it has no cache", kind.constant())
    } else {
        return Ok(());
    };
    Err(no_effect(CACHED, reason, at))
}

/// Checks that a store has the same types wherever it is named.
fn same_types(
    (first_spec, first): (&StoreSpec, CallSite),
    (second_spec, second): (&StoreSpec, CallSite),
) -> Result<(), TopologyError> {
    if first_spec.types == second_spec.types {
        return Ok(());
    }
    Err(TopologyError::StoreTypes {
        name: first_spec.name.clone(),
        first_types: first_spec.type_names.clone(),
        second_types: second_spec.type_names.clone(),
        first,
        second,
    })
}
