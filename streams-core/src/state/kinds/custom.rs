//! Stores of the program's own data structures.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::super::definition::StoreName;
use super::{Area, ChangelogRecord, Keys, Plain, StoreKind, StoreRow, StoredRow};
use crate::record::Timestamp;
use crate::topic::NameError;
use crate::wire::Value;

/// A data structure of the program's own that is made of rows, such as an index, a ranking or a tree; see [`CustomStore`].
///
/// The rows are what is stored and logged; the structure is in memory, and follows them. So it can never be something else
/// than what would be restored, provided that it depends on the rows alone and not on the order in which they came: after a
/// start it gets those that are there, in the order of their keys' bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a structure that a store can keep",
    label = "does not say what becomes of a row",
    note = "implement `Structure` for it: a `CustomStore` calls `change` for each row that is put, deleted or restored"
)]
pub trait Structure: Default + 'static {
    /// The key of a row.
    type Key: Value;
    /// The value of a row.
    type Value: Value;

    /// Takes in that a row has changed: what it was before, if it was there, and what it is `now`, if it still is.
    fn change(&mut self, key: &Self::Key, before: Option<&Self::Value>, now: Option<&Self::Value>);
}

/// Names a store of processors that keeps a [`Structure`].
///
/// ```
/// use millstream::dsl::processor::{CustomStore, Structure};
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
/// use std::collections::BTreeSet;
///
/// /// The players by their scores.
/// #[derive(Default)]
/// struct Ranking(BTreeSet<(i64, String)>);
///
/// impl Structure for Ranking {
///     type Key = String;
///     type Value = i64;
///
///     fn change(&mut self, player: &String, before: Option<&i64>, now: Option<&i64>) {
///         if let Some(score) = before {
///             self.0.remove(&(*score, player.clone()));
///         }
///         self.0.extend(now.map(|score| (*score, player.clone())));
///     }
/// }
///
/// const SCORES: Topic<String, i64> = Topic::new("scores");
/// const LEADERS: Topic<String, i64> = Topic::new("leaders");
/// const RANKING: CustomStore<Ranking> = CustomStore::new("ranking");
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(SCORES)
///     .process(RANKING, |mut ranking, player, points, out| {
///         let score = ranking.get(player).unwrap_or(0) + points;
///         ranking.put(player, score);
///         if let Some((best, leader)) = ranking.structure().0.last() {
///             out.send(leader.clone(), *best);
///         }
///     })
///     .to(LEADERS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// driver.pipe(&SCORES, "ada", 5);
/// driver.pipe(&SCORES, "bob", 3);
/// driver.kill();
/// driver.restart();
/// driver.pipe(&SCORES, "bob", 4);
/// assert_eq!(driver.read(&LEADERS), [("ada".to_owned(), 5), ("ada".to_owned(), 5), ("bob".to_owned(), 7)]);
/// # Ok::<(), TopologyError>(())
/// ```
pub struct CustomStore<S> {
    name: StoreName,
    structure: PhantomData<fn() -> S>,
}

impl<S: Structure> CustomStore<S> {
    /// Names a store. Meant for constants, where a bad name is a compile error.
    ///
    /// # Panics
    /// When the name breaks one of the rules in [`NameError`]. In a constant this is a compile error.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name: StoreName::constant(name), structure: PhantomData }
    }

    /// Names a store at run time.
    ///
    /// # Errors
    /// When the name breaks one of the rules in [`NameError`].
    pub fn named(name: impl Into<String>) -> Result<Self, NameError> {
        Ok(Self { name: StoreName::checked(name.into())?, structure: PhantomData })
    }
}

impl<S> CustomStore<S> {
    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }
}

impl<S> Clone for CustomStore<S> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), structure: PhantomData }
    }
}

impl<S> fmt::Debug for CustomStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomStore({:?})", self.name.0)
    }
}

/// The rows of a program's own structure, which lie as those of a [`Plain`] store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Custom;

impl StoreKind for Custom {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn layout(&self) -> String {
        Plain.layout()
    }

    fn constant(&self) -> &'static str {
        "CustomStore"
    }

    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        Plain.changelog_settings(additional_retention)
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        Plain.to_store(record)
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        Plain.changelog_key(key)
    }

    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        Plain.areas(keys, times)
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        Plain.read(key, row)
    }
}
