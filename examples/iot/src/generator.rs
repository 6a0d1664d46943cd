//! Readings of simulated devices: out of order and late by design, and some devices fall silent.
//!
//! What it makes depends on the seed alone. Event time passes faster than the clock, by a factor: each device reports every two
//! seconds of the clock, whatever that is in event time.

use std::collections::BTreeMap;

use fastrand::Rng;
use millstream::record::Timestamp;

use crate::readings::{Reading, Unit};

/// How often a device reports, in milliseconds of the clock, and by how much that varies.
pub const REPORT_EVERY_MS: i64 = 2_000;
const VARIES_BY_MS: i64 = 300;

/// The two readings of a report are that far apart in event time. The second one is never late, so a device that reports is heard.
const SECOND_AFTER_MS: i64 = 400;

/// Of a hundred first readings, so many are up to so many milliseconds late, in event time. The last are too late for most windows.
const DELAYS: [(u8, i64); 3] = [(8, 20_000), (3, 100_000), (1, 300_000)];

/// How often a device falls silent and for how long, and how often one dies, in milliseconds of the clock.
const SILENCE_EVERY_MS: i64 = 1_500;
const SILENT_FOR_MS: i64 = 10_000;
const DEATH_EVERY_MS: i64 = 6_000;

/// Of a thousand devices so many may die.
const DEAD_MAX_OF_1000: usize = 50;

/// The models, with their units: degrees Celsius, degrees Fahrenheit, and tenths of a kelvin.
pub const MODELS: [(&str, Unit); 3] = [
    ("celsius-1", Unit { add: 0.0, times: 1.0 }),
    ("fahrenheit-2", Unit { add: -32.0, times: 5.0 / 9.0 }),
    ("decikelvin-3", Unit { add: -2_731.5, times: 0.1 }),
];

/// What happens at some event time.
enum Happening {
    Report(usize),
    Arrival { device: usize, value: f64, at_ms: i64 },
    Silence,
    Death,
}

/// A reading to send.
pub type Sent = (String, Reading, Timestamp);

struct Device {
    name: String,
    model: usize,
    /// It reports nothing before that event time.
    silent_until_ms: i64,
}

/// Makes the readings.
pub struct Generator {
    random: Rng,
    /// How much faster than the clock event time passes.
    fast: i64,
    /// The event time at which it begins.
    began_ms: i64,
    devices: Vec<Device>,
    dead: usize,
    /// By event time since the beginning, and number.
    future: BTreeMap<(i64, u64), Happening>,
    numbers: u64,
}

impl Generator {
    /// So many devices, whose event time begins then.
    pub fn new(seed: u64, devices: usize, fast: i64, began_ms: i64) -> Self {
        let device =
            |number| Device { name: format!("d{number:04}"), model: number % MODELS.len(), silent_until_ms: 0 };
        let mut generator = Self {
            random: Rng::with_seed(seed),
            fast,
            began_ms,
            devices: (0..devices).map(device).collect(),
            dead: 0,
            future: BTreeMap::new(),
            numbers: 0,
        };
        for number in 0..devices {
            let first_ms = generator.random.i64(0..REPORT_EVERY_MS) * fast;
            generator.plan(first_ms, Happening::Report(number));
        }
        generator.plan(SILENCE_EVERY_MS * fast, Happening::Silence);
        generator.plan(DEATH_EVERY_MS * fast, Happening::Death);
        generator
    }

    /// What arrives until so many milliseconds of the clock after the beginning, in the order of arrival.
    pub fn until(&mut self, clock_ms: i64) -> Vec<Sent> {
        let now_ms = clock_ms.saturating_mul(self.fast);
        let mut sent = Vec::new();
        while let Some(next) = self.future.first_entry().filter(|next| next.key().0 <= now_ms) {
            let ((at_ms, _), happening) = next.remove_entry();
            match happening {
                Happening::Report(number) => self.report(number, at_ms),
                Happening::Arrival { device, value, at_ms } => sent.extend(self.reading(device, value, at_ms)),
                Happening::Silence => {
                    self.silence(at_ms + SILENT_FOR_MS * self.fast);
                    self.plan(at_ms + SILENCE_EVERY_MS * self.fast, Happening::Silence);
                }
                Happening::Death => {
                    if self.dead < self.devices.len() * DEAD_MAX_OF_1000 / 1_000 {
                        self.dead += 1;
                        self.silence(i64::MAX);
                    }
                    self.plan(at_ms + DEATH_EVERY_MS * self.fast, Happening::Death);
                }
            }
        }
        sent
    }

