//! Whether a record goes back to where it came from, and as what.

use std::fmt;

use super::letter::{number, replays, text};
use crate::letter_headers::{PARTITION, PREFIXES, REPLAYS, TIMESTAMP, TOPIC};
use crate::record::{Header, Headers, Partition, Timestamp};

/// Where a letter's record goes, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WayBack {
    pub(crate) topic: String,
    /// `None` if the record could not be sent to that topic; then its key decides.
    pub(crate) partition: Option<Partition>,
    pub(crate) timestamp: Timestamp,
    /// Its own, without those about the failure, and with how often it has been put back.
    pub(crate) headers: Headers,
}

/// Why a letter stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stays {
    /// It does not say where it came from: it is not made of one record, or no application has written it.
    FromNowhere,
    /// It has been put back as often as it may be, and has failed again.
    TooOften {
        /// How often it was.
        replays: u32,
    },
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromNowhere => f.write_str("it does not say which topic it came from"),
            Self::TooOften { replays } => {
                let times = if *replays == 1 { "once".to_owned() } else { format!("{replays} times") };
                write!(f, "it was put back {times} before and has failed again")
            }
        }
    }
}

impl WayBack {
    /// The way of a letter with these headers and this time, unless it has been put back `at_most` times.
    pub(crate) fn of(headers: &Headers, time: Timestamp, at_most: u32) -> Result<Self, Stays> {
        let topic = text(headers, TOPIC);
        if topic.is_empty() {
            return Err(Stays::FromNowhere);
        }
        let replays = replays(headers);
        if replays >= at_most {
            return Err(Stays::TooOften { replays });
        }
        let partition = number(headers, PARTITION).and_then(|partition| i32::try_from(partition).ok());
        let is_own = |header: &&Header| !PREFIXES.iter().any(|prefix| header.name.starts_with(prefix));
        let mut left: Headers = headers.iter().filter(is_own).cloned().collect();
        left.push(REPLAYS, (replays + 1).to_string());
        Ok(Self {
            topic: topic.to_owned(),
            partition: partition.filter(|partition| *partition >= 0).map(Partition),
            // A negative time has made it fail, and could not be written.
            timestamp: number(headers, TIMESTAMP).filter(|time| *time >= 0).map_or(time, Timestamp),
            headers: left,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        pairs.iter().for_each(|(name, value)| headers.push(*name, (*value).to_owned()));
        headers
    }

    #[test]
    fn a_record_goes_back_as_it_was_unless_it_has_been_back_too_often() {
        let way = |pairs: &[(&str, &str)], at_most| {
            WayBack::of(&headers(pairs), Timestamp(7), at_most).map(|way| (way.partition, way.timestamp.0, way.headers))
        };
        let once = |partition: Option<i32>, time, own: &[(&str, &str)]| {
            Ok((partition.map(Partition), time, headers(&[own, &[(REPLAYS, "1")]].concat())))
        };
        let (from, own) = ((TOPIC, "prices"), ("trace", "7"));
        for (pairs, at_most, expected) in [
            (&[] as &[_], 1, Err(Stays::FromNowhere)),
            (&[(TOPIC, ""), (PARTITION, "0")], 1, Err(Stays::FromNowhere)),
            (&[own, from, (PARTITION, "3")], 1, once(Some(3), 7, &[own])),
            // It could not be sent there, or the header is none of ours.
            (&[from, (PARTITION, "-1")], 1, once(None, 7, &[])),
            (&[from, (PARTITION, "99999999999")], 1, once(None, 7, &[])),
            (&[from, (PARTITION, "many")], 1, once(None, 7, &[])),
            (&[from, (TIMESTAMP, "5")], 1, once(None, 5, &[])),
            (&[from, (TIMESTAMP, "-5")], 1, once(None, 7, &[])),
            (&[from, (REPLAYS, "x")], 1, once(None, 7, &[])),
            (&[from], 0, Err(Stays::TooOften { replays: 0 })),
            (&[from, (REPLAYS, "1")], 1, Err(Stays::TooOften { replays: 1 })),
            (&[from, (REPLAYS, "1")], 2, Ok((None, 7, headers(&[(REPLAYS, "2")])))),
        ] {
            assert_eq!(way(pairs, at_most), expected, "{pairs:?} {at_most}");
        }
    }
}
