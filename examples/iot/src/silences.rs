//! When devices have sent, and what must be told of those that have not.
//!
//! The application measures a silence when readings are processed, and this is when they are sent, so a silence that is just
//! about as long as it takes may be told or not.

use std::collections::{BTreeMap, BTreeSet};

use crate::readings::{Contact, Status};
use crate::topology::{FORGOTTEN_AFTER, OFFLINE_AFTER, millis};

/// By how much the application's measure may differ.
const MARGIN_MS: i64 = 2_500;

/// All devices of this run.
#[derive(Debug, Default)]
pub struct Silences {
    now_ms: i64,
    devices: BTreeMap<String, Device>,
    /// Whether this process stood still for so long that nothing is known.
    stood_still: bool,
}

#[derive(Debug, Default)]
struct Device {
    last_ms: i64,
    /// Silences that are over, and are long enough to matter.
    over_ms: Vec<i64>,
    told: [usize; 3],
}

impl Silences {
    /// Time has passed, by the clock, and these devices have sent.
    pub fn sent<'a>(&mut self, now_ms: i64, devices: impl Iterator<Item = &'a str>) {
        self.stood_still |= now_ms - self.now_ms > MARGIN_MS;
        self.now_ms = now_ms;
        for name in devices {
            if !self.devices.contains_key(name) {
                self.devices.insert(name.to_owned(), Device::default());
            }
            let Some(device) = self.devices.get_mut(name) else { continue };
            let silent_ms = now_ms - device.last_ms;
            if silent_ms >= millis(OFFLINE_AFTER) - MARGIN_MS {
                device.over_ms.push(silent_ms);
            }
            device.last_ms = now_ms;
        }
    }

    /// Something was told of a device.
    pub fn told(&mut self, name: &str, status: Option<Status>) {
        let what = match status.map(|status| status.is) {
            Some(Contact::Offline) => 0,
            Some(Contact::Back) => 1,
            None => 2,
        };
        self.devices.entry(name.to_owned()).or_default().told[what] += 1;
    }

    /// How often devices were told to be offline and to be back, and how many were forgotten.
    pub fn counts(&self) -> [usize; 3] {
        let add = |sum: [usize; 3], device: &Device| std::array::from_fn(|what| sum[what] + device.told[what]);
        self.devices.values().fold([0; 3], add)
    }

    /// What was told and should not have been, or the other way round; and what is kept of whom, and should not be.
    pub fn wrong(&self, kept: &BTreeSet<String>) -> Vec<String> {
        if self.stood_still {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        for (name, device) in &self.devices {
            let silent_ms = self.now_ms - device.last_ms;
            let at_least = |ms: i64| device.over_ms.iter().filter(|silent_ms| **silent_ms >= ms).count();
            let (long, short) = (millis(OFFLINE_AFTER) + MARGIN_MS, millis(OFFLINE_AFTER) - MARGIN_MS);
            let offline =
                at_least(long) + usize::from(silent_ms >= long)..=at_least(short) + usize::from(silent_ms >= short);
            // It may have been offline when the run began.
            let back = at_least(long)..=at_least(short) + 1;
            for (what, told, expected) in [("offline", device.told[0], offline), ("back", device.told[1], back)] {
                if !expected.contains(&told) {
                    wrong.push(format!("{name} was told {told} times to be {what}, and not {expected:?} times"));
                }
            }
            let dead_ms = millis(FORGOTTEN_AFTER);
            if silent_ms >= dead_ms + MARGIN_MS && kept.contains(name) {
                wrong.push(format!("{name} is silent for {silent_ms} ms and was not forgotten"));
            }
            if silent_ms <= dead_ms - MARGIN_MS && !kept.contains(name) {
                wrong.push(format!("{name} was forgotten after {silent_ms} ms"));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFLINE: Option<Status> = Some(Status { is: Contact::Offline, silent_ms: 0 });
    const BACK: Option<Status> = Some(Status { is: Contact::Back, silent_ms: 0 });

    /// What is wrong after a device has sent at these seconds, of 40, and that was told of it.
    fn wrong(sent: &[i64], told: &[Option<Status>], is_kept: bool) -> usize {
        let mut silences = Silences::default();
        for second in 0..=40 {
            let devices = if sent.contains(&second) { &["a"][..] } else { &[] };
            silences.sent(second * 1_000, devices.iter().copied());
        }
        told.iter().for_each(|status| silences.told("a", *status));
        let kept = if is_kept { BTreeSet::from(["a".to_owned()]) } else { BTreeSet::new() };
        silences.wrong(&kept).len()
    }

    #[test]
    fn silences_must_be_told_as_often_as_they_are() {
        let always: Vec<i64> = (0..=40).collect();
        let with_pause: Vec<i64> = (0..10).chain(20..=40).collect();
        let dying: Vec<i64> = (0..10).collect();
        let borderline: Vec<i64> = (0..10).chain(16..=40).collect();
        for (sent, told, is_kept, expected) in [
            (&always, &[][..], true, 0),
            (&always, &[OFFLINE, BACK], true, 1),
            (&with_pause, &[OFFLINE, BACK], true, 0),
            (&with_pause, &[OFFLINE], true, 1),
            (&with_pause, &[], true, 2),
            (&with_pause, &[OFFLINE, BACK, OFFLINE], true, 1),
            (&borderline, &[], true, 0),
            (&borderline, &[OFFLINE, BACK], true, 0),
            (&dying, &[OFFLINE, None], false, 0),
            (&dying, &[OFFLINE], true, 1),
            (&always, &[], false, 1),
        ] {
            assert_eq!(wrong(sent, told, is_kept), expected, "{sent:?} {told:?} {is_kept}");
        }
    }
}
