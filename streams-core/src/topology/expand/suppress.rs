//! Suppressions of tables' changes.

use std::sync::Arc;
use std::time::Duration;

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{CallId, SuppressRecipe, SuppressUntil};
use super::draft::{DraftId, DraftKind, ROOT};
use super::options::no_effect;
use super::stores::NewStore;
use super::tables::{RowsIn, TableState, no_retention};
use super::{At, Expansion};
use crate::state::kinds::Suppressed;

impl Expansion {
    /// Holds a table's changes back in a buffer, which is named after the node if that has a name.
    pub(super) fn suppress(
        &mut self,
        at: &At<'_>,
        input: CallId,
        until: SuppressUntil,
        recipe: SuppressRecipe,
    ) -> Result<(), TopologyError> {
        refuse_options(at)?;
        let table = self.table_state(input)?;
        let (parent, versioned) = (table.node, table.versioned);
        if versioned {
            let reason = "the table before it has versions of its rows, of which earlier ones may come after later ones; \
                          keep it in a `KeyValueStore`, or suppress a table behind it that is kept in one";
            let node = at.node_or(prefix::TABLE_SUPPRESS);
            return Err(TopologyError::Versions { node, reason: reason.to_owned(), at: at.site });
        }
        let grace = match until {
            SuppressUntil::WindowCloses => self.grace_of(at, parent)?,
            SuppressUntil::Elapsed => Duration::ZERO,
        };
        // In Java, a named suppression burns no numbers, unlike most other nodes.
        let (name, store) = match at.options.name()? {
            Some(name) => (name.to_owned(), format!("{name}-store")),
            None => (self.names.node(None, prefix::TABLE_SUPPRESS), self.names.store(prefix::TABLE_SUPPRESS)),
        };
        // What is sent on in the end tells what was sent on before, which is the old value of the first change.
        self.send_old_values(input, true)?;
        let parent_table = self.table_state(input)?;
        let (sources, windows) = (parent_table.sources.clone(), parent_table.windows);
        let keeping = at.options.keeping.clone();
        let new = NewStore {
            name: store,
            kind: Arc::new(Suppressed),
            cached: false,
            keeping,
            global_topic: None,
            windows,
            at: at.site,
        };
        let buffer = self.stores.add(&new)?;
        let kind = DraftKind::Suppress { recipe: recipe(buffer, grace), buffer };
        let node = self.drafts.add(parent, name, kind, at.site);
        let rows = RowsIn::Suppressed { buffer, parent: input };
        self.tables.insert(at.step, TableState::new(at, (sources, windows), node, rows));
        Ok(())
    }

    /// How long after their end the windows are closed whose rows an operation gets: as long as the nearest aggregations
    /// in windows say, the longest if there are several.
    fn grace_of(&self, at: &At<'_>, from: DraftId) -> Result<Duration, TopologyError> {
        let draft = self.drafts.get(from);
        if let Some(grace) = draft.grace {
            return Ok(grace);
        }
        let parents = draft.parents.iter().filter(|parent| **parent != ROOT);
        let graces = parents.map(|parent| self.grace_of(at, *parent));
        graces.reduce(|longest, grace| Ok(longest?.max(grace?))).unwrap_or_else(|| {
            Err(TopologyError::Windows {
                node: at.node_or(prefix::TABLE_SUPPRESS),
                reason: format!(
                    "it waits until windows close, but when they do is known only behind an aggregation in windows, and \
                     its rows also come from `{}`; use `Suppress::until_time_limit(..)`",
                    draft.name
                ),
                at: at.site,
            })
        })
    }
}

/// Refuses options of tables that are kept, which a buffer isn't.
fn refuse_options(at: &At<'_>) -> Result<(), TopologyError> {
    no_retention(at)?;
    let reason = |what: &str| {
        format!("a suppression has {what}; put the option on the table before, or on a `.map_values(..)` behind it")
    };
    if let Some(store) = &at.options.store {
        let what = "a buffer of its own, and `.named(..)` also names that";
        return Err(no_effect(".stored_as(..)", reason(what), store.at));
    }
    if at.options.not_cached {
        return Err(no_effect(".not_cached()", reason("no cache"), at.site));
    }
    Ok(())
}
