//! What can be said about a store of processors.

use super::StreamsBuilder;
use crate::topology::program::CallId;

/// A store of processors; made by [`StreamsBuilder::store`] to say how it is kept.
#[derive(Clone, Copy, Debug)]
pub struct ProcessorStoreOptions<'t> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
}

impl ProcessorStoreOptions<'_> {
    /// Keeps no changelog: what is in the store is lost with the machine; see
    /// [`KTable::not_logged`](super::KTable::not_logged).
    pub fn not_logged(self) -> Self {
        self.builder.options(self.step, |options| options.changelog.off = true);
        self
    }

    /// A topic setting for the changelog, such as `("segment.bytes", "1048576")`.
    pub fn changelog_config(self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        let config = (setting.into(), value.into());
        self.builder.options(self.step, |options| options.changelog.configs.push(config));
        self
    }
}
