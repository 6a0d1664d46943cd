//! Joins of two tables over a foreign key: ten nodes and two topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{CallId, ForeignKeyJoin, Keeping, Passage, SinkRecipe, StoreOf};
use super::draft::{DraftId, DraftKind};
use super::stores::NewStore;
use super::tables::TableState;
use super::{At, Expansion};
use crate::operators::{Recipe, StoreId};
use crate::state::kinds::Table;
use crate::windows::WindowSizes;

impl Expansion {
    pub(super) fn foreign_key_join(
        &mut self,
        at: &At<'_>,
        left: CallId,
        right: CallId,
        join: ForeignKeyJoin,
    ) -> Result<(), TopologyError> {
        self.send_old_values(right, true)?;
        self.send_old_values(left, true)?;
        let names = Names::burn(self, at.options.name()?);
        let (left_node, left_windows) = self.node_of_table(left)?;
        let (right_node, right_windows) = self.node_of_table(right)?;
        let store = self.subscription_store(at, names.store, right_windows)?;
        let subscribe = self.looking_up(left, |store_of| (join.subscribe)(store_of, store), Vec::new())?;
        let subscribe = self.drafts.add(left_node, names.subscribe, subscribe, at.site);
        let source = names.registration.source.clone();
        let registered = self.passage(at, &[subscribe], names.registration, join.registration, right_windows);
        self.copartition_with(right, &source)?;

        let keep = DraftKind::Processor { recipe: (join.keep)(store), stores: vec![store], table: None };
        let keep = self.drafts.add(registered, names.keep, keep, at.site);
        let rows = self.rows_of(right)?;
        let answer = self.looking_up(right, join.answer, rows)?;
        let answer = self.drafts.add(keep, names.answer, answer, at.site);
        let tell = DraftKind::Processor { recipe: (join.tell)(store), stores: vec![store], table: None };
        let tell = self.drafts.add(right_node, names.tell, tell, at.site);

        let source = names.response.source.clone();
        let responded = self.passage(at, &[answer, tell], names.response, join.response, left_windows);
        let sources = self.copartition_with(left, &source)?;
        let rows = self.rows_of(left)?;
        let resolve = self.looking_up(left, |store_of| (join.resolve)(store_of, store), rows)?;
        let resolve = self.drafts.add(responded, names.resolve, resolve, at.site);
        let store = self.new_store(at, prefix::FK_OUTPUT, left_windows)?;
        let result = DraftKind::LateTable { table: at.step, recipe: join.result };
        let result = self.drafts.add(resolve, names.result, result, at.site);
        self.source_table(at, sources, result, store)
    }

    fn node_of_table(&mut self, table: CallId) -> Result<(DraftId, WindowSizes), TopologyError> {
        let table = self.table_state(table)?;
        Ok((table.node, table.windows))
    }

    /// Adds the nodes around one of the join's topics. Returns the node that reads it.
    fn passage(
        &mut self,
        at: &At<'_>,
        parents: &[DraftId],
        names: PassageNames,
        passage: Passage,
        windows: WindowSizes,
    ) -> DraftId {
        let PassageNames { topic, sink, source } = names;
        let kind = DraftKind::InternalSource { topic: topic.clone(), recipe: (passage.source)(windows) };
        let recipe: SinkRecipe = Box::new(move |topic| (passage.sink)(topic, windows));
        let sink = self.drafts.add_below(parents, sink, DraftKind::InternalSink { topic, recipe }, at.site);
        self.drafts.add(sink, source, kind, at.site)
    }

    /// A table's sources and another one, whose topics must have the same number of partitions.
    fn copartition_with(&mut self, table: CallId, source: &str) -> Result<BTreeSet<String>, TopologyError> {
        let mut sources = self.table_state(table)?.sources.clone();
        sources.insert(source.to_owned());
        self.copartitioned.push(sources.clone());
        Ok(sources)
    }

    fn subscription_store(
        &mut self,
        at: &At<'_>,
        name: String,
        windows: WindowSizes,
    ) -> Result<StoreId, TopologyError> {
        self.stores.add(&NewStore {
            name,
            kind: Arc::new(Table),
            cached: false,
            keeping: Keeping::default(),
            global_topic: None,
            windows,
            at: at.site,
        })
    }

    /// A processor that looks up rows of a table, and is connected to these stores.
    fn looking_up(
        &mut self,
        table: CallId,
        recipe: impl FnOnce(&StoreOf<'_>) -> Option<Recipe>,
        stores: Vec<StoreId>,
    ) -> Result<DraftKind, TopologyError> {
        self.rows_of(table)?;
        let recipe = recipe(&|table| self.tables.get(&table).and_then(TableState::store))
            .ok_or_else(|| super::not_a("table whose rows are kept", table))?;
        Ok(DraftKind::Processor { recipe, stores, table: None })
    }
}

/// The names of the join's parts, in the order in which Java burns their numbers.
struct Names {
    subscribe: String,
    registration: PassageNames,
    store: String,
    keep: String,
    answer: String,
    tell: String,
    response: PassageNames,
    resolve: String,
    result: String,
}

/// The names of a topic and the nodes around it.
struct PassageNames {
    topic: String,
    sink: String,
    source: String,
}

impl Names {
    fn burn(expansion: &mut Expansion, given: Option<&str>) -> Self {
        let mut name = |suffix: &str, prefix: &str| expansion.names.node_of(given, suffix, prefix);
        let topic = format!("{}-topic", name("-subscription-registration", prefix::FK_REGISTRATION));
        let subscribe = name("-subscription-registration-processor", prefix::FK_REGISTRATION);
        let sink = name("-subscription-registration-sink", prefix::TABLE_SINK);
        let source = name("-subscription-registration-source", prefix::TABLE_SOURCE);
        let registration = PassageNames { topic, sink, source };
        let store = name("-subscription-store", prefix::FK_STORE);
        let keep = name("-subscription-receive", prefix::FK_PROCESSOR);
        let answer = name("-subscription-join-foreign", prefix::FK_PROCESSOR);
        let tell = name("-foreign-join-subscription", prefix::FK_PROCESSOR);
        let topic = format!("{}-topic", name("-subscription-response", prefix::FK_RESPONSE));
        let sink = name("-subscription-response-sink", prefix::TABLE_SINK);
        let source = name("-subscription-response-source", prefix::TABLE_SOURCE);
        let response = PassageNames { topic, sink, source };
        let resolve = name("-subscription-response-resolver", prefix::FK_RESOLVER);
        let result = name("-result", prefix::FK_OUTPUT);
        Self { subscribe, registration, store, keep, answer, tell, response, resolve, result }
    }
}
