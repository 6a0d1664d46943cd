//! Processors and their stores.

use std::collections::HashMap;

use super::super::error::{CallSite, TopologyError};
use super::super::graph::StoreKind;
use super::super::plan::{Call, ChangelogOptions, Plan, StepId};
use super::draft::DraftKind;
use super::stores::NewStore;
use super::streams::StreamState;
use super::{At, Expansion};
use crate::operators::stores::StoreSpec;
use crate::operators::{Recipe, StoreId};

/// The stores of processors.
#[derive(Default)]
pub(super) struct ProcessorStores {
    /// What the user said about them, by name.
    settings: HashMap<String, ChangelogOptions>,
    /// Those in use, by name.
    known: HashMap<String, (StoreId, StoreSpec, CallSite)>,
}

impl ProcessorStores {
    /// Reads what a plan says about stores, wherever it says it.
    pub(super) fn of(plan: &Plan) -> Self {
        let settings = plan.steps.iter().filter_map(|step| match &step.call {
            Call::Store { store } => Some((store.name.clone(), step.options.changelog.clone())),
            _ => None,
        });
        Self { settings: settings.collect(), known: HashMap::new() }
    }
}

impl Expansion {
    pub(super) fn process(
        &mut self,
        at: &At<'_>,
        input: StepId,
        (prefix, changes_key): (&str, bool),
        stores: &[StoreSpec],
        recipe: impl FnOnce(Vec<StoreId>) -> Recipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        // Unlike everything else in Java, a processor with a name burns no number.
        let name = match at.options.name()? {
            Some(name) => name.to_owned(),
            None => self.names.node(None, prefix),
        };
        let stores = stores.iter().map(|store| self.processor_store(store, at.site)).collect::<Result<Vec<_>, _>>()?;
        let kind = DraftKind::Processor { recipe: recipe(stores.clone()), stores, table: None, not_cached: false };
        let node = self.drafts.add(input.node, name.clone(), kind, at.site);
        let stream = StreamState::new(name, input.sources, input.key_changed || changes_key, node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    /// A processor's store; the first processor that names it makes it.
    fn processor_store(&mut self, spec: &StoreSpec, at: CallSite) -> Result<StoreId, TopologyError> {
        let stores = &mut self.processor_stores;
        if let Some((id, known, first)) = stores.known.get(&spec.name) {
            if known.types == spec.types {
                return Ok(*id);
            }
            return Err(TopologyError::StoreTypes {
                name: spec.name.clone(),
                first_types: known.type_names.clone(),
                second_types: spec.type_names.clone(),
                first,
                second: at,
            });
        }
        let changelog = stores.settings.get(&spec.name).cloned().unwrap_or_default();
        let new =
            NewStore { name: spec.name.clone(), kind: StoreKind::PlainKeyValue, changelog, global_topic: None, at };
        let id = self.stores.add(&new)?;
        stores.known.insert(spec.name.clone(), (id, spec.clone(), at));
        Ok(id)
    }
}
