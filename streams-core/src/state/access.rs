//! One store of one task, as the typed views see it. Reads include uncommitted writes; writes stay uncommitted until
//! the task commits.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::kinds::Table;
use super::late_changelog::LateChangelog;
use super::watches::Watches;
use super::{CacheBudget, Changelog, KeyRange, META, StoreError, StoreErrorKind, StoreIndex, StoreKind, TaskState};
use crate::record::{Headers, Timestamp};
use crate::windows::WindowSizes;

/// Read and write access to one store of a task.
///
/// Writing here does not write the changelog: the typed view does that, because its bytes differ from the store's
/// (timestamps, window keys).
#[derive(Clone)]
pub struct StoreAccess {
    name: Arc<str>,
    index: StoreIndex,
    state: Rc<RefCell<TaskState>>,
    watches: Rc<Watches>,
    changelog: Option<Rc<RefCell<dyn Changelog>>>,
    kind: Arc<dyn StoreKind>,
    windows: WindowSizes,
    cached: bool,
    repeats_flaws: bool,
}

impl StoreAccess {
    /// Access to the store numbered `index` and named `name` within a task's state. Without a changelog,
    /// [`StoreAccess::log`] does nothing.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        index: StoreIndex,
        state: Rc<RefCell<TaskState>>,
        changelog: Option<Rc<RefCell<dyn Changelog>>>,
    ) -> Self {
        let watches = Rc::clone(state.borrow().watches());
        Self {
            name,
            index,
            state,
            watches,
            changelog,
            kind: Arc::new(Table),
            windows: WindowSizes::NONE,
            cached: true,
            repeats_flaws: false,
        }
    }

    /// Sets the store's kind, which is a table otherwise, and the sizes of the windows in its keys.
    #[must_use]
    pub fn of(mut self, kind: Arc<dyn StoreKind>, windows: WindowSizes) -> Self {
        self.kind = kind;
        self.windows = windows;
        self
    }

    /// Sets whether changes of its rows may wait in a cache, as they do otherwise.
    #[must_use]
    pub const fn cached(mut self, cached: bool) -> Self {
        self.cached = cached;
        self
    }

    /// Lets the changelog wait: changes are kept in memory, as far as `budget` allows, until what is returned is flushed.
    /// That is nothing if the store is not logged.
    #[must_use]
    pub(crate) fn logging_late(mut self, budget: CacheBudget) -> (Self, Option<Rc<RefCell<LateChangelog>>>) {
        let late = self.changelog.take().map(|log| Rc::new(RefCell::new(LateChangelog::new(log, budget))));
        self.changelog = late.as_ref().map(|late| Rc::clone(late) as _);
        (self, late)
    }

    /// Whether changes of its rows may wait in a cache.
    #[must_use]
    pub const fn is_cached(&self) -> bool {
        self.cached
    }

    /// Sets whether what Kafka Streams does wrong is done in the same way, to compare everything else with it.
    #[must_use]
    pub const fn repeating_flaws(mut self, repeats: bool) -> Self {
        self.repeats_flaws = repeats;
        self
    }

    /// Whether what Kafka Streams does wrong is done in the same way.
    #[must_use]
    pub const fn repeats_flaws(&self) -> bool {
        self.repeats_flaws
    }

    /// What the store's rows are.
    #[must_use]
    pub fn kind(&self) -> &dyn StoreKind {
        &*self.kind
    }

    /// The sizes of the windows in the store's keys, which the keys' bytes leave out.
    #[must_use]
    pub const fn windows(&self) -> &WindowSizes {
        &self.windows
    }

    /// The store's name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Looks up a key; uncommitted writes are visible.
    ///
    /// # Errors
    /// As [`super::Store::get`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.state.borrow().get(self.index, key)
    }

    /// Sets or deletes a key; committed with the task.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) {
        self.note_change(key);
        self.put_known(key, value);
    }

    /// Tells those who watch the store that a row is changing. Caches do so when it changes there.
    #[inline]
    pub(crate) fn note_change(&self, key: &[u8]) {
        self.watches.note(self.index, key);
    }

    /// Whether somebody watches.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watches.is_any()
    }

    /// As [`StoreAccess::put`], for a change that was noted when it was made.
    pub(super) fn put_known(&self, key: &[u8], value: Option<&[u8]>) {
        self.state.borrow_mut().put(self.index, key, value);
    }

    /// Deletes every key below `floor`, however many there are, for the cost of a single delete; committed with the
    /// task.
    pub fn delete_below(&self, floor: &[u8]) {
        self.state.borrow_mut().delete_below(self.index, floor);
    }

    /// Whether the store has a changelog.
    #[must_use]
    pub(crate) const fn is_logged(&self) -> bool {
        self.changelog.is_some()
    }

    /// Appends a change to the changelog, if the store has one.
    ///
    /// # Errors
    /// As [`Changelog::append`].
    pub fn log(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        match &self.changelog {
            Some(changelog) => changelog.borrow_mut().append(key, value, timestamp, headers),
            None => Ok(()),
        }
    }

    /// Calls `each` with the keys and rows in a range, including uncommitted writes, until it returns `false`. `each`
    /// must not write to the task's state.
    ///
    /// # Errors
    /// As [`super::Store::range`].
    pub(crate) fn scan(
        &self,
        range: KeyRange<'_>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.state.borrow().scan(self.index, range, each)
    }

    /// Keeps a number with the task's metadata; committed with the task. It is not logged, so it is gone if the state
    /// is restored from the changelog alone.
    pub(crate) fn note(&self, what: &str, number: i64) {
        self.state.borrow_mut().put(META, &self.note_key(what), Some(&number.to_be_bytes()));
    }

    /// The number that was kept last, if there is one.
    ///
    /// # Errors
    /// When the store fails, or the number is damaged.
    pub(crate) fn noted(&self, what: &str) -> Result<Option<i64>, StoreError> {
        let Some(bytes) = self.state.borrow().get(META, &self.note_key(what))? else { return Ok(None) };
        bytes.as_slice().try_into().map(|bytes| Some(i64::from_be_bytes(bytes))).map_err(|_| {
            let reason = format!(
                "the note `{what}` of the store {} has {} bytes instead of 8: it is damaged; delete the state folder to \
                 rebuild the state from its topics",
                self.name,
                bytes.len()
            );
            StoreError::new(StoreErrorKind::Corrupt, reason)
        })
    }

    fn note_key(&self, what: &str) -> Vec<u8> {
        format!("store/{}/{what}", self.name).into_bytes()
    }

    /// The state that the store is in, and its number there, for ordered reads.
    pub(super) fn state(&self) -> (Ref<'_, TaskState>, StoreIndex) {
        (self.state.borrow(), self.index)
    }
}
