//! A store of a structure of our own, which counts how often each key was put.

use std::collections::HashMap;

use millstream::dsl::processor::{CustomStore, Structure};
use millstream::prelude::Refs;

use super::stored::{Item, Work};
use crate::behaviour::Behaviour;
use crate::functions::{Nullable, cut};
use crate::text::Text;

/// The counts by key.
#[derive(Default)]
pub(super) struct Counts(HashMap<String, i64>);

impl Structure for Counts {
    type Key = Text;
    type Value = i64;

    fn change(&mut self, key: &Text, before: Option<&i64>, now: Option<&i64>) {
        assert_eq!(self.0.get(key.as_str()), before, "the structure has what the rows have");
        match now {
            Some(count) => self.0.insert(key.as_str().to_owned(), *count),
            None => self.0.remove(key.as_str()),
        };
    }
}

/// Stores of counts.
pub(super) struct Shelf;

impl Work for Shelf {
    type Store = CustomStore<Counts>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        let Behaviour::Shelve { .. } = does else { return None };
        let count = store.structure().0.get(item.key.as_str()).copied().unwrap_or(0) + 1;
        store.put(item.key, count);
        Some(Some(cut(&count.to_string())))
    }
}
