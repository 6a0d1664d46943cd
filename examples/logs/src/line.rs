//! A line of a log, in either of two formats:
//!
//! ```text
//! {"time":"2026-03-01T12:00:00.250Z","level":"error","service":"cart","message":"no stock of item 7","latency_ms":12.5}
//! 2026-03-01T12:00:00.250Z ERROR cart no stock of item 7 latency_ms=12.5
//! ```
//!
//! Fields that are not here are ignored. In the second format they are at the end, and the message is what comes before them.

use std::time::Duration;

use chrono::DateTime;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// A longer name of a service is a mistake.
const SERVICE_MAX: usize = 64;

/// A longer message is cut.
const MESSAGE_MAX: usize = 1_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// For developers.
    Debug,
    /// As it should be.
    Info,
    /// Nearly not.
    Warn,
    /// Not as it should be, or worse.
    Error,
}

/// What a line says. Its time is the record's.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Entry {
    /// Whose line it is.
    pub service: String,
    /// How bad it is.
    pub level: Level,
    /// What has happened.
    pub message: String,
    /// How long a request took.
    pub latency_ms: Option<f64>,
}

#[derive(Deserialize)]
struct JsonLine {
    time: String,
    level: String,
    service: String,
    message: String,
    #[serde(default)]
    latency_ms: Option<f64>,
}

/// A line's time; `None` if there is none, which [`parse`] refuses.
pub fn time_of(line: &str) -> Option<Timestamp> {
    let time = match line.trim_start().starts_with('{') {
        true => serde_json::from_str::<JsonLine>(line).ok()?.time,
        false => line.split_whitespace().next()?.to_owned(),
    };
    Some(DateTime::parse_from_rfc3339(&time).ok()?.to_utc().into())
}

/// Reads a line.
///
/// # Errors
/// Why it is none.
pub fn parse(line: &str) -> Result<Entry, String> {
    match line.trim_start().starts_with('{') {
        true => {
            let JsonLine { time, level, service, message, latency_ms } =
                serde_json::from_str(line).map_err(|error| error.to_string())?;
            checked((&time, &level, &service), &message, latency_ms)
        }
        false => parse_text(line),
    }
}

fn parse_text(line: &str) -> Result<Entry, String> {
    let mut words = line.split_whitespace();
    let (Some(time), Some(level), Some(service)) = (words.next(), words.next(), words.next()) else {
        return Err("a line is `TIME LEVEL service message key=value ..`, or JSON".to_owned());
    };
    let words: Vec<&str> = words.collect();
    let fields = words.iter().rev().map_while(|word| field(word)).count();
    let (message, fields) = words.split_at(words.len() - fields);
    let latency = fields.iter().filter_map(|word| field(word)).find(|(name, _)| *name == "latency_ms");
    let latency_ms = latency.map(|(_, value)| value.parse::<f64>()).transpose();
    let latency_ms = latency_ms.map_err(|error| format!("`latency_ms`: {error}"))?;
    checked((time, level, service), &message.join(" "), latency_ms)
}

/// A word of the form `key=value`.
fn field(word: &str) -> Option<(&str, &str)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    word.split_once('=').filter(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

fn checked(
    (time, level, service): (&str, &str, &str),
    message: &str,
    latency_ms: Option<f64>,
) -> Result<Entry, String> {
    DateTime::parse_from_rfc3339(time).map_err(|error| format!("the time {time:?}: {error}"))?;
    let level = match level.to_ascii_uppercase().as_str() {
        "TRACE" | "DEBUG" => Level::Debug,
        "INFO" | "NOTICE" => Level::Info,
        "WARN" | "WARNING" => Level::Warn,
        "ERROR" | "CRITICAL" | "FATAL" => Level::Error,
        _ => return Err(format!("there is no level {level:?}")),
    };
    // It becomes a key, and the label of a metric.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    if service.is_empty() || service.len() > SERVICE_MAX || !service.chars().all(is_plain) {
        return Err(format!("a service has a name of 1 to {SERVICE_MAX} letters, digits, `_`, `.` and `-`"));
    }
    if message.trim().is_empty() {
        return Err("there is no message".to_owned());
    }
    let is_possible = |latency: &f64| (0.0..=Duration::MAX.as_secs_f64()).contains(latency);
    if let Some(latency) = latency_ms.filter(|latency| !is_possible(latency)) {
        return Err(format!("`latency_ms` cannot be {latency}"));
    }
    let message = message.trim().chars().take(MESSAGE_MAX).collect();
    Ok(Entry { service: service.to_owned(), level, message, latency_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let entry = |message: &str, latency_ms| {
            Ok(Entry { service: "cart".to_owned(), level: Level::Error, message: message.to_owned(), latency_ms })
        };
        for (line, expected) in [
            (
                r#"{"time":"2026-03-01T12:00:00.250Z","level":"error","service":"cart","message":"no stock of 7","latency_ms":12.5,"x":1}"#,
                entry("no stock of 7", Some(12.5)),
            ),
            (
                "2026-03-01T12:00:00.250Z ERROR cart no stock of 7 latency_ms=12.5 x=1",
                entry("no stock of 7", Some(12.5)),
            ),
            ("2026-03-01T13:00:00.250+01:00\tFatal cart a=b is  odd user=7\n", entry("a=b is odd", None)),
            (
                r#"{"time":"2026-03-01T12:00:00.250Z","level":"ERROR","service":"cart","message":"x","latency_ms":null}"#,
                entry("x", None),
            ),
        ] {
            assert_eq!(parse(line), expected, "{line}");
            assert_eq!(time_of(line), Some(Timestamp(1_772_366_400_250)), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused_with_a_reason() {
        let time = "2026-03-01T12:00:00Z";
        for (line, reason) in [
            (String::new(), "a line is `TIME LEVEL service"),
            (format!("{time} ERROR cart"), "there is no message"),
            (format!("{time} ERROR cart latency_ms=1"), "there is no message"),
            ("yesterday ERROR cart oh".to_owned(), "the time \"yesterday\""),
            (format!("{time} LOUD cart oh"), "there is no level \"LOUD\""),
            (format!("{time} ERROR c/rt oh"), "a service has a name"),
            (format!("{time} ERROR {} oh", "x".repeat(65)), "a service has a name"),
            (format!("{time} ERROR cart oh latency_ms=fast"), "`latency_ms`: invalid float literal"),
            (format!("{time} ERROR cart oh latency_ms=-1"), "`latency_ms` cannot be -1"),
            (format!("{time} ERROR cart oh latency_ms=NaN"), "`latency_ms` cannot be NaN"),
            (r#"{"time":"2026-03-01T12:00:00Z","level":"#.to_owned(), "EOF while parsing"),
            (r#"{"level":"error","service":"cart","message":"oh"}"#.to_owned(), "missing field `time`"),
            ("[".repeat(100_000), "a line is `TIME LEVEL service"),
        ] {
            let refused = parse(&line).err().unwrap_or_default();
            assert!(refused.contains(reason), "{}: {refused}", &line[..line.len().min(80)]);
        }
    }
}
