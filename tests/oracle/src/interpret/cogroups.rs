//! Groups that are aggregated together.

use millstream::dsl::CogroupedKStream;

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
        let mut cogrouped: Option<CogroupedKStream<'t, Text, Text>> = None;
        for CogroupInput { input, add } in groups {
            let Handle::Group(group) = self.get(input)? else { return Err(format!("step {input} is no group")) };
            let update = move |_: &Text, value: Option<Text>, aggregate: Text| add.apply(&value, &Some(aggregate));
            cogrouped = Some(match cogrouped {
                None => group.cogroup_with(update),
                Some(others) => others.cogroup_with(group, update),
            });
        }
        let cogrouped = cogrouped.ok_or("there are no groups")?;
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
            Some(_) => Err(format!("windows are not there yet: {windows:?}")),
        }
    }
}
