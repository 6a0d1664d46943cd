//! How long the windows of keys are: followed from where it is known to where bytes leave it out.
//!
//! Windowed aggregations know it, and so do constants that name topics. A call whose closure makes keys has to be
//! told. Where keys are read back from bytes, in repartition topics and in stores, exactly one answer must have
//! come through: keys of windows with equal starts and different ends have the same bytes.

use std::collections::BTreeSet;

use super::super::error::{CallSite, TopologyError};
use super::super::program::SaidWindows;
use super::draft::{DraftId, DraftKind};
use super::grouped::{GroupState, TableGroupState};
use super::options::no_effect;
use super::{At, Expansion};
use crate::windows::WindowSizes;

/// The windows that the keys of a stream or a table may have.
#[derive(Debug, Clone)]
pub(super) struct KeyWindows {
    known: BTreeSet<WindowSizes>,
    /// Where keys are made of which nobody said it.
    made: Option<CallSite>,
}

impl Expansion {
    /// Has the keys of what a call made get windows of the length that was said, if it was.
    /// Its operations are those from `first` on.
    pub(super) fn give_windows(&mut self, at: &At<'_>, first: DraftId) -> Result<(), TopologyError> {
        let Some(SaidWindows { sizes, give }) = at.options.windows else { return Ok(()) };
        let stream = self.streams.get_mut(&at.step).map(|stream| (stream.node, &mut stream.windows));
        let group = self.groups.get_mut(&at.step).map(GroupState::made_keys);
        let rows = self.table_groups.get_mut(&at.step).map(TableGroupState::made_keys);
        if let Some((node, windows)) = stream.or(group).or(rows)
            && node >= first
            && let DraftKind::Processor { recipe, .. } = &mut self.drafts.all[node.0].kind
        {
            *recipe = give(recipe.clone(), sizes);
            *windows = KeyWindows::known(sizes);
            return Ok(());
        }
        let reason = "no node hands keys on there; say it behind the operator before, or behind the topic's constant";
        Err(no_effect(".windows_of(..)", reason.to_owned(), at.site))
    }
}

/// Where keys are read back from bytes.
pub(super) struct ReadBack<'a> {
    /// What is read, for people.
    pub(super) what: &'a str,
    /// How many windows there are in a key.
    pub(super) windows: usize,
    pub(super) at: CallSite,
}

impl KeyWindows {
    pub(super) fn known(sizes: WindowSizes) -> Self {
        Self { known: BTreeSet::from([sizes]), made: None }
    }

    /// Keys that are made by the call at `at`.
    pub(super) fn made(at: CallSite) -> Self {
        Self { known: BTreeSet::new(), made: Some(at) }
    }

    /// Keys of both.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self { known: self.known.union(&other.known).copied().collect(), made: self.made.or(other.made) }
    }

    /// The one answer, where keys are read back.
    ///
    /// # Errors
    /// When there is none, or are several.
    pub(super) fn only(&self, read: &ReadBack<'_>) -> Result<WindowSizes, TopologyError> {
        let ReadBack { what, windows, at } = *read;
        let lost = |reason: String| Err(TopologyError::WindowSize { what: what.to_owned(), reason, at });
        if windows == 0 {
            return Ok(WindowSizes::NONE);
        }
        if let Some(made) = self.made {
            return lost(format!("the keys are made at {made}; say it behind that call with `.windows_of(..)`"));
        }
        let mut known = self.known.iter();
        match (known.next(), known.next()) {
            (Some(sizes), None) if sizes.as_slice().contains(&0) => {
                lost("a window must be at least one millisecond long".to_owned())
            }
            (Some(sizes), None) if sizes.len() == windows => Ok(*sizes),
            (Some(sizes), None) => lost(format!(
                "{} of {windows} sizes are known; say each with `.windows_of(..)`, outermost first",
                sizes.len()
            )),
            _ => {
                let sizes: Vec<_> = self.known.iter().map(|sizes| format!("`{sizes}`")).collect();
                lost(format!(
                    "windows of {} meet there, and those that begin together have one key; say how long they are to be \
                     with `.windows_of(..)`, or keep them apart",
                    sizes.join(" and ")
                ))
            }
        }
    }

    /// A size that is sure to be another than the one that was said, where one was.
    pub(super) fn contradicts(&self, said: WindowSizes) -> Option<WindowSizes> {
        self.known.iter().find(|known| !said.is_empty() && **known != said).copied()
    }
}
