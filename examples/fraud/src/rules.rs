//! The rules, with what they allow. Each is a row of the topic of rules, under its id; a rule without a row is as it is here.
//!
//! A number that makes no sense is refused where a rule is read, so there is no rule that makes none.

use millstream::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, de};

/// A rule.
#[derive(Value, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// Too many attempts in ten seconds.
    Velocity(Velocity),
    /// Paid here and there, and nobody travels that fast.
    Travel(Travel),
    /// A small charge to see whether the card works, and then a large one.
    TestCharge(TestCharge),
    /// Paid where nobody should.
    BlockedMerchant(BlockedMerchant),
}

/// See [`Rule::Velocity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity {
    /// How many are allowed.
    #[serde(deserialize_with = "within::<_, 1, 1_000>")]
    pub attempts: u64,
}

/// See [`Rule::Travel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Travel {
    /// The highest speed that is believed.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub km_per_hour: u64,
}

/// See [`Rule::TestCharge`]. A charge cannot be small and large at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCharge {
    /// What is small: so much or less.
    #[serde(deserialize_with = "within::<_, 1, 1_000>")]
    pub small_cents: u64,
    /// What is large: so much or more.
    #[serde(deserialize_with = "within::<_, 2_000, 100_000_000>")]
    pub large_cents: u64,
}

/// See [`Rule::BlockedMerchant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedMerchant {
    /// Whether it is looked at.
    pub enabled: bool,
}

impl Rule {
    /// All of them, as they are unless somebody has changed them.
    pub const INITIAL: [Self; 4] = [
        Self::Velocity(Velocity::INITIAL),
        Self::Travel(Travel::INITIAL),
        Self::TestCharge(TestCharge::INITIAL),
        Self::BlockedMerchant(BlockedMerchant::INITIAL),
    ];

    /// Its name, which is its key in the topic.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Velocity(_) => Velocity::ID,
            Self::Travel(_) => Travel::ID,
            Self::TestCharge(_) => TestCharge::ID,
            Self::BlockedMerchant(_) => BlockedMerchant::ID,
        }
    }

    /// Whether it is as it was at first.
    pub fn is_initial(&self) -> bool {
        Self::INITIAL.contains(self)
    }

    /// Reads what somebody wants a rule to allow: the rule's numbers as JSON. Returns `None` if there is no such rule.
    pub fn read(id: &str, numbers: &[u8]) -> Option<Result<Self, serde_json::Error>> {
        Some(match id {
            Velocity::ID => serde_json::from_slice(numbers).map(Self::Velocity),
            Travel::ID => serde_json::from_slice(numbers).map(Self::Travel),
            TestCharge::ID => serde_json::from_slice(numbers).map(Self::TestCharge),
            BlockedMerchant::ID => serde_json::from_slice(numbers).map(Self::BlockedMerchant),
            _ => return None,
        })
    }
}

/// What each rule has: its id, what it allows at first, and how it is found in a row of the table.
macro_rules! row {
    ($rule:ident, $id:literal, $initial:expr) => {
        impl $rule {
            /// The rule's key in the topic.
            pub const ID: &'static str = $id;

            /// What it allows unless somebody has changed it.
            pub const INITIAL: Self = $initial;

            /// What it allows according to the row under its id. A row that is about another rule says nothing about it.
            pub fn of(row: Option<Rule>) -> Self {
                match row {
                    Some(Rule::$rule(rule)) => rule,
                    _ => Self::INITIAL,
                }
            }
        }
    };
}

row!(Velocity, "velocity", Self { attempts: 3 });
row!(Travel, "travel", Self { km_per_hour: 900 });
row!(TestCharge, "test-charge", Self { small_cents: 200, large_cents: 50_000 });
row!(BlockedMerchant, "blocked-merchant", Self { enabled: true });

fn within<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(from: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(from)?;
    if (MIN..=MAX).contains(&number) {
        return Ok(number);
    }
    Err(de::Error::custom(format_args!("{number} is not a number from {MIN} to {MAX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (id, numbers, expected) in [
            ("velocity", r#"{"attempts":5}"#, Ok(Rule::Velocity(Velocity { attempts: 5 }))),
            ("velocity", r#"{"attempts":0}"#, Err("0 is not a number from 1 to 1000")),
            ("velocity", r#"{"attempts":-1}"#, Err("invalid value: integer `-1`")),
            ("velocity", r#"{"attempts":2.5}"#, Err("invalid type: floating point")),
            ("velocity", r#"{"attempts":5,"seconds":3}"#, Err("unknown field `seconds`")),
            ("velocity", r#"{"km_per_hour":5}"#, Err("unknown field `km_per_hour`")),
            ("velocity", "", Err("EOF")),
            ("velocity", "{} {}", Err("missing field `attempts`")),
            ("travel", r#"{"km_per_hour":100001}"#, Err("100001 is not a number from 1 to 100000")),
            ("test-charge", r#"{"small_cents":2000,"large_cents":2000}"#, Err("2000 is not a number from 1 to 1000")),
            ("test-charge", r#"{"small_cents":100}"#, Err("missing field `large_cents`")),
            ("blocked-merchant", r#"{"enabled":"no"}"#, Err("invalid type: string")),
        ] {
            let read = Rule::read(id, numbers.as_bytes()).expect("a rule").map_err(|error| error.to_string());
            match (&read, &expected) {
                (Ok(read), Ok(expected)) if read == expected => {}
                (Err(error), Err(reason)) if error.contains(reason) => {}
                _ => panic!("{id} {numbers}: {read:?}"),
            }
        }
        assert!(Rule::read("velocities", b"{}").is_none());
    }

    #[test]
    fn a_rule_is_read_as_it_was_written() {
        for rule in Rule::INITIAL {
            let mut bytes = Vec::new();
            rule.encode(&mut bytes).expect("JSON");
            assert_eq!(Rule::decode(&bytes).expect("readable"), rule);
            assert!(rule.is_initial());
        }
        assert!(Rule::decode(br#"{"rule":"velocity","attempts":0}"#).is_err());
        assert_eq!(Velocity::of(Some(Rule::Travel(Travel { km_per_hour: 1 }))), Velocity::INITIAL);
    }
}
