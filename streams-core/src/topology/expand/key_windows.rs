//! The length of keys' windows, carried from where it is known to where bytes leave it out.
//!
//! Windowed aggregations know it, and so do topics' constants. Calls whose closures create keys must be told. Where keys
//! are read back from bytes, in repartition topics and in stores, exactly one length must have arrived, because keys of
//! windows with the same start and different ends have the same bytes.

use std::collections::BTreeSet;

use super::super::error::{CallSite, TopologyError};
use super::super::program::SaidWindows;
use super::draft::{DraftId, DraftKind};
use super::grouped::{GroupState, TableGroupState};
use super::options::no_effect;
use super::{At, Expansion};
use crate::windows::{WindowSize, WindowSizes};

/// The windows that the keys of a stream or a table may have.
#[derive(Debug, Clone)]
pub(super) struct KeyWindows {
    known: BTreeSet<WindowSizes>,
    /// The call that creates keys with windows of unknown length, if there is one.
    made: Option<CallSite>,
}

impl Expansion {
    /// Applies the `.windows_of(..)` of a call, if there is one, to the keys of its result. The call's operations are
    /// those from `first` on.
    pub(super) fn give_windows(&mut self, at: &At<'_>, first: DraftId) -> Result<(), TopologyError> {
        let Some(SaidWindows { sizes, give }) = at.options.windows else { return Ok(()) };
        let stream = self.streams.get_mut(&at.step).map(|stream| (stream.node, &mut stream.windows));
        let group = self.groups.get_mut(&at.step).map(GroupState::made_keys);
        let rows = self.table_groups.get_mut(&at.step).map(TableGroupState::made_keys);
        if let Some((node, windows)) = stream.or(group).or(rows)
            && node >= first
            && let DraftKind::Processor { recipe, .. } | DraftKind::Handler { recipe, .. } =
                &mut self.drafts.all[node.0].kind
        {
            *recipe = give(recipe.clone(), sizes);
            *windows = KeyWindows::known(sizes);
            return Ok(());
        }
        let reason = "no node forwards keys there; put it after the operator before, or on the topic's constant";
        Err(no_effect(".windows_of(..)", reason.to_owned(), at.site))
    }
}

/// Where keys are read back from bytes.
pub(super) struct ReadBack<'a> {
    /// A description for errors.
    pub(super) what: &'a str,
    /// The number of windows in a key.
    pub(super) windows: usize,
    pub(super) at: CallSite,
}

impl KeyWindows {
    pub(super) fn known(sizes: WindowSizes) -> Self {
        Self { known: BTreeSet::from([sizes]), made: None }
    }

    /// Keys that are created by the call at `at`.
    pub(super) fn made(at: CallSite) -> Self {
        Self { known: BTreeSet::new(), made: Some(at) }
    }

    /// The windows of both.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self { known: self.known.union(&other.known).copied().collect(), made: self.made.or(other.made) }
    }

    /// The window sizes for keys that are read back.
    ///
    /// # Errors
    /// When they are not known, or there are several possibilities.
    pub(super) fn only(&self, read: &ReadBack<'_>) -> Result<WindowSizes, TopologyError> {
        let ReadBack { what, windows, at } = *read;
        let lost = |reason: String| Err(TopologyError::WindowSize { what: what.to_owned(), reason, at });
        if windows == 0 {
            return Ok(WindowSizes::NONE);
        }
        if let Some(made) = self.made {
            return lost(format!("the keys are created at {made}; set it after that call with `.windows_of(..)`"));
        }
        let mut known = self.known.iter();
        match (known.next(), known.next()) {
            (Some(sizes), None) if sizes.as_slice().contains(&WindowSize::Millis(0)) => {
                lost("a window must be at least one millisecond long".to_owned())
            }
            (Some(sizes), None) if sizes.len() == windows => Ok(*sizes),
            (Some(sizes), None) => lost(format!(
                "{} of {windows} sizes are known; set each with `.windows_of(..)`, outermost first",
                sizes.len()
            )),
            _ => {
                let sizes: Vec<_> = self.known.iter().map(|sizes| format!("`{sizes}`")).collect();
                lost(format!(
                    "windows of {} meet there, and those with the same start have the same key; set their length with \
                     `.windows_of(..)`, or keep them apart",
                    sizes.join(" and ")
                ))
            }
        }
    }

    /// The window sizes, if there is only one possibility.
    pub(super) fn sole(&self) -> WindowSizes {
        let mut known = self.known.iter();
        match (known.next(), known.next(), self.made) {
            (Some(sizes), None, None) => *sizes,
            _ => WindowSizes::NONE,
        }
    }

    /// A known size that differs from a declared one, if there is one.
    pub(super) fn contradicts(&self, said: WindowSizes) -> Option<WindowSizes> {
        self.known.iter().find(|known| !said.is_empty() && **known != said).copied()
    }
}
