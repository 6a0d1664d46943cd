//! The book of rules: writes changes to their topic, and knows whether there were any.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use millstream::client::ClientError;
use millstream::prelude::*;

use crate::records::newest;
use crate::rules::Rule;
use crate::topology::RULES;

/// See the [module](self).
pub struct RuleBook {
    client: Client,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    rules: BTreeMap<String, Rule>,
    changes: u64,
}

/// Whether somebody has changed the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RulesState {
    /// How often they were changed.
    pub changes: u64,
    /// Whether they are not as they were at first.
    pub are_other: bool,
}

impl RuleBook {
    /// Opens the book, with what is in the topic.
    pub fn open(client: Client) -> Result<Self, ClientError> {
        let rules = newest(client.read(&RULES)?);
        Ok(Self { client, pages: Mutex::new(Pages { rules, changes: 0 }) })
    }

    /// Changes a rule, and returns once that is in the log.
    pub fn change(&self, rule: Rule) -> Result<(), ClientError> {
        // Before and after: nobody knows at which of its records the application hears of it.
        self.pages().changes += 1;
        let written = self.client.send(&RULES, rule.id(), rule);
        let mut pages = self.pages();
        pages.changes += 1;
        written?;
        pages.rules.insert(rule.id().to_owned(), rule);
        Ok(())
    }

    /// Whether somebody has changed the rules.
    pub fn state(&self) -> RulesState {
        let pages = self.pages();
        RulesState { changes: pages.changes, are_other: pages.rules.values().any(|rule| !rule.is_initial()) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
