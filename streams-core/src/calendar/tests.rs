//! When windows begin and end, in data: where clocks change, where months end, and at the ends of time.

use chrono::{DateTime, MappedLocalTime, NaiveDate, TimeZone as _, Utc};
use chrono_tz::{Africa, America, Asia, Atlantic, Europe, Pacific, TZ_VARIANTS, Tz};

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
}

/// The window around a moment, as the local time of its start and of its end, and its length in hours.
fn around(windows: CalendarWindows, zone: Tz, at: &str) -> String {
    let (start, end) = windows.in_zone(zone).around(time(at)).unwrap();
    let local = |time: Timestamp| zone.timestamp_millis_opt(time.0).unwrap().format("%Y-%m-%d %H:%M");
    format!("{} to {}, {} h", local(start), local(end), (end.0 - start.0) / 3_600_000)
}

#[test]
fn days_begin_at_midnight_wherever_clocks_show_it() {
    let days = CalendarWindows::days();
    for (zone, at, expected) in [
        (Tz::UTC, "2025-03-30T23:59:59.999Z", "2025-03-30 00:00 to 2025-03-31 00:00, 24 h"),
        // Clocks go forward and back in the night.
        (Europe::Berlin, "2025-03-29T22:59:59.999Z", "2025-03-29 00:00 to 2025-03-30 00:00, 24 h"),
        (Europe::Berlin, "2025-03-29T23:00:00Z", "2025-03-30 00:00 to 2025-03-31 00:00, 23 h"),
        (Europe::Berlin, "2025-03-30T21:59:59.999Z", "2025-03-30 00:00 to 2025-03-31 00:00, 23 h"),
        (Europe::Berlin, "2025-03-30T22:00:00Z", "2025-03-31 00:00 to 2025-04-01 00:00, 24 h"),
        (Europe::Berlin, "2025-10-26T12:00:00Z", "2025-10-26 00:00 to 2025-10-27 00:00, 25 h"),
        (America::New_York, "2025-03-09T12:00:00Z", "2025-03-09 00:00 to 2025-03-10 00:00, 23 h"),
        (America::New_York, "2025-11-02T12:00:00Z", "2025-11-02 00:00 to 2025-11-03 00:00, 25 h"),
        // Midnight does not exist: clocks go from 23:59 to 01:00.
        (America::Sao_Paulo, "2018-11-04T03:00:00Z", "2018-11-04 01:00 to 2018-11-05 00:00, 23 h"),
        (America::Sao_Paulo, "2018-11-04T02:59:59.999Z", "2018-11-03 00:00 to 2018-11-04 01:00, 24 h"),
        (Asia::Beirut, "2024-03-31T12:00:00Z", "2024-03-31 01:00 to 2024-04-01 00:00, 23 h"),
        (Africa::Cairo, "2024-04-26T12:00:00Z", "2024-04-26 01:00 to 2024-04-27 00:00, 23 h"),
        // Clocks go back at midnight: the day before is the longer one.
        (America::Sao_Paulo, "2018-02-18T02:30:00Z", "2018-02-17 00:00 to 2018-02-18 00:00, 25 h"),
        // Midnight comes twice: the first one counts, ..
        (Atlantic::Azores, "2025-10-26T01:30:00Z", "2025-10-26 00:00 to 2025-10-27 00:00, 25 h"),
        (Atlantic::Azores, "2025-10-25T23:59:59Z", "2025-10-25 00:00 to 2025-10-26 00:00, 24 h"),
        // .. even if, a minute later, clocks show the day before once more.
        (America::St_Johns, "2010-11-07T02:45:00Z", "2010-11-07 00:00 to 2010-11-08 00:00, 25 h"),
        // A day that never was: Samoa went over the date line.
        (Pacific::Apia, "2011-12-30T09:59:59.999Z", "2011-12-29 00:00 to 2011-12-31 00:00, 24 h"),
        (Pacific::Apia, "2011-12-30T10:00:00Z", "2011-12-31 00:00 to 2012-01-01 00:00, 24 h"),
    ] {
        assert_eq!(around(days, zone, at), expected, "{zone} at {at}");
    }
}

#[test]
fn longer_windows_begin_with_their_first_days() {
    for (windows, at, expected) in [
        (CalendarWindows::weeks(), "2025-03-30T12:00:00Z", "2025-03-24 00:00 to 2025-03-31 00:00, 167 h"),
        (
            CalendarWindows::weeks_from(Weekday::Sun),
            "2025-03-29T12:00:00Z",
            "2025-03-23 00:00 to 2025-03-30 00:00, 168 h",
        ),
        (
            CalendarWindows::weeks_from(Weekday::Sun),
            "2025-03-30T12:00:00Z",
            "2025-03-30 00:00 to 2025-04-06 00:00, 167 h",
        ),
        (
            CalendarWindows::weeks_from(Weekday::Sat),
            "2026-01-01T12:00:00Z",
            "2025-12-27 00:00 to 2026-01-03 00:00, 168 h",
        ),
        (CalendarWindows::months(), "2024-02-29T22:59:59.999Z", "2024-02-01 00:00 to 2024-03-01 00:00, 696 h"),
        (CalendarWindows::months(), "2024-02-29T23:00:00Z", "2024-03-01 00:00 to 2024-04-01 00:00, 743 h"),
        (CalendarWindows::months(), "2023-02-10T00:00:00Z", "2023-02-01 00:00 to 2023-03-01 00:00, 672 h"),
        (CalendarWindows::months(), "2025-12-31T22:59:59.999Z", "2025-12-01 00:00 to 2026-01-01 00:00, 744 h"),
        (CalendarWindows::quarters(), "2025-06-30T21:59:59.999Z", "2025-04-01 00:00 to 2025-07-01 00:00, 2184 h"),
        (CalendarWindows::quarters(), "2025-06-30T22:00:00Z", "2025-07-01 00:00 to 2025-10-01 00:00, 2208 h"),
        (CalendarWindows::years(), "2024-07-01T00:00:00Z", "2024-01-01 00:00 to 2025-01-01 00:00, 8784 h"),
    ] {
        assert_eq!(around(windows, Europe::Berlin, at), expected, "{windows} at {at}");
    }
}

