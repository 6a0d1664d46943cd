//! Who has fallen silent? A processor that looks at the wall clock, because nothing arrives from a device that is silent.
//!
//! A device that has not been heard for some time is told to be offline, once, and once that it is back. One that stays silent is
//! forgotten: its rows are deleted here and, by a tombstone, in the table of those who read what is told.

use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Temperatures, millis};
use crate::readings::{Contact, Millidegrees, Status};

/// A device is offline when it has not been heard for so long.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(6);

/// A device is dead when it has not been heard for so long. Then nothing is kept of it.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(20);

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Output, and again input: devices that are offline or back, by their names; `None` when one is forgotten.
pub const STATUS: Topic<String, Option<Status>> = Topic::new("device-status");

/// When each device was heard.
pub const DEVICES_STORE: KeyValueStore<String, Device> = KeyValueStore::new("devices");

/// What was told of devices, as a table.
const STATUS_STORE: KeyValueStore<String, Status> = KeyValueStore::new("device-status");

/// What is known about a device.
#[derive(Value, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Device {
    /// When it was heard, in milliseconds since the Unix epoch, by the wall clock.
    pub heard_ms: i64,
    /// Whether it was told that it is offline.
    pub is_offline: bool,
}

/// Looks who is silent.
#[derive(Default)]
struct Watch {
    /// When this task has begun here. What was not heard while it did not run is nobody's silence.
    began_ms: Option<i64>,
}

impl Processor<String, Millidegrees, String, Option<Status>> for Watch {
    type Stores = KeyValueStore<String, Device>;

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(LOOK_EVERY, PunctuationTime::WallClock);
    }

    fn process(
        &mut self,
        mut devices: Refs<'_, Self::Stores>,
        record: Record<String, Millidegrees>,
        out: &mut Forward<'_, String, Option<Status>>,
    ) {
        let now = out.wall_clock();
        self.began_ms.get_or_insert(now.0);
        if let Some(device) = devices.get(&record.key).filter(|device| device.is_offline) {
            let status = Status { is: Contact::Back, silent_ms: now.0 - device.heard_ms };
            out.send_with(record.key.clone(), Some(status), now, Headers::new());
        }
        devices.put(&record.key, Device { heard_ms: now.0, is_offline: false });
    }

    fn punctuate(
        &mut self,
        _: PunctuationId,
        now: Timestamp,
        mut devices: Refs<'_, Self::Stores>,
        out: &mut Forward<'_, String, Option<Status>>,
    ) {
        let began_ms = *self.began_ms.get_or_insert(now.0);
        for (name, device) in devices.all() {
            let silent_ms = now.0 - device.heard_ms.max(began_ms);
            if silent_ms >= millis(FORGOTTEN_AFTER) {
                devices.delete(&name);
                out.send(name, None);
            } else if silent_ms >= millis(OFFLINE_AFTER) && !device.is_offline {
                devices.put(&name, Device { is_offline: true, ..device });
                out.send(name, Some(Status { is: Contact::Offline, silent_ms: now.0 - device.heard_ms }));
            }
        }
    }
}

pub(super) fn silence(builder: &StreamsBuilder, temperatures: Temperatures<'_>) {
    builder.store(DEVICES_STORE).cached();
    temperatures.process_with(DEVICES_STORE, Watch::default).named("watch").to(STATUS);

    builder
        .table(STATUS)
        .stored_as(STATUS_STORE)
        .live(|tile| tile.number("Offline").rows().only(|_, status| status.is == Contact::Offline).unit("devices"))
        .live(|tile| {
            tile.table("Devices that fell silent")
                .column("device", |name, _| name.clone())
                .column("is", |_, status| if status.is == Contact::Offline { "offline" } else { "back" }.to_owned())
                .column("silent for", |_, status| Duration::from_millis(status.silent_ms.unsigned_abs()))
        });
}
