//! Calendar windows in whole programs: days of 23 and 25 hours, ends of months, restarts, and windowed keys that come back
//! from topics and stores.

use std::time::Duration;

use chrono::{DateTime, TimeZone as _, Utc};
use streams_core::dsl::{KTable, StreamsBuilder, Suppress};
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::chrono_tz::{America, Europe, Tz};
use streams_core::windows::{CalendarWindows, Tumbling, Windowed};

use crate::topology;

const IN: Topic<String, String> = Topic::new("in");
const BERLIN: CalendarWindows = CalendarWindows::days().in_zone(Europe::Berlin);
const NEW_YORK: CalendarWindows = CalendarWindows::days().in_zone(America::New_York);
const MONTHS: CalendarWindows = CalendarWindows::months().in_zone(Europe::Berlin);
const HOUR: Duration = Duration::from_secs(3_600);

type Out = Topic<Windowed<String>, Option<i64>>;
const OUT: Out = Topic::new("out");

/// Key and time of a record.
type Record = (&'static str, &'static str);

fn time(text: &str) -> Timestamp {
    Timestamp(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
}

fn pipe(driver: &mut TestDriver, (key, at): Record) {
    driver.pipe_at(&IN, key, "", time(at));
}

/// A row as `key date, hours=value`, with the local date of its window's start.
fn shown(zone: Tz, key: &Windowed<String>, value: Option<i64>) -> String {
    let (start, end) = (key.window.start.0, key.window.end.0);
    let date = zone.timestamp_millis_opt(start).unwrap().format("%m-%d %H:%M");
    format!("{} {date}, {} h = {}", key.key, (end - start) / 3_600_000, value.map_or("-".to_owned(), |v| v.to_string()))
}

/// What was sent, in the order of a key.
fn read(driver: &mut TestDriver, windows: CalendarWindows, zone: Tz) -> Vec<String> {
    let mut rows = driver.read(&OUT.windows_by(windows));
    rows.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
    rows.iter().map(|(key, value)| shown(zone, key, *value)).collect()
}

#[derive(Debug, Clone, Copy)]
enum Sends {
    Updates,
    OnClose,
    Suppressed,
}

/// Counts by key behind a repartition topic.
fn counts(windows: CalendarWindows, sends: Sends) -> Topology {
    fn all(counts: KTable<'_, Windowed<String>, i64>) {
        counts.to_stream().to(OUT);
    }
    topology(|b| {
        let group = b.stream(IN).group_by(|key, _| key.clone()).windowed_by(windows.grace(HOUR));
        match sends {
            Sends::Updates => all(group.count()),
            Sends::OnClose => all(group.emit_on_close().count()),
            Sends::Suppressed => all(group.count().suppress(Suppress::until_window_closes().unbounded())),
        }
    })
}

/// Each case: the windows, records, and the rows that are sent last, and when windows close.
type Case = (CalendarWindows, Tz, &'static [Record], &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (
        BERLIN,
        Europe::Berlin,
        &[
            ("a", "2025-03-29T22:59:59.999Z"),
            ("a", "2025-03-29T23:00:00Z"),
            ("a", "2025-03-30T21:59:59.999Z"),
            ("a", "2025-03-30T22:00:00Z"),
            // An hour of grace after the short day: in time, and too late.
            ("a", "2025-03-30T22:59:59.999Z"),
            ("a", "2025-03-30T12:00:00Z"),
            ("a", "2025-03-30T23:00:00Z"),
            ("a", "2025-03-30T21:59:59.999Z"),
        ],
        &["a 03-29 00:00, 24 h = 1", "a 03-30 00:00, 23 h = 3", "a 03-31 00:00, 24 h = 3"],
        &["a 03-29 00:00, 24 h = 1", "a 03-30 00:00, 23 h = 3"],
    ),
    (
        NEW_YORK,
        America::New_York,
        &[
            ("a", "2025-11-02T03:59:59.999Z"),
            ("a", "2025-11-02T04:00:00Z"),
            ("b", "2025-11-03T04:59:59.999Z"),
            ("a", "2025-11-03T05:00:00Z"),
            ("b", "2025-11-03T05:59:59.999Z"),
            ("b", "2025-11-02T04:00:00Z"),
            ("a", "2025-11-03T06:00:00Z"),
            ("b", "2025-11-03T06:00:00Z"),
            ("b", "2025-11-02T04:00:00Z"),
        ],
        &[
            "a 11-01 00:00, 24 h = 1",
            "a 11-02 00:00, 25 h = 1",
            "a 11-03 00:00, 24 h = 2",
            "b 11-02 00:00, 25 h = 2",
            "b 11-03 00:00, 24 h = 2",
        ],
        &["a 11-01 00:00, 24 h = 1", "a 11-02 00:00, 25 h = 1", "b 11-02 00:00, 25 h = 2"],
    ),
    (
        MONTHS,
        Europe::Berlin,
        &[
            ("a", "2024-01-31T22:59:59.999Z"),
            ("a", "2024-02-29T22:59:59.999Z"),
            ("a", "2024-02-29T23:00:00Z"),
            ("a", "2024-02-01T00:00:00Z"),
            ("a", "2024-03-31T21:59:59.999Z"),
            ("a", "2024-04-30T22:00:00Z"),
        ],
        &[
            "a 01-01 00:00, 744 h = 1",
            "a 02-01 00:00, 696 h = 2",
            "a 03-01 00:00, 743 h = 2",
            "a 05-01 00:00, 744 h = 1",
        ],
        &["a 01-01 00:00, 744 h = 1", "a 02-01 00:00, 696 h = 2", "a 03-01 00:00, 743 h = 2"],
    ),
];