/// Every quarter of an hour around all changes of a few decades.
#[test]
fn windows_follow_each_other_and_a_start_leads_to_its_end() {
    let zones = [Europe::Berlin, America::St_Johns, America::Sao_Paulo, Pacific::Apia, Asia::Beirut, Atlantic::Azores];
    for zone in zones {
        for windows in [CalendarWindows::days(), CalendarWindows::weeks(), CalendarWindows::months()] {
            let windows = windows.in_zone(zone);
            let mut start = windows.around(time("1985-12-31T12:00:00Z")).expect("a window").0;
            while start < time("2026-01-01T00:00:00Z") {
                let (same, end) = windows.around(start).expect("a window");
                assert_eq!(same, start, "{windows}");
                assert!(start < end && end.0 - start.0 <= windows.longest_ms(), "{windows}: {start:?}");
                let moments = (1..=8).map(|part| Timestamp(start.0 + (end.0 - start.0) * part / 8 - 1));
                for moment in moments.chain((1..=8).map(|quarter| Timestamp(end.0 - quarter * 900_000))) {
                    assert_eq!(windows.around(moment), Some((start, end)), "{windows}: {moment:?}");
                }
                start = end;
            }
        }
    }
}

#[test]
fn no_window_starts_before_zero_and_the_last_one_does_not_end() {
    let (berlin, new_york) = (Europe::Berlin, America::New_York);
    let days = CalendarWindows::days();
    for (windows, at, expected) in [
        (days, -1, None),
        (days, i64::MIN, None),
        (days, 0, Some((0, 24))),
        // Midnight was an hour before.
        (days.in_zone(berlin), 0, Some((0, 23))),
        (days.in_zone(berlin), 23 * 3_600_000, Some((23, 47))),
        (days.in_zone(new_york), 0, Some((0, 5))),
        (days.in_zone(new_york), 5 * 3_600_000, Some((5, 29))),
        (CalendarWindows::years().in_zone(new_york), 4 * 3_600_000, Some((0, 5))),
    ] {
        let hours = windows.around(Timestamp(at)).map(|(start, end)| (start.0 / 3_600_000, end.0 / 3_600_000));
        assert_eq!(hours, expected, "{windows} at {at}");
    }
    for windows in [days, days.in_zone(berlin), CalendarWindows::months().in_zone(new_york), CalendarWindows::years()] {
        let (start, end) = windows.around(Timestamp(i64::MAX)).expect("a window");
        assert!(start <= LAST && end == Timestamp(i64::MAX), "{windows}");
        assert_eq!(windows.around(LAST), Some((start, end)), "{windows}");
        assert_eq!(windows.around(start), Some((start, end)), "{windows}");
        assert_eq!(windows.around(Timestamp(start.0 - 1)).map(|(_, end)| end), Some(start), "{windows}");
    }
}

/// What `longest_ms` relies on, in the database that the program was built with.
#[test]
fn clocks_are_never_put_back_by_a_day() {
    let months = || {
        (0..131 * 12)
            .filter_map(|month| NaiveDate::from_ymd_opt(1970 + month / 12, 1, 1)?.with_month0(month as u32 % 12))
    };
    for zone in TZ_VARIANTS {
        let at = |date: NaiveDate| match zone.from_local_datetime(&date.and_hms_opt(12, 0, 0).unwrap()) {
            MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => time.to_utc(),
            MappedLocalTime::None => date.and_hms_opt(12, 0, 0).unwrap().and_utc(),
        };
        for (month, next) in months().zip(months().skip(1)) {
            let hours = (at(next) - at(month)).num_hours() - (next - month).num_days() * 24;
            assert!(hours < 24, "{zone}: {hours} h in the month of {month}");
        }
    }
}

#[test]
fn calendars_of_the_same_name_are_equal() {
    let berlin = CalendarWindows::weeks().in_zone(Europe::Berlin);
    assert_eq!(CalendarWindows::days().in_zone(Tz::UTC), CalendarWindows::days());
    assert_ne!(berlin, CalendarWindows::weeks());
    assert_ne!(CalendarWindows::weeks_from(Weekday::Sun), CalendarWindows::weeks());
    assert_eq!(berlin.to_string(), "weeks from Mon in Europe/Berlin");
    assert_eq!(CalendarWindows::quarters().to_string(), "quarters in UTC");
}
