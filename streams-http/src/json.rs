//! What several answers have in common.

use streams_core::config::Guarantee;

/// A guarantee, as its setting is written.
pub(crate) const fn guarantee(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::AtLeastOnce => "at_least_once",
        Guarantee::ExactlyOnce => "exactly_once_v2",
    }
}
