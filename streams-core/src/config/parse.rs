//! Converts the text of settings to their types and back.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;

/// Kafka's durations are signed 64-bit milliseconds.
const DURATION_MAX: Duration = Duration::from_millis(i64::MAX.cast_unsigned());

const MIB: usize = 1024 * 1024;

/// Plain milliseconds, or a number with a unit: `500`, `30s`, `1m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let parsed = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().map(Duration::from_millis)
    } else {
        humantime::parse_duration(text).ok()
    };
    match parsed {
        Some(duration) if duration > DURATION_MAX => Err(format!("`{text}` is longer than Kafka can count")),
        Some(duration) => Ok(duration),
        None => Err(format!(
            "`{text}` is not a duration; write milliseconds, such as `500`, or a number with its unit, such as `30s`"
        )),
    }
}

/// As [`duration`], but not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be at least 1 ms".to_owned()),
        duration => Ok(duration),
    }
}

/// Plain bytes, or a number with a unit: `10485760`, `10MiB`, `10MB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    ByteSize::from_str(text).ok().and_then(|size| usize::try_from(size.as_u64()).ok()).ok_or_else(|| {
        format!("`{text}` is not a size; write bytes, such as `10485760`, or a number with its unit, such as `10MiB`")
    })
}

/// A whole number in a range.
pub(super) fn number<N: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<N>) -> Result<N, String> {
    let text = text.trim();
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("`{text}` is not a whole number from {} to {}", range.start(), range.end()))
}

/// The value of one of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let text = text.trim();
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        format!("`{text}` is not one of {}", words.join(", "))
    })
}

/// The word for a value.
pub(super) fn word_of<T: Copy + PartialEq>(value: T, words: &[(&str, T)]) -> String {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word).to_owned()
}

/// Text that must not be empty.
pub(super) fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// A duration in a form that [`duration`] reads.
pub(super) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A duration as Java and ISO 8601 write it: `PT1H30M`, `P2DT0.5S`. As [`duration`], it may not be longer than Kafka can
/// count, and it is counted in milliseconds.
pub(super) fn iso_duration(text: &str) -> Result<Duration, String> {
    let parts = text.trim().strip_prefix(['P', 'p']).and_then(|parts| {
        let (days, times) = parts.split_once(['T', 't']).map_or((parts, None), |(days, times)| (days, Some(times)));
        let days = iso_parts(days, &[('D', 86_400_000)])?;
        let times = times.map(|times| {
            iso_parts(times, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)]).filter(|_| !times.is_empty())
        });
        match times {
            Some(times) => days.checked_add(times?),
            None => Some(days).filter(|_| !parts.is_empty()),
        }
    });
    match parts.map(Duration::from_millis) {
        Some(duration) if duration <= DURATION_MAX => Ok(duration),
        Some(_) => Err(format!("`{text}` is longer than Kafka can count")),
        None => Err(format!("`{text}` is not a duration such as `PT1H30M` or `P7D`")),
    }
}

/// The sum of some parts such as `1H30M`, in milliseconds, each at most once and in this order; seconds may have a fraction.
fn iso_parts(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut sum: u64 = 0;
    for (unit, milliseconds) in units {
        let Some((number, rest)) = text.split_once([*unit, unit.to_ascii_lowercase()]) else { continue };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction != "0" && *unit != 'S' {
            return None;
        }
        let thousandths = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
        sum = sum.checked_add(whole.parse::<u64>().ok()?.checked_mul(*milliseconds)?)?.checked_add(thousandths)?;
        text = rest;
    }
    text.is_empty().then_some(sum)
}

/// A duration in a form that [`iso_duration`] reads.
pub(super) fn show_iso_duration(duration: Duration) -> String {
    let (seconds, thousandths) = (duration.as_secs(), duration.subsec_millis());
    if thousandths == 0 { format!("PT{seconds}S") } else { format!("PT{seconds}.{thousandths:03}S") }
}

/// A size in a form that [`size`] reads.
pub(crate) fn show_size(size: usize) -> String {
    if size > 0 && size.is_multiple_of(MIB) { format!("{}MiB", size / MIB) } else { size.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn durations_are_milliseconds_or_have_a_unit() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("30000", Some(millis(30_000))),
            (" 100 ", Some(millis(100))),
            ("30s", Some(millis(30_000))),
            ("1m 30s", Some(millis(90_000))),
            ("250ms", Some(millis(250))),
            ("9223372036854775807", Some(DURATION_MAX)),
            ("9223372036854775808", None),
            ("99999999999999999999", None),
            ("-1", None),
            ("", None),
            ("30 parsecs", None),
            ("1.5", None),
        ] {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_in_java() {
        for (text, expected) in [
            ("PT1H", Some(3_600_000)),
            ("PT1H30M", Some(5_400_000)),
            ("P2DT3H4M", Some(183_840_000)),
            ("P7D", Some(604_800_000)),
            ("pt15m", Some(900_000)),
            ("PT20.345S", Some(20_345)),
            ("PT0.5S", Some(500)),
            ("PT20.3456S", Some(20_345)),
            ("PT0S", Some(0)),
            ("PT9223372036854775.807S", Some(i64::MAX.cast_unsigned())),
            ("PT9223372036854775.808S", None),
            ("PT99999999999999999999H", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("", None),
            ("1h", None),
            ("PT1M1H", None),
            ("PT1.5H", None),
            ("PT-1H", None),
            ("PT1", None),
            ("P1H", None),
        ] {
            assert_eq!(iso_duration(text).ok(), expected.map(millis), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10485760", Some(10 * MIB)),
            ("10MiB", Some(10 * MIB)),
            ("10 MiB", Some(10 * MIB)),
            ("10MB", Some(10_000_000)),
            ("1.5KiB", Some(1536)),
            ("-1", None),
            ("", None),
            ("10 bananas", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(millis in 0..=i64::MAX.cast_unsigned(), bytes: usize) {
            let shown = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(shown)), Ok(shown));
            prop_assert_eq!(iso_duration(&show_iso_duration(shown)), Ok(shown));
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
            prop_assert_eq!(size(&show_size(bytes / MIB * MIB)), Ok(bytes / MIB * MIB));
        }

        #[test]
        fn no_text_makes_it_panic(anything: String) {
            let _ = duration(&anything);
            let _ = iso_duration(&anything);
            let _ = size(&anything);
            let _ = number::<u16>(&anything, 1..=9);
        }
    }
}
