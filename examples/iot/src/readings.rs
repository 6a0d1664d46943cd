//! The records in the topics, and what is made of them.
//!
//! Everything is JSON, so that any Kafka tool can read it. What makes no sense is refused where it is read, and becomes a dead
//! letter. Temperatures are added up as whole thousandths of a degree, so that sums do not depend on their order.

use millstream::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, de};

/// What a device has measured, in the unit of its model. The record's key is the device, its timestamp the time.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Reading {
    /// The device's model.
    pub model: String,
    /// The temperature as the device tells it.
    #[serde(deserialize_with = "number")]
    pub value: f64,
}

/// How the readings of a model become degrees Celsius: something is added first, and then they are multiplied.
#[derive(Value, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[streams(json)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// What is added.
    #[serde(deserialize_with = "number")]
    pub add: f64,
    /// By what they are multiplied then.
    #[serde(deserialize_with = "number")]
    pub times: f64,
}

/// Larger numbers are those of a broken device.
const NUMBER_MAX: f64 = 1e6;

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(from)?;
    if number.abs() <= NUMBER_MAX {
        return Ok(number);
    }
    Err(de::Error::custom(format_args!("{number} is not between -{NUMBER_MAX} and {NUMBER_MAX}")))
}

/// Thousandths of a degree Celsius.
pub type Millidegrees = i64;

impl Unit {
    /// A reading in thousandths of a degree Celsius.
    pub fn millidegrees(self, value: f64) -> Millidegrees {
        ((value + self.add) * self.times * 1_000.0).round() as Millidegrees
    }
}

/// Temperatures of a device in a window.
#[derive(Value, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Summary {
    /// How many there are.
    pub readings: i64,
    /// All of them together.
    pub sum: Millidegrees,
    /// The lowest one.
    pub min: Millidegrees,
    /// The highest one.
    pub max: Millidegrees,
}

impl Summary {
    /// One temperature.
    pub const fn of(temperature: Millidegrees) -> Self {
        Self { readings: 1, sum: temperature, min: temperature, max: temperature }
    }

    /// Adds those of another window.
    pub fn add(&mut self, other: Self) {
        if self.readings == 0 {
            *self = other;
        } else if other.readings > 0 {
            self.readings += other.readings;
            self.sum = self.sum.saturating_add(other.sum);
            (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        }
    }

    /// Their mean, in degrees.
    pub fn mean(&self) -> f64 {
        degrees(self.sum) / self.readings.max(1) as f64
    }
}

/// Degrees Celsius.
pub fn degrees(temperature: Millidegrees) -> f64 {
    temperature as f64 / 1_000.0
}

/// What is told of a device that does not send as it should.
#[derive(Value, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Status {
    /// What has happened.
    pub is: Contact,
    /// How long it had been silent, in milliseconds.
    pub silent_ms: i64,
}

/// Whether a device sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// It has fallen silent.
    Offline,
    /// It has been heard again.
    Back,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_degrees() {
        for (unit, value, expected) in [
            (Unit { add: 0.0, times: 1.0 }, 21.5, 21_500),
            (Unit { add: -32.0, times: 5.0 / 9.0 }, 70.7, 21_500),
            (Unit { add: -2_731.5, times: 0.1 }, 2_946.5, 21_500),
            (Unit { add: 1e6, times: 1e6 }, 1e6, 2_000_000_000_000_000),
        ] {
            assert_eq!(unit.millidegrees(value), expected, "{unit:?}");
        }
    }

    #[test]
    fn what_no_device_can_measure_cannot_be_read() {
        for value in ["1e7", "-1e7", "1e999", "null", "\"20\"", "[]"] {
            assert!(Reading::decode(format!(r#"{{"model":"c1","value":{value}}}"#).as_bytes()).is_err(), "{value}");
        }
        assert!(Reading::decode(br#"{"value":1}"#).is_err());
        assert!(Unit::decode(br#"{"add":1,"times":1e99}"#).is_err());
        assert!(Unit::decode(br#"{"add":1,"times":1,"minus":1}"#).is_err());
        assert!(Reading::decode(br#"{"model":"c1","value":-40}"#).is_ok());
    }

    #[test]
    fn summaries_of_parts_are_those_of_the_whole() {
        let temperatures = [5, -3, 8, 0];
        let sum = |parts: &[i64]| {
            let mut all = Summary::default();
            parts.iter().for_each(|part| all.add(Summary::of(*part)));
            all
        };
        for at in 0..=4 {
            let (left, right) = temperatures.split_at(at);
            let mut both = sum(left);
            both.add(sum(right));
            assert_eq!(both, Summary { readings: 4, sum: 10, min: -3, max: 8 }, "{at}");
        }
    }
}
