//! The options of processors' stores.

use super::StreamsBuilder;
use crate::topology::program::CallId;

/// The options of a processors' store; created by [`StreamsBuilder::store`].
#[derive(Clone, Copy, Debug)]
pub struct ProcessorStoreOptions<'t> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
}

impl ProcessorStoreOptions<'_> {
    /// Keeps no changelog: the store's contents are lost with the machine; see
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
