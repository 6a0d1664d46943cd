//! Tiles: finds the store of each one's table.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::error::{CallSite, TopologyError};
use super::super::program::CallId;
use super::super::tiles::{StoredRows, TileFacts, TileSpec, slug};
use super::tables::RowsIn;
use super::{At, Expansion};
use crate::operators::StoreId;

/// A tile of a table, which may not have a store yet.
pub(super) struct TileDraft {
    table: CallId,
    spec: TileSpec,
    at: CallSite,
}

impl Expansion {
    /// Remembers the tiles of the table that a call makes.
    pub(super) fn take_tiles(&mut self, at: &At<'_>) {
        let tiles = at.options.tiles.iter();
        self.tiles.extend(tiles.map(|(spec, site)| TileDraft { table: at.step, spec: spec.clone(), at: site }));
    }

    /// All tiles, when it is known which tables have stores.
    pub(super) fn finished_tiles(&self) -> Result<Vec<TileFacts>, TopologyError> {
        let mut taken: HashMap<String, &TileDraft> = HashMap::new();
        let mut finished = Vec::new();
        for tile in &self.tiles {
            let TileDraft { table, spec, at } = tile;
            let refused = |reason: String| TopologyError::Tile { title: spec.title.clone(), reason, at };
            let id = slug(&spec.title);
            if id.is_empty() {
                return Err(refused("a title needs a letter or a digit".to_owned()));
            }
            if let Some(first) = taken.insert(id.clone(), tile) {
                let (title, first) = (&first.spec.title, first.at);
                return Err(refused(format!("there is `{title}` already, at {first}; give one of them another title")));
            }
            let store = self.store_shown(*table).map_err(refused)?;
            let Some(definition) = self.stores.definitions.get(store.0 as usize) else { continue };
            let rows = StoredRows { kind: Arc::clone(&definition.kind), windows: definition.windows };
            let TileSpec { title, unit, kind, span, by_wall_clock, read } = spec.clone();
            let store = Arc::clone(&definition.name);
            finished.push(TileFacts { id, title, unit, kind, span, by_wall_clock, store, rows, read });
        }
        Ok(finished)
    }

    /// The store with a table's own rows.
    fn store_shown(&self, table: CallId) -> Result<StoreId, String> {
        let Some(table) = self.tables.get(&table) else { return Err("only tables have rows to show".to_owned()) };
        if let RowsIn::Suppressed { .. } = table.rows {
            return Err(
                "a suppressed table's store has what is held back, not its rows; show the table before it, or one \
                        behind it that is `.stored_as(..)`"
                    .to_owned(),
            );
        }
        let node = &self.drafts.get(table.node).name;
        table.store().ok_or_else(|| {
            format!("nothing needs the rows of `{node}`, so they are not kept; keep them with `.stored_as(..)`")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::prelude::*;

    const NAMES: Topic<u64, String> = Topic::new("names");
    const VIEWS: Topic<String, String> = Topic::new("views");
    const OUT: Topic<u64, Option<String>> = Topic::new("out");
    const KEPT: KeyValueStore<u64, String> = KeyValueStore::new("kept");

    fn error(program: impl FnOnce(&StreamsBuilder)) -> String {
        let builder = StreamsBuilder::new();
        program(&builder);
        builder.build().expect_err("a tile without rows").to_string()
    }

    #[test]
    fn a_tile_without_rows_is_an_error_that_says_what_to_do() {
        let unkept = error(|builder| {
            builder.table(NAMES).live(|tile| tile.table("Names")).to_stream().to(OUT);
        });
        let mapped = error(|builder| {
            let names = builder.table(NAMES).stored_as(KEPT);
            names.map_values(|name: String| name.len() as i64).live(|tile| tile.bars("Lengths"));
        });
        for (error, title) in [(unkept, "Names"), (mapped, "Lengths")] {
            assert!(error.starts_with(&format!("the tile `{title}` at ")), "{error}");
            assert!(error.contains("are not kept; keep them with `.stored_as(..)`"), "{error}");
        }
        let suppressed = error(|builder| {
            let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
            let counts = builder.stream(VIEWS).group_by_key().windowed_by(windows).count();
            counts.suppress(Suppress::until_window_closes().unbounded()).live(|tile| tile.lines("Final"));
        });
        assert!(suppressed.contains("show the table before it"), "{suppressed}");
    }

    #[test]
    fn a_tile_needs_a_title_of_its_own() {
        let titled = |titles: [&'static str; 2]| {
            error(|builder| {
                let names = builder.table(NAMES).stored_as(KEPT);
                for title in titles {
                    names.live(|tile| tile.table(title));
                }
            })
        };
        assert!(titled(["Top pages", "top pages!"]).contains("there is `Top pages` already, at "));
        assert!(titled(["!?", "Names"]).contains("a title needs a letter or a digit"));
    }

    #[test]
    fn tiles_change_nothing_else() {
        let topology = |has_tiles: bool| {
            let builder = StreamsBuilder::new();
            let names = builder.table(NAMES).stored_as(KEPT);
            let windows = Hopping::of(Duration::from_secs(60)).advance_by(Duration::from_secs(5)).no_grace();
            let counts = builder.stream(VIEWS).group_by_key().windowed_by(windows).count();
            if has_tiles {
                names.live(|tile| tile.table("Names")).live(|tile| tile.number("How many").rows());
                counts.live(|tile| tile.lines("Views"));
            }
            names.to_stream().to(OUT);
            builder.build().expect("a topology")
        };
        let (with, without) = (topology(true), topology(false));
        assert_eq!((with.tiles().len(), without.tiles().len()), (3, 0));
        assert_eq!(with.describe(), without.describe());
        assert_eq!(with.to_json(), without.to_json());
        assert_eq!(with.fingerprint(), without.fingerprint());
    }
}