/// The last row of each window, in the order in which windows were first sent.
fn last(sent: Vec<String>) -> Vec<String> {
    let mut last: Vec<String> = Vec::new();
    for row in sent {
        let window = |row: &str| row.split(" = ").next().unwrap_or_default().to_owned();
        match last.iter_mut().find(|known| window(known) == window(&row)) {
            Some(known) => *known = row,
            None => last.push(row),
        }
    }
    last.sort();
    last
}

#[test]
fn days_and_months_of_different_length_are_counted() {
    for (windows, zone, records, expected, _) in CASES {
        for (caching, partitions) in [(0, 1), (1 << 20, 1), (0, 3), (1 << 20, 3)] {
            let setup = TestDriver::configure(counts(*windows, Sends::Updates)).caching(caching).partitions(partitions);
            let mut driver = setup.start();
            records.iter().for_each(|record| pipe(&mut driver, *record));
            driver.commit();
            let sent = last(read(&mut driver, *windows, *zone));
            assert_eq!(sent, *expected, "{windows}, cache: {caching}, partitions: {partitions}");
        }
    }
}

#[test]
fn each_window_is_sent_once_when_it_closes_wherever_the_application_is_killed() {
    for (windows, zone, records, _, expected) in CASES {
        for sends in [Sends::OnClose, Sends::Suppressed] {
            for (caching, keeps) in [(0, false), (1 << 20, false), (1 << 20, true)] {
                for killed_after in 0..=records.len() {
                    let driver =
                        TestDriver::configure(counts(*windows, sends)).caching(caching).with(App::exactly_once);
                    let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
                    for (number, record) in records.iter().enumerate() {
                        if number == killed_after {
                            driver.kill();
                            driver.restart();
                        }
                        pipe(&mut driver, *record);
                    }
                    driver.commit();
                    let context = format!("{windows}, {sends:?}, cache: {caching}, killed after {killed_after}");
                    assert_eq!(read(&mut driver, *windows, *zone), *expected, "{context}");
                }
            }
        }
    }
}

#[test]
fn records_that_come_after_a_windows_grace_are_counted_as_late() {
    let (windows, _, records, ..) = CASES[0];
    let mut driver = TestDriver::new(counts(windows, Sends::Updates));
    records.iter().for_each(|record| pipe(&mut driver, *record));
    let dropped: u64 = driver.tasks().values().map(|task| task.dropped_total()).sum();
    assert_eq!(dropped, 1);
}

