//! Cases: a topology and its input, as `FORMAT.md` describes them. Both sides read them, one JSON object per line.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::step::Step;

/// A topology and its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// `seed/number`.
    pub id: String,
    /// The generator's family.
    #[serde(default)]
    pub family: String,
    /// The application's id.
    #[serde(default = "default_application")]
    pub application: String,
    /// `topology.optimization`, as a list.
    #[serde(default)]
    pub optimize: Vec<String>,
    /// `statestore.cache.max.bytes`.
    #[serde(default)]
    pub cache: u64,
    /// What Java keeps its stores in.
    #[serde(default)]
    pub stores: StoreType,
    /// Whether a closure around all processors tells `seen` which of them get records.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wrapper: bool,
    /// The topology.
    pub steps: Vec<Step>,
    /// The input, in order.
    pub inputs: Vec<Input>,
}

fn default_application() -> String {
    "app".to_owned()
}

/// What stores are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreType {
    /// Maps.
    #[default]
    Memory,
    /// A RocksDB per store.
    Rocksdb,
}

/// Something that happens to the running topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// A record arrives.
    Record(InputRecord),
    /// The wall clock advances.
    Advance {
        /// By so many milliseconds.
        advance: u64,
    },
}

impl Input {
    /// The topic that a record arrives in.
    #[must_use]
    pub const fn topic(&self) -> Option<&String> {
        match self {
            Self::Record(record) => Some(&record.topic),
            Self::Advance { .. } => None,
        }
    }
}

/// A record of an input topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// The topic's name.
    pub topic: String,
    /// `None` is null.
    pub key: Option<String>,
    /// `None` is null.
    pub value: Option<String>,
    /// Milliseconds since the epoch.
    pub ts: i64,
    /// Names and values, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Option<String>)>,
}

/// Why a text is no case.
#[derive(thiserror::Error)]
#[error("not a case: {0}")]
pub struct CaseError(String);

impl std::fmt::Debug for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// When the text is no JSON, or has fields that nobody reads.
    pub fn read(text: &str) -> Result<Self, CaseError> {
        let json = serde_json::from_str(text).map_err(|error| CaseError(error.to_string()))?;
        Self::from_json(&json)
    }

    /// As [`Case::read`], from parsed JSON.
    ///
    /// # Errors
    /// As [`Case::read`].
    pub fn from_json(json: &Json) -> Result<Self, CaseError> {
        let case = Self::deserialize(json).map_err(|error| CaseError(error.to_string()))?;
        // Flattened fields rule out serde's own check.
        let (mut said, read) = (json.clone(), case.to_json());
        for (number, step) in said.get_mut("steps").and_then(Json::as_array_mut).into_iter().flatten().enumerate() {
            strip_nulls(step);
            if let Some(lost) = lost_field(step, &read["steps"][number]) {
                return Err(CaseError(format!("step {number} has no field `{lost}`: {step}")));
            }
        }
        Ok(case)
    }

    /// The case as JSON, without the options that were not used.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(steps) = json.get_mut("steps") {
            strip_nulls(steps);
        }
        json
    }

    /// The case in one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        self.to_json().to_string()
    }
}

fn strip_nulls(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

/// The first field of `said` that is not in `read`.
fn lost_field<'a>(said: &'a Json, read: &Json) -> Option<&'a str> {
    match (said, read) {
        (Json::Object(said), Json::Object(read)) => said.iter().find_map(|(name, value)| match read.get(name) {
            Some(read) => lost_field(value, read),
            None => Some(name.as_str()),
        }),
        (Json::Array(said), Json::Array(read)) => said.iter().zip(read).find_map(|(said, read)| lost_field(said, read)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Case;

    const COUNT: &str = r#"{"id":"1/2","steps":[{"op":"stream","topics":["a"]},{"op":"group_by_key","in":0},
        {"op":"count","in":1,"windows":{"kind":"time","size":5,"advance":5,"grace":0},"emit":"close","stored":{"retention":9}}],
        "inputs":[{"topic":"a","key":"k","value":null,"ts":7},{"advance":5}]}"#;

    #[test]
    fn what_was_read_is_written_without_unused_options() {
        let case = Case::read(COUNT).unwrap();
        assert_eq!(
            case.to_line(),
            r#"{"application":"app","cache":0,"family":"","id":"1/2","inputs":[{"key":"k","topic":"a","ts":7,"value":null},{"advance":5}],"optimize":[],"steps":[{"op":"stream","topics":["a"]},{"in":0,"op":"group_by_key"},{"emit":"close","in":1,"op":"count","stored":{"retention":9},"windows":{"advance":5,"grace":0,"kind":"time","size":5}}],"stores":"memory"}"#
        );
        assert_eq!(Case::read(&case.to_line()).unwrap(), case);
    }

    #[test]
    fn a_field_that_nobody_reads_is_an_error() {
        let error = Case::read(&COUNT.replace("grace", "grave")).unwrap_err().to_string();
        assert!(error.starts_with("not a case: step 2 has no field `grave`: "), "{error}");
        let error = Case::read(&COUNT.replace("retention", "retained")).unwrap_err().to_string();
        assert!(error.starts_with("not a case: step 2 has no field `retained`: "), "{error}");
    }
}
