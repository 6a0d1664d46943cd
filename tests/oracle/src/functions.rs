//! The vocabulary of functions that cases pass to operators; `FORMAT.md` defines each. They mean the same in Java.

use millstream::dsl::Partitions;
use millstream::record::Timestamp;
use millstream::topic::TimestampPolicy;
use millstream::windows::{Session, Windowed};
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// What a value may be.
pub type Nullable = Option<Text>;

/// A key as functions see it: its text, or null.
pub trait AsText {
    /// The text of the key; a windowed key's is `key@start/end`.
    fn as_text(&self) -> Nullable;
}

impl AsText for Text {
    fn as_text(&self) -> Nullable {
        Some(self.clone())
    }
}

impl AsText for Nullable {
    fn as_text(&self) -> Nullable {
        self.clone()
    }
}

impl AsText for Windowed<Text> {
    fn as_text(&self) -> Nullable {
        Some(format!("{}@{}/{}", self.key.as_str(), self.window.start.0, self.window.end.0).into())
    }
}

impl AsText for Windowed<Text, Session> {
    fn as_text(&self) -> Nullable {
        Some(format!("{}@{}/{}", self.key.as_str(), self.window.start.0, self.window.end.0).into())
    }
}

/// `h`: the sum of the bytes.
#[must_use]
pub fn hash(text: &Nullable) -> u64 {
    text.iter().flat_map(|text| text.as_str().bytes()).map(u64::from).sum()
}

/// `s`: the text, or the word `null`.
fn said(text: &Nullable) -> &str {
    text.as_ref().map_or("null", Text::as_str)
}

/// The longest text that a function makes, in characters.
const CUT: usize = 24;

/// `cut`: the text's last characters.
pub(crate) fn cut(text: &str) -> Text {
    let extra = text.chars().count().saturating_sub(CUT);
    let start = text.char_indices().nth(extra).map_or(text.len(), |(start, _)| start);
    text[start..].into()
}

/// Whether the hash's remainder is one of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remainder {
    /// What the hash is divided by.
    pub r#mod: u64,
    /// The remainders.
    pub is: Vec<u64>,
}

