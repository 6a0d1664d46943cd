//! How the rows of each store lay when they were written.
//!
//! What a program's next version says of a store may change how its rows lie, although the changelog stays the same: a
//! table's rows get versions or a time to live, windows are kept longer, or rows are kept in memory instead of on disk. Then
//! the store is built anew from its changelog.

use super::TaskStore;
use crate::state::{META, Store, StoreBatch, StoreError};

/// The key of the layout of a store.
fn layout_key(store: &str) -> Vec<u8> {
    format!("layout/{store}").into_bytes()
}

impl TaskStore {
    /// How its rows lie.
    pub(super) fn layout(&self) -> String {
        if self.in_memory { "memory".to_owned() } else { self.kind.layout() }
    }
}

/// The layout that a store had before, if it has another one now.
pub(super) fn former(state: &dyn Store, store: &TaskStore) -> Result<Option<String>, StoreError> {
    let noted = state.get(META, &layout_key(&store.name))?;
    let noted = noted.map(|noted| String::from_utf8_lossy(&noted).into_owned());
    Ok(noted.filter(|noted| *noted != store.layout()))
}

/// Notes the layouts of stores, as far as that was not done before.
pub(super) fn note(state: &mut dyn Store, stores: &[TaskStore]) -> Result<(), StoreError> {
    let mut batch = StoreBatch::default();
    for store in stores {
        let (key, layout) = (layout_key(&store.name), store.layout());
        if state.get(META, &key)?.as_deref() != Some(layout.as_bytes()) {
            batch.put(META, key, layout.as_bytes());
        }
    }
    if batch.is_empty() { Ok(()) } else { state.write(batch) }
}
