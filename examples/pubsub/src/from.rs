//! Where a new group begins, as it is typed: `--from beginning`.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use millstream::record::Offset;
use millstream::topic::OffsetReset;

/// Where a group begins that has never read the topic. One that has goes on where it stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct From(pub OffsetReset);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write `beginning`, `end`, `offset:42` or `time:2026-01-31T12:00:00Z`".to_owned();
        let (kind, place) = text.split_once(':').unwrap_or((text, ""));
        let reset = match (kind, place) {
            ("beginning", "") => OffsetReset::Earliest,
            ("end", "") => OffsetReset::Latest,
            ("offset", place) => match place.parse() {
                Ok(offset) if offset >= 0 => OffsetReset::At(Offset(offset)),
                _ => return Err(wrong()),
            },
            ("time", place) => {
                let time = place.parse::<DateTime<Utc>>().map_err(|_| wrong())?;
                OffsetReset::Since(time.into())
            }
            _ => return Err(wrong()),
        };
        Ok(Self(reset))
    }
}

#[cfg(test)]
mod tests {
    use millstream::record::Timestamp;

    use super::*;

    #[test]
    fn a_place_is_a_word_an_offset_or_a_time() {
        let noon = OffsetReset::Since(Timestamp(1_769_860_800_000));
        for (text, expected) in [
            ("beginning", Some(OffsetReset::Earliest)),
            ("end", Some(OffsetReset::Latest)),
            ("offset:0", Some(OffsetReset::At(Offset(0)))),
            ("offset:42", Some(OffsetReset::At(Offset(42)))),
            ("time:2026-01-31T12:00:00Z", Some(noon)),
            ("time:2026-01-31T13:00:00+01:00", Some(noon)),
            ("offset:-1", None),
            ("offset:", None),
            ("offset:9223372036854775808", None),
            ("time:2026-01-31", None),
            ("time:", None),
            ("beginning:1", None),
            ("Beginning", None),
            ("42", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<From>().ok(), expected.map(From), "{text}");
        }
    }
}