    fn plan(&mut self, at_ms: i64, happening: Happening) {
        self.numbers += 1;
        self.future.insert((at_ms, self.numbers), happening);
    }

    /// Two readings, the first of which may be late; and the next report.
    fn report(&mut self, number: usize, at_ms: i64) {
        let every_ms = REPORT_EVERY_MS + self.random.i64(-VARIES_BY_MS..=VARIES_BY_MS);
        self.plan(at_ms + every_ms * self.fast, Happening::Report(number));
        let Some(device) = self.devices.get(number).filter(|device| device.silent_until_ms <= at_ms) else { return };
        let unit = MODELS[device.model].1;
        for (at_ms, delay_ms) in [(at_ms, self.delay_ms()), (at_ms + SECOND_AFTER_MS, 0)] {
            let celsius = self.celsius(number, at_ms);
            let value = celsius / unit.times - unit.add;
            self.plan(at_ms + delay_ms, Happening::Arrival { device: number, value, at_ms });
        }
    }

    fn delay_ms(&mut self) -> i64 {
        let mut lot = self.random.u8(0..100);
        for (of_hundred, at_most_ms) in DELAYS {
            if lot < of_hundred {
                return self.random.i64(1..=at_most_ms);
            }
            lot -= of_hundred;
        }
        0
    }

    /// Warm by day and cold by night, differently for each device.
    fn celsius(&mut self, number: usize, at_ms: i64) -> f64 {
        let day = (self.began_ms + at_ms) as f64 / 86_400_000.0 * std::f64::consts::TAU;
        15.0 + (number % 17) as f64 + 8.0 * day.sin() + self.random.f64()
    }

    fn reading(&self, device: usize, value: f64, at_ms: i64) -> Option<Sent> {
        let device = self.devices.get(device)?;
        let reading = Reading { model: MODELS[device.model].0.to_owned(), value };
        Some((device.name.clone(), reading, Timestamp(self.began_ms + at_ms)))
    }

    fn silence(&mut self, until_ms: i64) {
        let chosen = self.random.usize(0..self.devices.len().max(1));
        if let Some(device) = self.devices.get_mut(chosen) {
            device.silent_until_ms = device.silent_until_ms.max(until_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_readings_whatever_the_steps() {
        let make = |step: i64| {
            let mut generator = Generator::new(7, 20, 60, 0);
            (0..=30_000 / step).flat_map(|tick| generator.until(tick * step)).collect::<Vec<_>>()
        };
        let all = make(30_000);
        assert_eq!(make(50), all);
        assert!(all.len() > 400, "{}", all.len());
    }

    #[test]
    fn some_are_late_and_a_few_very_much() {
        let (mut newest, mut out_of_order, mut late, mut very_late) = (0, 0, 0, 0);
        let sent = Generator::new(7, 100, 60, 0).until(30_000);
        for (_, _, Timestamp(at_ms)) in &sent {
            newest = newest.max(*at_ms);
            out_of_order += usize::from(*at_ms < newest);
            late += usize::from(*at_ms < newest - 30_000);
            very_late += usize::from(*at_ms < newest - 120_000);
        }
        assert!(out_of_order > sent.len() / 20 && late > 20 && very_late > 2, "{out_of_order} {late} {very_late}");
    }

    #[test]
    fn devices_fall_silent_and_some_for_good() {
        let mut generator = Generator::new(7, 40, 60, 0);
        let mut heard: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for tick in 0..600 {
            for (device, ..) in generator.until(tick * 100) {
                let (last, longest) = heard.entry(device).or_insert((tick, 0));
                (*longest, *last) = ((tick - *last).max(*longest), tick);
            }
        }
        let silent = heard.values().filter(|(_, longest)| *longest > 90).count();
        let dead = heard.values().filter(|(last, _)| *last < 400).count();
        assert!(silent >= 5 && dead == 2, "{silent} {dead}");
        assert!(heard.values().any(|(last, longest)| *longest < 40 && *last > 590), "most are always heard: {heard:?}");
    }
}