impl Remainder {
    fn holds(&self, hash: u64) -> bool {
        self.is.contains(&(hash % self.r#mod.max(1)))
    }
}

/// Which records to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Predicate {
    Value(Remainder),
    Key(Remainder),
    HasValue,
    All,
}

impl Predicate {
    /// Whether the record is kept.
    #[must_use]
    pub fn holds(&self, key: &impl AsText, value: &Nullable) -> bool {
        match self {
            Self::Value(remainder) => remainder.holds(hash(value)),
            Self::Key(remainder) => remainder.holds(hash(&key.as_text())),
            Self::HasValue => value.is_some(),
            Self::All => true,
        }
    }
}

/// Makes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum ValueMap {
    Append { text: String },
    WithKey,
    Hash { r#mod: u64 },
    NullIf(Remainder),
    Same,
    Text { text: String },
}

impl ValueMap {
    /// The new value.
    #[must_use]
    pub fn apply(&self, key: &impl AsText, value: &Nullable) -> Nullable {
        match self {
            Self::Append { text } => value.as_ref().map(|value| cut(&format!("{}{text}", value.as_str()))),
            Self::WithKey => Some(cut(&format!("{}:{}", said(&key.as_text()), said(value)))),
            Self::Hash { r#mod } => Some((hash(value) % r#mod.max(&1)).to_string().into()),
            Self::NullIf(remainder) if remainder.holds(hash(value)) => None,
            Self::NullIf(_) | Self::Same => value.clone(),
            Self::Text { text } => Some(text.as_str().into()),
        }
    }

    /// Whether a value that is there always becomes one that is there.
    #[must_use]
    pub const fn keeps_values(&self) -> bool {
        !matches!(self, Self::NullIf(_))
    }

    /// Whether the value depends on the key.
    #[must_use]
    pub const fn sees_key(&self) -> bool {
        matches!(self, Self::WithKey)
    }
}

/// Makes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum KeyMap {
    ValueHash { r#mod: u64 },
    KeyHash { r#mod: u64 },
    Value,
    Same,
    NullIf(Remainder),
}

impl KeyMap {
    /// The new key.
    #[must_use]
    pub fn apply(&self, key: &impl AsText, value: &Nullable) -> Nullable {
        let numbered = |hash: u64, modulus: u64| Some(format!("k{}", hash % modulus.max(1)).into());
        match self {
            Self::ValueHash { r#mod } => numbered(hash(value), *r#mod),
            Self::KeyHash { r#mod } => numbered(hash(&key.as_text()), *r#mod),
            Self::Value => value.clone(),
            Self::NullIf(remainder) if remainder.holds(hash(value)) => None,
            Self::Same | Self::NullIf(_) => key.as_text(),
        }
    }
}

/// Adds a value to an aggregate, or removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Adder {
    Concat,
    Minus,
    Sum,
    Difference,
    Last,
    NullIf(Remainder),
    WithKey,
}

impl Adder {
    /// The new aggregate. In a reduction nobody knows the key.
    #[must_use]
    pub fn apply(&self, key: &impl AsText, value: &Nullable, aggregate: &Nullable) -> Nullable {
        let with = |sign: char| Some(cut(&format!("{}{sign}{}", said(aggregate), said(value))));
        let hash = || i64::try_from(hash(value)).unwrap_or(i64::MAX);
        let number = |number: i64| Some(number.to_string().into());
        match self {
            Self::NullIf(remainder) if remainder.holds(self::hash(value)) => None,
            Self::Concat | Self::NullIf(_) => with(','),
            Self::Minus => with('-'),
            Self::Sum => number(number_in(aggregate).wrapping_add(hash())),
            Self::Difference => number(number_in(aggregate).wrapping_sub(hash())),
            Self::Last => value.clone(),
            Self::WithKey => Some(cut(&format!("{},{}:{}", said(aggregate), said(&key.as_text()), said(value)))),
        }
    }

    /// Whether the aggregate depends on the key.
    #[must_use]
    pub const fn sees_key(&self) -> bool {
        matches!(self, Self::WithKey)
    }

    /// The result of two sessions' aggregates.
    #[must_use]
    pub fn merge(&self, first: &Nullable, second: &Nullable) -> Nullable {
        match self {
            Self::Sum => Some(number_in(first).wrapping_add(number_in(second)).to_string().into()),
            _ => Some(cut(&format!("{}+{}", said(first), said(second)))),
        }
    }

    /// Whether a value that is there never gives null.
    #[must_use]
    pub const fn keeps_values(&self) -> bool {
        !matches!(self, Self::NullIf(_))
    }
}

/// The number in an aggregate: an optional `-` and 1 to 18 digits. Every other text counts as 0.
pub(crate) fn number_in(aggregate: &Nullable) -> i64 {
    let text = aggregate.as_ref().map_or("", Text::as_str);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).unwrap_or(0)
}

/// Makes the value of a join's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Joiner {
    Pair,
    KeyPair,
    NullIf(Remainder),
}

impl Joiner {
    /// The value, if the function does not look at the key or the key is known.
    #[must_use]
    pub fn apply(&self, key: &impl AsText, left: &Nullable, right: &Nullable) -> Nullable {
        let pair = format!("{}|{}", said(left), said(right));
        match self {
            Self::NullIf(remainder) if remainder.holds(hash(left) + hash(right)) => None,
            Self::Pair | Self::NullIf(_) => Some(cut(&pair)),
            Self::KeyPair => Some(cut(&format!("{}={pair}", said(&key.as_text())))),
        }
    }
}

/// Chooses the partitions that a record goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Partitioner {
    ValueHash,
    KeyHash,
    All,
    Default,
    NoneIf(Remainder),
}

impl Partitioner {
    /// The partitions, of so many.
    #[must_use]
    pub fn choose(&self, key: &impl AsText, value: &Nullable, count: u32) -> Partitions {
        let one = |hash: u64| Partitions::One(i64::try_from(hash % u64::from(count.max(1))).unwrap_or(0));
        match self {
            Self::ValueHash => one(hash(value)),
            Self::KeyHash => one(hash(&key.as_text())),
            Self::All => Partitions::All,
            Self::NoneIf(remainder) if remainder.holds(hash(value)) => Partitions::none(),
            Self::Default | Self::NoneIf(_) => Partitions::ByKey,
        }
    }
}

/// Takes a timestamp from a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "f", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Extractor {
    ValueTime { r#mod: u64 },
    NegativeIf(Remainder),
    PartitionTimeIf(Remainder),
    Fail,
    Skip,
    PartitionTime,
}

impl Extractor {
    /// The time of a record, for extractors that are no policy.
    #[must_use]
    pub fn time(&self, value: &Nullable, own: Timestamp, partition_time: Timestamp) -> Timestamp {
        match self {
            Self::ValueTime { r#mod } => {
                let later = i64::try_from(hash(value) % r#mod.max(&1)).unwrap_or(0);
                Timestamp(own.0.saturating_add(later))
            }
            Self::NegativeIf(remainder) if remainder.holds(hash(value)) => Timestamp(-1),
            Self::PartitionTimeIf(remainder) if remainder.holds(hash(value)) => partition_time,
            _ => own,
        }
    }

    /// What to do with invalid timestamps, if that is all.
    #[must_use]
    pub const fn policy(&self) -> Option<TimestampPolicy> {
        match self {
            Self::Fail => Some(TimestampPolicy::Fail),
            Self::Skip => Some(TimestampPolicy::Skip),
            Self::PartitionTime => Some(TimestampPolicy::PartitionTime),
            Self::ValueTime { .. } | Self::NegativeIf(_) | Self::PartitionTimeIf(_) => None,
        }
    }
}
