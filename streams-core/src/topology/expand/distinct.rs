//! `distinct`.

use std::sync::Arc;

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{AggregateRecipe, CallId, Repartition};
use super::draft::DraftKind;
use super::stores::NewStore;
use super::streams::StreamState;
use super::{At, Expansion};
use crate::state::kinds::Distinct;
use crate::windows::{DistinctSpan, WindowSizes};

impl Expansion {
    /// Repartitions the stream if its keys changed, so that all records of a key meet, and keeps what was seen.
    pub(super) fn distinct(
        &mut self,
        at: &At<'_>,
        input: CallId,
        span: DistinctSpan,
        through: Repartition,
        recipe: AggregateRecipe,
    ) -> Result<(), TopologyError> {
        let given = at.options.name()?;
        let node = || at.node_or(prefix::DISTINCT);
        span.validate().map_err(|reason| TopologyError::Windows { node: node(), reason, at: at.site })?;
        let input = self.partitioned_for_join(at, input, through, given)?;
        let name = self.names.node(given, prefix::DISTINCT);
        let (store_name, site) = match &at.options.store {
            Some(store) => (store.name.clone(), store.at),
            None => (format!("{name}-store"), at.site),
        };
        let store = self.stores.add(&NewStore {
            name: store_name,
            kind: Arc::new(Distinct::of(span)),
            keeping: at.options.keeping.clone(),
            global_topic: None,
            windows: WindowSizes::NONE,
            cached: false,
            at: site,
        })?;
        let kind = DraftKind::Processor { recipe: recipe(store), stores: vec![store], table: None };
        let node = self.drafts.add(input.node, name.clone(), kind, at.site);
        self.streams.insert(at.step, StreamState::new(name, input.sources, input.windows, false, node));
        Ok(())
    }
}
