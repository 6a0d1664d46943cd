//! Settings for the internal topics that the application creates: `topic.<name>`.

use std::collections::BTreeMap;
use std::fmt;

use super::clients::HIDDEN;
use super::error::Origin;
use super::foreign_names::TOPICS;
use super::suggest::typo_of;

/// The prefix of the names.
pub(super) const PREFIX: &str = "topic.";

/// Kafka's settings for all internal topics of an application, such as `min.insync.replicas`. A store's own changelog
/// settings override them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TopicSettings(BTreeMap<String, (String, Origin)>);

impl TopicSettings {
    /// Adds a setting under Kafka's name.
    ///
    /// # Errors
    /// When the name looks like a typo. The broker checks other unknown names.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> Result<(), String> {
        self.set_from(name.into(), value.into(), Origin::Code)
    }

    pub(super) fn set_from(&mut self, name: String, value: String, origin: Origin) -> Result<(), String> {
        if let Some(known) = topic_setting_meant(&name) {
            return Err(format!("did you mean `{PREFIX}{known}`?"));
        }
        self.0.insert(name, (value, origin));
        Ok(())
    }

    /// Names and values, in ascending order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, (value, _))| (name.as_str(), value.as_str()))
    }

    /// Each setting with its prefix, its value if it may be shown, and its origin.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, &str, &Origin)> {
        self.0.iter().map(|(name, (value, origin))| {
            let value = if TOPICS.contains(&name.as_str()) { value.as_str() } else { HIDDEN };
            (format!("{PREFIX}{name}"), value, origin)
        })
    }
}

impl fmt::Debug for TopicSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown().map(|(name, value, _)| (name, value.to_owned()))).finish()
    }
}

/// The topic setting that was probably meant, if this name looks like a typo.
pub(crate) fn topic_setting_meant(name: &str) -> Option<&'static str> {
    if TOPICS.contains(&name) { None } else { typo_of(name, TOPICS.iter().copied()) }
}
