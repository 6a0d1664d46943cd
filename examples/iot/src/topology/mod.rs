//! The actual program: what is made of readings. This is the file to read and change first; each question has a file of its own
//! next to it.
//!
//! ```text
//! readings ──> degrees ──┬──> per second ──> per minute ──> per hour     final results only, each once
//! units ─────────┘       ├──> counted with three graces                 what is late?
//!                        └──> who has fallen silent?                    by the wall clock
//! ```

use std::time::Duration;

use millstream::prelude::*;

use crate::readings::{Millidegrees, Reading, Unit};

mod late;
mod roll_up;
mod silence;
#[cfg(test)]
mod tests;

/// Input: what devices have measured, by their names.
pub const READINGS: Topic<String, Reading> = Topic::new("readings");
/// Input: the units of the models.
pub const UNITS: Topic<String, Unit> = Topic::new("units");
/// Output: readings that cannot be read, or whose model has no unit, as they were.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("iot-dead-letters");

/// The units of the models, for those who ask.
const UNITS_STORE: KeyValueStore<String, Unit> = KeyValueStore::new("units");

pub use late::{ALL, BY_GRACE_STORE, Counts, GRACES};
pub use roll_up::{GRACE, HOUR, HOURS, MINUTE, MINUTES, SECOND, SECONDS};
pub use silence::{DEVICES_STORE, FORGOTTEN_AFTER, OFFLINE_AFTER, STATUS};

/// What readings become.
type Temperatures<'t> = KStream<'t, String, Millidegrees>;

/// The sensor roll-ups.
pub fn iot() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let units = builder.global_table(UNITS).stored_as(UNITS_STORE);

    // Every instance has all units, so it does not matter in which partition a device is.
    let temperatures = builder
        .stream(READINGS)
        .left_join_global(units, |_, reading| reading.model.clone(), |reading, unit| (reading, unit))
        .try_map_values(|(reading, unit): (Reading, Option<Unit>)| match unit {
            Some(unit) => Ok(unit.millidegrees(reading.value)),
            None => Err(format!("model {:?} has no unit; send it to the topic `{}`", reading.model, UNITS.name())),
        })
        .named("in-degrees");

    roll_up::roll_up(&builder, temperatures);
    late::late(temperatures);
    silence::silence(&builder, temperatures);

    builder.build()
}

/// In whole milliseconds.
pub const fn millis(duration: Duration) -> i64 {
    duration.as_millis() as i64
}
