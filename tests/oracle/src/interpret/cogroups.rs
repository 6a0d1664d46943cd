//! Groups that are aggregated together.

use std::time::Duration;

use millstream::dsl::CogroupedKStream;
use millstream::windows::{Sessions, Sliding};

use super::options::{Nameable as _, Storable as _};
use super::windows::time_windows;
use super::{Handle, Interpreter, What, unfit};
use crate::step::{CogroupInput, Step, Windows};
use crate::text::Text;

impl<'t> Interpreter<'t> {
    pub(super) fn cogroup(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::Cogroup { groups, init: Some(init), windows, name, stored } = step.clone() else {
            return unfit(step);
        };
        let merge = groups.first().map(|group| group.add.clone());
        let mut cogrouped: Option<CogroupedKStream<'t, Text, Text>> = None;
        for CogroupInput { input, add } in groups {
            let Handle::Group(group) = self.get(input)? else { return Err(format!("step {input} is no group")) };
            let update =
                move |key: &Text, value: Option<Text>, aggregate: Text| add.apply(key, &value, &Some(aggregate));
            cogrouped = Some(match cogrouped {
                None => group.cogroup_with(update),
                Some(others) => others.cogroup_with(group, update),
            });
        }
        let cogrouped = cogrouped.ok_or("there are no groups")?;
        let merge = merge.ok_or("there are no groups")?;
        let init = move || Text::from(init.as_str());
        match windows {
            None => {
                let table = cogrouped.aggregate(init).maybe_named(name.as_ref());
                table.maybe_stored(stored.as_ref()).map(Handle::Table)
            }
            Some(Windows::Time { size, advance, grace }) => {
                let table = cogrouped.windowed_by(time_windows(size, advance, grace)).aggregate(init);
                table.maybe_named(name.as_ref()).maybe_stored(stored.as_ref()).map(Handle::WindowedTable)
            }
            Some(Windows::Session { gap, grace }) => {
                let sessions = Sessions::gap(Duration::from_millis(gap)).grace(Duration::from_millis(grace));
                let table = cogrouped.windowed_by(sessions).aggregate(init, move |aggregate, other| {
                    merge.merge(&Some(aggregate), &Some(other)).unwrap_or_else(|| "".into())
                });
                table.maybe_named(name.as_ref()).maybe_stored(stored.as_ref()).map(Handle::SessionTable)
            }
            Some(Windows::Sliding { difference, grace }) => {
                let sliding = Sliding::of(Duration::from_millis(difference)).grace(Duration::from_millis(grace));
                let table = cogrouped.windowed_by(sliding).aggregate(init);
                table.maybe_named(name.as_ref()).maybe_stored(stored.as_ref()).map(Handle::WindowedTable)
            }
            Some(Windows::Unlimited { .. }) => unfit(step),
        }
    }
}
