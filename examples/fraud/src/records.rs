//! The records in the topics, and what is made of them on the way.
//!
//! Everything is JSON, so that any Kafka tool can read it. What makes no sense is refused where it is read: a payment from
//! latitude 200 cannot be decoded, and becomes a dead letter.

use std::collections::BTreeMap;

use millstream::prelude::*;
use millstream::record::{Offset, Partition, RecordPosition};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::rules::Rule;

/// An attempt to pay with a card, whose number is the record's key.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Payment {
    /// Who is paid.
    pub merchant: String,
    /// How much, in cents.
    pub cents: u64,
    /// Where, in degrees.
    pub at: Place,
}

/// A place on Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// From -90 to 90, the North Pole.
    #[serde(deserialize_with = "degrees::<_, 90>")]
    pub latitude: f64,
    /// From -180 to 180, to the east.
    #[serde(deserialize_with = "degrees::<_, 180>")]
    pub longitude: f64,
}

impl Place {
    /// The shortest way to another place, in kilometres.
    pub fn km_to(self, other: Self) -> f64 {
        const EARTH_RADIUS_KM: f64 = 6_371.0;
        let haversine = |radians: f64| (radians / 2.0).sin().powi(2);
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let turn = (other.longitude - self.longitude).to_radians();
        let half_chord = haversine(to - from) + from.cos() * to.cos() * haversine(turn);
        2.0 * EARTH_RADIUS_KM * half_chord.sqrt().min(1.0).asin()
    }
}

fn degrees<'de, D: Deserializer<'de>, const MAX: u32>(from: D) -> Result<f64, D::Error> {
    let degrees = f64::deserialize(from)?;
    if degrees.abs() <= f64::from(MAX) {
        return Ok(degrees);
    }
    Err(de::Error::custom(format_args!("{degrees} is not between -{MAX} and {MAX} degrees")))
}

/// A row of the table of cards.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Card {
    /// First and last name.
    pub holder: String,
}

/// A row of the table of merchants.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Merchant {
    /// Whether nobody should pay there.
    pub blocked: bool,
}

/// Where a payment is in the topic, and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// In milliseconds since the Unix epoch. It comes first, so that evidence is in the order of time.
    pub at_ms: i64,
    /// The partition of the payments' topic.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

impl Evidence {
    /// The record at this position.
    pub fn new(position: &RecordPosition, at: Timestamp) -> Self {
        let (Partition(partition), Offset(offset)) = (position.partition, position.offset);
        Self { at_ms: at.0, partition, offset }
    }
}

/// A payment with all that is needed to judge it.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Attempt {
    /// The payment itself.
    pub payment: Payment,
    /// Where it is in the topic.
    pub record: Evidence,
    /// Whose card it is; `None` if the card is not in the table.
    pub holder: Option<String>,
}

impl Attempt {
    /// The same attempt, joined with its card.
    pub fn with(self, card: Option<Card>) -> Self {
        Self { holder: card.map(|card| card.holder), ..self }
    }
}

/// Something that a rule has found. The same may be found several times, with more evidence each time.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicion {
    /// The rule as it was then.
    pub rule: Rule,
    /// What was found, as a sentence for people.
    pub reason: String,
    /// The payments that it was found in.
    pub evidence: Vec<Evidence>,
    /// Whose card it is.
    pub holder: Option<String>,
}

/// What analysts are told, once for each case.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Alert {
    /// The number of the card.
    pub card: String,
    /// Whose it is; missing if the card is not in the table.
    pub holder: Option<String>,
    /// What was found, as a sentence for people.
    pub reason: String,
    /// The rule that has found it, with what it allowed then.
    pub rule: Rule,
    /// The payments that it was found in, in the order of time.
    pub evidence: Vec<Evidence>,
}

impl Alert {
    /// A name that no other alert has: the rule and the first payment.
    pub fn id(&self) -> String {
        let first = self.evidence.first().map(|first| format!("{}-{}", first.partition, first.offset));
        format!("{} {}", self.rule.id(), first.unwrap_or_default())
    }
}

/// What the generator knows about a card that it has made something up for. Only the check at the end reads it.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Truth {
    /// The id of the rule that the case is about.
    pub rule: String,
    /// What should come of it.
    pub verdict: Verdict,
}

/// What should come of a made-up case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is not complete yet, or it never was, because the generator was killed.
    Open,
    /// The rule must find it, once.
    Fraud,
    /// It is close to fraud, and no rule may find it.
    Clean,
    /// Somebody has changed the rules meanwhile.
    Undecided,
}

/// The newest record of each key.
pub fn newest<V>(records: impl IntoIterator<Item = Record<String, V>>) -> BTreeMap<String, V> {
    records.into_iter().map(|record| (record.key, record.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_on_a_globe() {
        let place = |latitude, longitude| Place { latitude, longitude };
        for (from, to, km) in [
            ((52.52, 13.405), (52.52, 13.405), 0.0),
            ((52.52, 13.405), (35.676, 139.65), 8_915.5),
            ((0.0, 179.5), (0.0, -179.5), 111.0),
            ((90.0, 0.0), (-90.0, 77.0), 20_015.0),
        ] {
            let found = place(from.0, from.1).km_to(place(to.0, to.1));
            assert!((found - km).abs() < 1.0, "{from:?} to {to:?}: {found}");
        }
    }

    #[test]
    fn a_payment_from_nowhere_cannot_be_read() {
        for (place, refused) in [
            (r#"{"latitude":-90,"longitude":180}"#, None),
            (r#"{"latitude":90.1,"longitude":0}"#, Some("90.1 is not between -90 and 90 degrees")),
            (r#"{"latitude":0,"longitude":-181}"#, Some("-181 is not between -180 and 180 degrees")),
            (r#"{"latitude":0}"#, Some("missing field `longitude`")),
        ] {
            let payment = format!(r#"{{"merchant":"Oak","cents":5,"at":{place}}}"#);
            let read = Payment::decode(payment.as_bytes()).map_err(|error| error.to_string());
            match (read, refused) {
                (Ok(_), None) => {}
                (Err(error), Some(reason)) if error.contains(reason) => {}
                (read, _) => panic!("{place}: {read:?}"),
            }
        }
        for cents in ["-1", "1.5", "null", "\"5\""] {
            let payment = format!(r#"{{"merchant":"Oak","cents":{cents},"at":{{"latitude":0,"longitude":0}}}}"#);
            assert!(Payment::decode(payment.as_bytes()).is_err(), "{cents}");
        }
    }
}