#[test]
fn reductions_aggregates_and_cogroups_have_the_same_windows() {
    const SUMS: WindowStore<String, i64> = WindowStore::new("sums");
    #[expect(clippy::type_complexity, reason = "a table of programs")]
    let programs: [(&str, fn(&StreamsBuilder)); 3] = [
        ("reduce", |b| {
            let ones = b.stream(IN).map_values(|_| 1_i64).group_by_key().windowed_by(BERLIN.no_grace());
            ones.reduce(|sum, one| sum + one).stored_as(SUMS).to_stream().to(OUT);
        }),
        ("aggregate", |b| {
            let days = b.stream(IN).group_by_key().windowed_by(BERLIN.no_grace());
            days.aggregate(|| 0, |sum: &mut i64, _| *sum += 1).stored_as(SUMS).to_stream().to(OUT);
        }),
        ("cogroup", |b| {
            let group = b.stream(IN).group_by_key().cogroup(|sum: &mut i64, _| *sum += 1);
            group.windowed_by(BERLIN.no_grace()).aggregate(|| 0).stored_as(SUMS).to_stream().to(OUT);
        }),
    ];
    for (name, program) in programs {
        let mut driver = TestDriver::new(topology(program));
        for at in ["2025-10-25T22:00:00Z", "2025-10-26T22:59:59.999Z", "2025-10-26T23:00:00Z"] {
            pipe(&mut driver, ("a", at));
        }
        driver.commit();
        let expected = ["a 10-26 00:00, 25 h = 2", "a 10-27 00:00, 24 h = 1"];
        assert_eq!(last(read(&mut driver, BERLIN, Europe::Berlin)), expected, "{name}");
        let rows = driver.windows(&SUMS).into_iter().map(|(_, start, sum)| (start, sum)).collect::<Vec<_>>();
        assert_eq!(rows, [(time("2025-10-25T22:00:00Z"), 2), (time("2025-10-26T23:00:00Z"), 1)], "{name}");
    }
}

fn windowed(windows: CalendarWindows) -> impl Fn(&String, &String) -> Windowed<String> {
    move |key, at| {
        let mut key =
            Windowed { key: key.clone(), window: streams_core::windows::Window { start: time(at), end: time(at) } };
        key.window.end = windows.around(key.window.start).unwrap().1;
        key
    }
}

/// Where windows' ends are read back, the calendar knows them.
#[test]
fn a_windowed_key_comes_back_whole_from_topics_and_stores() {
    const SEEN: KeyValueStore<Windowed<String>, i64> = KeyValueStore::new("seen").windows_by(BERLIN);
    #[expect(clippy::type_complexity, reason = "a table of programs")]
    let programs: [(&str, fn(&StreamsBuilder)); 4] = [
        ("a repartition topic, and a count of windows", |b| {
            let counts = b.stream(IN).group_by_key().windowed_by(BERLIN.no_grace()).count().to_stream();
            counts.repartition().group_by_key().count().to_stream().to(OUT);
        }),
        ("a group of rows", |b| {
            let counts = b.stream(IN).group_by_key().windowed_by(BERLIN.no_grace()).count();
            counts.group_by(|key, count| (key.clone(), count)).windows_by(BERLIN).count().to_stream().to(OUT);
        }),
        ("a key made anew", |b| {
            let days = b.stream(IN).map(|key, _| (key, "2025-03-29T23:00:00Z".to_owned()));
            let days = days.select_key(windowed(BERLIN)).windows_by(BERLIN);
            days.group_by_key().count().to_stream().to(OUT);
        }),
        ("a processor's store", |b| {
            let counts = b.stream(IN).group_by_key().windowed_by(BERLIN.no_grace()).count().to_stream().filter_some();
            let seen = counts.process(SEEN, |mut seen, key, count, out| {
                seen.put(key, count);
                out.send(key.clone(), Some(count));
            });
            seen.to(OUT.windows_by(BERLIN));
        }),
    ];
    for (name, program) in programs {
        let mut driver = TestDriver::new(topology(program));
        pipe(&mut driver, ("a", "2025-03-30T10:00:00Z"));
        driver.commit();
        assert_eq!(read(&mut driver, BERLIN, Europe::Berlin), ["a 03-30 00:00, 23 h = 1"], "{name}");
    }
    let mut driver = TestDriver::new(topology(programs[3].1));
    pipe(&mut driver, ("a", "2025-03-30T10:00:00Z"));
    let rows: Vec<_> = driver.rows(&SEEN).iter().map(|(key, count)| shown(Europe::Berlin, key, Some(*count))).collect();
    assert_eq!(rows, ["a 03-30 00:00, 23 h = 1"]);
}

