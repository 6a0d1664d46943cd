//! Joins of two tables by their common key.

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{CallId, TablesJoin};
use super::draft::{DraftKind, JoinSide};
use super::tables::{RowsIn, TableState};
use super::{At, Expansion};
use crate::operators::JoinKind;
use crate::windows::WindowSizes;

impl Expansion {
    pub(super) fn tables_join(
        &mut self,
        at: &At<'_>,
        (left, right): (CallId, CallId),
        join: TablesJoin,
    ) -> Result<(), TopologyError> {
        let windows = self.common_windows(at, left, right)?;
        let store = match at.options.materialized() {
            true => Some(self.new_store(at, prefix::TABLE_MERGE, windows)?),
            false => None,
        };
        let given = at.options.name()?;
        let name = self.names.node(given, prefix::TABLE_MERGE);
        let mut sources = self.table_state(left)?.sources.clone();
        sources.extend(self.table_state(right)?.sources.iter().cloned());
        self.copartitioned.push(sources.clone());
        // A row that is outside of the join may have to be told from one that was never there.
        if join.kind != JoinKind::Inner {
            self.send_old_values(left, true)?;
        }
        if join.kind == JoinKind::Outer {
            self.send_old_values(right, true)?;
        }
        let this_name = self.names.node_of(given, "-join-this", prefix::TABLE_JOIN_THIS);
        let other_name = self.names.node_of(given, "-join-other", prefix::TABLE_JOIN_OTHER);
        let (rows_of_left, rows_of_right) = (self.rows_of(left)?, self.rows_of(right)?);
        let [this, other] = (join.sides)(&|table| self.tables.get(&table).and_then(TableState::store))
            .ok_or_else(|| super::not_a("pair of tables whose rows are kept", at.step))?;
        let store = store.map(|store| self.stores.add(&store)).transpose()?;
        let (left_node, right_node) = (self.table_state(left)?.node, self.table_state(right)?.node);
        let kind = DraftKind::TablesJoin {
            table: at.step,
            this: JoinSide { name: this_name, parent: left_node, recipe: this, stores: rows_of_right },
            other: JoinSide { name: other_name, parent: right_node, recipe: other, stores: rows_of_left },
            merge: (join.merge)(store),
            store,
        };
        let node = self.drafts.add(left_node, name, kind, at.site);
        self.drafts.connect(right_node, node);
        let rows = RowsIn::Joined { sides: [left, right], store };
        self.tables.insert(at.step, TableState::new(at, (sources, windows), node, rows));
        Ok(())
    }

    /// The window sizes of both tables' keys, which must be the same.
    fn common_windows(&mut self, at: &At<'_>, left: CallId, right: CallId) -> Result<WindowSizes, TopologyError> {
        let (left, right) = (self.table_state(left)?.windows, self.table_state(right)?.windows);
        if left == right {
            return Ok(left);
        }
        let reason = format!(
            "windows of `{left}` would be joined with windows of `{right}`, and those with the same start have the same \
             key; give both tables windows of the same length"
        );
        Err(TopologyError::WindowSize { what: "the join".to_owned(), reason, at: at.site })
    }
}
