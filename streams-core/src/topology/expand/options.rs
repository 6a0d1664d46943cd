//! Options that have no effect where they were given, which is an error rather than ignored.
//!
//! An exception is `.not_cached()` after a table that is not kept: nothing is held back there, as the option demands,
//! and Java burns a number for it, on which the names of later nodes depend.

use super::super::error::{CallSite, TopologyError};
use super::super::program::Keeping;
use super::Expansion;
use crate::config::topic_setting_meant;

impl Expansion {
    /// Refuses options of stores that do not exist because their tables are not kept.
    pub(super) fn check_kept(&self) -> Result<(), TopologyError> {
        // The first in the program, whatever the order of the map.
        let unkept = self.tables.iter().filter(|(_, table)| table.store().is_none());
        let said = unkept.filter_map(|(step, table)| Some((step, table, table.kept_option?)));
        let Some((_, table, option)) = said.min_by_key(|(step, ..)| **step) else { return Ok(()) };
        let node = self.drafts.get(table.node);
        Err(no_effect(
            option,
            format!(
                "nothing needs the rows of `{}`, so they are not kept; keep them with `.stored_as(..)`, or remove the \
                 option",
                node.name
            ),
            node.at,
        ))
    }
}

impl Keeping {
    /// The option that was given, if any.
    pub(super) const fn option(&self) -> Option<&'static str> {
        match self {
            Self { not_logged: true, .. } => Some(NOT_LOGGED),
            Self { configs, .. } if !configs.is_empty() => Some(CHANGELOG_CONFIG),
            Self { in_memory: true, .. } => Some(IN_MEMORY),
            Self { .. } => None,
        }
    }

    /// Refuses options that contradict each other and settings that look like typos.
    pub(super) fn check(&self, store: &str, at: CallSite) -> Result<(), TopologyError> {
        let Some((first, _)) = self.configs.first() else { return Ok(()) };
        if self.not_logged {
            let reason = format!(
                "`{first}` is for the changelog of the store `{store}`, but `.not_logged()` removes that; keep one of \
                 the two"
            );
            return Err(no_effect(CHANGELOG_CONFIG, reason, at));
        }
        let typo = self.configs.iter().find_map(|(name, _)| Some((name, topic_setting_meant(name)?)));
        let Some((name, meant)) = typo else { return Ok(()) };
        let reason = format!(
            "the changelog of the store `{store}` is a topic, and topics have no setting `{name}`; did you mean \
             `{meant}`?"
        );
        Err(no_effect(CHANGELOG_CONFIG, reason, at))
    }
}

const NOT_LOGGED: &str = ".not_logged()";
const IN_MEMORY: &str = ".in_memory()";
const CHANGELOG_CONFIG: &str = ".changelog_config(..)";
pub(super) const EXPIRE_AFTER: &str = ".expire_after(..)";

pub(super) const fn no_effect(option: &'static str, reason: String, at: CallSite) -> TopologyError {
    TopologyError::Option { option, reason, at }
}
