//! Where reading a topic starts, as a parameter says it.

use std::time::UNIX_EPOCH;

use streams_core::client::{PartitionOffsets, StartAt};
use streams_core::record::{Offset, Timestamp};

use crate::refusal::Refusal;

/// `beginning`, `end`, an offset, `0:42,1:7`, milliseconds such as `1700000000000ms`, or a time such as
/// `2026-01-31T12:00:00Z`.
pub(super) fn start(text: &str) -> Result<StartAt, Refusal> {
    let wrong = || {
        Refusal::bad_request(format!(
            "`from` is `beginning`, `end`, an offset, the `next` of an answer, or a time such as 2026-01-31T12:00:00Z or \
             1700000000000ms, and not `{text}`"
        ))
    };
    if let Some(millis) = text.strip_suffix("ms") {
        return Ok(StartAt::Time(Timestamp(millis.parse().map_err(|_| wrong())?)));
    }
    if let Ok(offset) = text.parse::<i64>() {
        return if offset >= 0 { Ok(StartAt::Offset(Offset(offset))) } else { Err(wrong()) };
    }
    match text {
        "beginning" => Ok(StartAt::Beginning),
        "end" => Ok(StartAt::End),
        _ => match text.parse::<PartitionOffsets>() {
            Ok(offsets) => Ok(offsets.into()),
            Err(_) => time(text).map(StartAt::Time).ok_or_else(wrong),
        },
    }
}

fn time(text: &str) -> Option<Timestamp> {
    let time = humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(time.as_millis()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use streams_core::record::Partition;

    use super::*;

    #[test]
    fn a_place_is_a_word_an_offset_some_offsets_or_a_time() {
        let time = |millis| Some(StartAt::Time(Timestamp(millis)));
        let offsets = BTreeMap::from([(Partition(0), Offset(42)), (Partition(1), Offset(7))]);
        for (text, expected) in [
            ("beginning", Some(StartAt::Beginning)),
            ("end", Some(StartAt::End)),
            ("42", Some(StartAt::Offset(Offset(42)))),
            ("0:42,1:7", Some(StartAt::Offsets(offsets))),
            ("1700000000000ms", time(1_700_000_000_000)),
            ("2023-11-14T22:13:20Z", time(1_700_000_000_000)),
            ("", None),
            ("-1", None),
            ("0:-1", None),
            ("xms", None),
            ("yesterday", None),
        ] {
            assert_eq!(start(text).ok(), expected, "{text}");
        }
    }
}