#[test]
fn the_first_and_the_last_window_take_what_no_other_can() {
    let mut driver = TestDriver::new(counts(BERLIN, Sends::Updates));
    for at in [0, 23 * 3_600_000 - 1, 23 * 3_600_000, i64::MAX - 1, i64::MAX - 2] {
        driver.pipe_at(&IN, "a", "", Timestamp(at));
    }
    driver.commit();
    let rows = driver.read(&OUT.windows_by(BERLIN));
    let rows: Vec<_> = rows.iter().map(|(key, count)| (key.window.end.0, count.unwrap_or(0))).collect();
    let hours = |hours: i64| hours * 3_600_000;
    assert_eq!(rows, [(hours(23), 1), (hours(23), 2), (hours(47), 1), (i64::MAX, 1), (i64::MAX, 2)]);
}

/// A zone says which rows belong together, so it is a part of what a topology is.
#[test]
fn another_calendar_is_another_topology() {
    let topologies = [BERLIN, NEW_YORK, MONTHS, CalendarWindows::days()].map(|windows| counts(windows, Sends::Updates));
    let mut hashes: Vec<_> = topologies.iter().map(|topology| topology.fingerprint().hash()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), topologies.len());
    assert_eq!(topologies[0].to_json()["stores"][0]["calendar"], "days in Europe/Berlin");
}

#[test]
fn windows_of_two_calendars_do_not_meet_and_rows_are_kept_long_enough() {
    let meet = |one: CalendarWindows, other: CalendarWindows| {
        let builder = StreamsBuilder::new();
        let count = |windows: CalendarWindows| {
            builder.stream(IN).group_by_key().windowed_by(windows.no_grace()).count().to_stream()
        };
        _ = count(one).merge(count(other)).group_by_key().count();
        builder.build().map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(meet(BERLIN, BERLIN), Ok(()));
    let error = meet(BERLIN, NEW_YORK).unwrap_err();
    assert!(error.contains("windows of `days in America/New_York` and `days in Europe/Berlin` meet"), "{error}");

    let builder = StreamsBuilder::new();
    builder.stream(IN).group_by_key().windowed_by(MONTHS.grace(HOUR)).count().retention(30 * 24 * HOUR);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains(&format!("{:?}", (32 * 24 + 1) * HOUR)), "{error}");

    let builder = StreamsBuilder::new();
    _ = builder.stream(IN).group_by_key().windowed_by(BERLIN.grace(Duration::MAX)).count();
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("longer than time itself"), "{error}");
}

/// Tumbling windows are aligned to UTC, and so are calendar days without a zone.
#[test]
fn days_in_utc_are_tumbling_days() {
    let counted = |program: fn(&StreamsBuilder)| {
        let mut driver = TestDriver::new(topology(program));
        for at in ["2025-03-29T23:59:59.999Z", "2025-03-30T00:00:00Z", "2025-03-30T23:00:00Z"] {
            pipe(&mut driver, ("a", at));
        }
        driver.commit();
        last(read(&mut driver, CalendarWindows::days(), Tz::UTC))
    };
    let days = counted(|b| {
        _ = b.stream(IN).group_by_key().windowed_by(CalendarWindows::days().no_grace()).count().to_stream().to(OUT);
    });
    let tumbling = counted(|b| {
        _ = b.stream(IN).group_by_key().windowed_by(Tumbling::of(24 * HOUR).no_grace()).count().to_stream().to(OUT);
    });
    assert_eq!(days, ["a 03-29 00:00, 24 h = 1", "a 03-30 00:00, 24 h = 2"]);
    assert_eq!(days, tumbling);
}
