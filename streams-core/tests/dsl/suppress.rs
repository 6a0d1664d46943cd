//! Suppressions in whole programs: what they send on, with and without caches, and after crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::{KTable, StreamsBuilder, Suppress};
use streams_core::record::{Record, Timestamp};
use streams_core::runtime::App;
use streams_core::state::KeyValueStore;
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{TimeWindows, Tumbling, Windowed};

use crate::{A, B, topology};

const COUNTS: Topic<String, i64> = Topic::new("counts");
const TEXTS: Topic<String, String> = Topic::new("texts");
const DELETABLE: Topic<String, Option<String>> = Topic::new("deletable");

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn tumbling(size: u64, grace: u64) -> TimeWindows {
    Tumbling::of(ms(size)).grace(ms(grace))
}

/// How a program may run without changing its output, if every record is committed.
fn ways(topology: &Topology) -> Vec<(&'static str, TestDriver)> {
    let setup = || TestDriver::configure(topology.clone());
    vec![
        ("without caches", setup().with(|app| app.cache_bytes(0)).start()),
        ("with caches", setup().start()),
        ("exactly once", setup().with(|app| app.exactly_once()).start()),
        ("with caches that are too small", setup().with(|app| app.cache_bytes(400)).start()),
    ]
}

/// A record: key, value, timestamp.
type Line<V> = (&'static str, V, i64);

/// Pipes records of one topic, each with what is to come out after it.
fn check(topology: &Topology, steps: &[(Line<&str>, &[Line<i64>])]) {
    for (way, mut driver) in ways(topology) {
        for (number, ((key, value, time), expected)) in steps.iter().enumerate() {
            driver.pipe_at(&A, *key, *value, Timestamp(*time));
            let records = driver.read_records(&COUNTS).into_iter();
            let seen: Vec<_> = records.map(|record| (record.key, record.value, record.timestamp.0)).collect();
            let expected: Vec<_> =
                expected.iter().map(|(key, value, time)| ((*key).to_owned(), *value, *time)).collect();
            assert_eq!(seen, expected, "{way}, after record {number}");
        }
    }
}

/// How many of the records' latest values are the same text.
fn values_counted(b: &StreamsBuilder) -> KTable<'_, String, i64> {
    b.table(A).not_cached().group_by(|key, value| (value, key.clone())).count().not_cached()
}

fn windows_to_counts(counts: KTable<'_, Windowed<String>, i64>) {
    let name = |key: &Windowed<String>| format!("{}@{}/{}", key.key, key.window.start.0, key.window.end.0);
    counts.to_stream().filter_some().map(move |key, count| (name(&key), count)).to(COUNTS);
}

#[test]
fn without_a_time_limit_every_change_is_sent() {
    let topology = topology(|b| {
        values_counted(b).suppress(Suppress::until_time_limit(ms(0)).unbounded()).to_stream().filter_some().to(COUNTS);
    });
    check(
        &topology,
        &[
            (("k1", "v1", 0), &[("v1", 1, 0)]),
            (("k1", "v2", 1), &[("v1", 0, 1), ("v2", 1, 1)]),
            (("k2", "v1", 2), &[("v1", 1, 2)]),
            (("x", "x", 3), &[("x", 1, 3)]),
            (("x", "y", 4), &[("x", 0, 4), ("y", 1, 4)]),
        ],
    );
}

#[test]
fn within_a_time_limit_only_the_last_change_is_sent() {
    let topology = topology(|b| {
        values_counted(b).suppress(Suppress::until_time_limit(ms(2)).unbounded()).to_stream().filter_some().to(COUNTS);
    });
    check(
        &topology,
        &[
            (("k1", "v1", 0), &[]),
            (("k1", "v2", 1), &[]),
            (("k2", "v1", 2), &[("v1", 1, 2)]),
            (("tick", "tick", 3), &[("v2", 1, 1)]),
            (("tick", "tock", 4), &[]),
        ],
    );
}

#[test]
fn a_full_buffer_sends_early() {
    for suppress in [
        Suppress::until_time_limit(Duration::MAX).max_records(1).emit_early_when_full(),
        // One change has a little more than 100 bytes, most of them the topic's name.
        Suppress::until_time_limit(Duration::MAX).max_bytes(150).emit_early_when_full(),
    ] {
        let topology = topology(|b| {
            values_counted(b).suppress(suppress).to_stream().filter_some().to(COUNTS);
        });
        check(
            &topology,
            &[
                (("k1", "v1", 0), &[]),
                (("k1", "v2", 1), &[("v1", 0, 1)]),
                (("k2", "v1", 2), &[("v2", 1, 1)]),
                (("x", "x", 3), &[("v1", 1, 2)]),
            ],
        );
    }
}

#[test]
fn windows_are_sent_when_they_close() {
    let closes = Suppress::until_window_closes().unbounded();
    let topology_of = |windows: TimeWindows| {
        topology(|b| windows_to_counts(b.stream(A).group_by_key().windowed_by(windows).count().suppress(closes)))
    };
    check(
        &topology_of(tumbling(2, 1)),
        &[
            (("k1", "v", 0), &[]),
            (("k1", "v", 1), &[]),
            (("k1", "v", 2), &[]),
            (("k1", "v", 1), &[]),
            (("k1", "v", 0), &[]),
            (("k1", "v", 5), &[("k1@0/2", 4, 1), ("k1@2/4", 1, 2)]),
            (("k1", "v", 0), &[]),
        ],
    );
    check(
        &topology_of(tumbling(2, 2)),
        &[
            (("k1", "v", 0), &[]),
            (("k1", "v", 1), &[]),
            (("k1", "v", 2), &[]),
            (("k1", "v", 0), &[]),
            (("k1", "v", 3), &[]),
            (("k1", "v", 0), &[]),
            (("k1", "v", 4), &[("k1@0/2", 4, 1)]),
            (("k1", "v", 0), &[]),
            (("k1", "v", 30), &[("k1@2/4", 2, 3), ("k1@4/6", 1, 4)]),
        ],
    );
}

/// Kafka Streams does not know the format of these keys, and fails.
#[test]
fn windows_of_a_cogroup_are_sent_when_they_close() {
    let topology = topology(|b| {
        let group = b.stream(A).group_by_key().cogroup(|count: &mut i64, _| *count += 1);
        let counts = group.windowed_by(tumbling(2, 1)).aggregate(|| 0);
        windows_to_counts(counts.suppress(Suppress::until_window_closes().unbounded()));
    });
    check(
        &topology,
        &[
            (("k1", "v", 0), &[]),
            (("k1", "v", 1), &[]),
            (("k1", "v", 2), &[]),
            (("k1", "v", 5), &[("k1@0/2", 2, 1), ("k1@2/4", 1, 2)]),
            (("k1", "v", 0), &[]),
        ],
    );
}

/// What was sent is subtracted again, and not what was only held back. Kafka Streams forgets that, and counts a value
/// that it has never counted.
#[test]
fn groups_of_suppressed_rows_stay_right() {
    let topology = topology(|b| {
        let rows = b.table(A).suppress(Suppress::until_time_limit(ms(10)).unbounded());
        rows.group_by(|_, value| ("all".to_owned(), value))
            .aggregate(
                String::new,
                |all, value| *all += &format!("+{value}"),
                |all, value| *all += &format!("-{value}"),
            )
            .to_stream()
            .filter_some()
            .to(TEXTS);
    });
    for (way, mut driver) in ways(&topology) {
        for (key, value, time) in [
            ("a", "v1", 0),
            ("b", "w", 20),
            ("a", "v2", 21),
            ("a", "v3", 22),
            ("a", "v4", 23),
            ("b", "w", 40),
            ("c", "x", 60),
        ] {
            driver.pipe_at(&A, key, value, Timestamp(time));
        }
        let last = driver.read(&TEXTS).pop().map(|(_, text)| text);
        assert_eq!(last.as_deref(), Some("+v1+w-v1+v4"), "{way}");
    }
}

/// Both what is sent and what was there before decide whether a filter lets something through.
#[test]
fn filters_of_suppressed_rows_know_what_was_sent() {
    let topology = topology(|b| {
        let rows = b.table(A).suppress(Suppress::until_time_limit(ms(10)).unbounded());
        rows.filter(|_, value| value.starts_with('v')).to_stream().to(DELETABLE);
    });
    for (way, mut driver) in ways(&topology) {
        for (key, value, time) in [("a", "x1", 0), ("b", "v1", 20), ("a", "v2", 21), ("a", "x2", 22), ("b", "x3", 40)] {
            driver.pipe_at(&A, key, value, Timestamp(time));
        }
        // `a` was `x1` and becomes `x2`, whatever came in between: it is in the result neither before nor after.
        assert_eq!(driver.read(&DELETABLE).len(), 0, "{way}");
    }
}

#[test]
fn a_join_finds_what_was_sent() {
    let topology = topology(|b| {
        let names = b.table(B).suppress(Suppress::until_time_limit(ms(10)).unbounded());
        let named = names.map_values(|name| name.to_uppercase());
        b.stream(A).left_join(named, |value, name| format!("{value} {}", name.unwrap_or("-".to_owned()))).to(TEXTS);
    });
    for (way, mut driver) in ways(&topology) {
        let texts: Vec<_> = [
            (true, "k", "one", 0),
            (false, "k", "a", 0),
            (true, "tick", "", 10),
            (false, "k", "b", 10),
            (true, "k", "two", 11),
            (false, "k", "c", 11),
            (true, "tick", "", 21),
            (false, "k", "d", 21),
        ]
        .into_iter()
        .flat_map(|(is_name, key, value, time)| {
            let topic = if is_name { B } else { A };
            driver.pipe_at(&topic, key, value, Timestamp(time));
            driver.read(&TEXTS)
        })
        .map(|(_, text)| text)
        .collect();
        assert_eq!(texts, ["a -", "b ONE", "c ONE", "d TWO"], "{way}");
    }
}

/// Whichever side is suppressed, the other finds what was sent and looks through to the parent otherwise.
#[test]
fn a_table_join_finds_what_was_sent() {
    let show = |left: Option<String>, right: Option<String>| {
        format!("({},{})", left.unwrap_or("-".to_owned()), right.unwrap_or("-".to_owned()))
    };
    /// Where a record goes, the record, and what is to come out.
    type Step = (Topic<String, String>, Line<&'static str>, Vec<Line<String>>);
    let waits = Suppress::until_time_limit(ms(10)).unbounded();
    for suppressed_left in [false, true] {
        let topology = topology(|b| {
            let (sent, other) = (b.table(A).suppress(waits), b.table(B));
            let joined = if suppressed_left { sent.outer_join(other, show) } else { other.outer_join(sent, show) };
            joined.to_stream().to(DELETABLE);
        });
        for (way, mut driver) in ways(&topology) {
            let joined = |sent: &str, other: &str| {
                if suppressed_left { format!("({sent},{other})") } else { format!("({other},{sent})") }
            };
            let steps: [Step; 9] = [
                (A, ("B", "1", 0), vec![]),
                (A, ("A", "1", 0), vec![]),
                (A, ("tick", "tick", 10), vec![("A", joined("1", "-"), 0), ("B", joined("1", "-"), 0)]),
                (A, ("A", "2", 11), vec![]),
                (B, ("A", "a", 12), vec![("A", joined("1", "a"), 12)]),
                (B, ("B", "b", 12), vec![("B", joined("1", "b"), 12)]),
                (B, ("A", "b", 13), vec![("A", joined("1", "b"), 13)]),
                (A, ("tick", "tick1", 21), vec![("tick", joined("tick1", "-"), 21), ("A", joined("2", "b"), 13)]),
                (B, ("tick", "t", 22), vec![("tick", joined("tick1", "t"), 22)]),
            ];
            for (number, (topic, (key, value, time), expected)) in steps.into_iter().enumerate() {
                driver.pipe_at(&topic, key, value, Timestamp(time));
                let records = driver.read_records(&DELETABLE).into_iter();
                let seen: Vec<_> = records.map(|record| (record.key, record.value, record.timestamp.0)).collect();
                let expected: Vec<_> =
                    expected.into_iter().map(|(key, value, time)| (key.to_owned(), Some(value), time)).collect();
                assert_eq!(seen, expected, "{way}, suppressed left: {suppressed_left}, after record {number}");
            }
        }
    }
}

#[test]
fn a_full_buffer_that_must_not_send_early_ends_the_application() {
    let topology = topology(|b| {
        let few = Suppress::until_time_limit(ms(10)).max_records(1).shut_down_when_full();
        b.table(A).not_cached().suppress(few).named("few").to_stream().to(DELETABLE);
    });
    for (way, mut driver) in ways(&topology) {
        driver.pipe_at(&A, "a", "1", Timestamp(0));
        let error = driver.error_after(&A, &Record::new("b".to_owned(), "2".to_owned(), Timestamp(1)));
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("few holds back 2 records, and may hold 1: "), "{way}: {text}");
    }
}

/// Deletions and restarts of the wall clock's time: what has waited goes on waiting.
#[test]
fn on_the_wall_clock_what_waits_is_sent_without_another_record() {
    let topology = topology(|b| {
        b.table(A).suppress(Suppress::at_most_every(ms(1_000)).unbounded()).to_stream().to(DELETABLE);
    });
    for (way, mut driver) in ways(&topology) {
        let after = |driver: &mut TestDriver, millis: u64| {
            driver.advance_wall_clock(ms(millis));
            driver
                .read_records(&DELETABLE)
                .into_iter()
                .map(|record| (record.key, record.value, record.timestamp.0))
                .collect::<Vec<_>>()
        };
        let sent = |key: &str, value: &str, time| (key.to_owned(), Some(value.to_owned()), time);
        driver.pipe_at(&A, "a", "1", Timestamp(5));
        assert_eq!(after(&mut driver, 600), [], "{way}");
        driver.pipe_at(&A, "a", "2", Timestamp(3));
        driver.pipe_at(&A, "b", "3", Timestamp(900_000));
        assert_eq!(after(&mut driver, 399), [], "{way}");
        assert_eq!(after(&mut driver, 1), [sent("a", "2", 3)], "{way}");
        // The restart takes a minute.
        driver.kill();
        driver.restart();
        assert_eq!(after(&mut driver, 1_000), [sent("b", "3", 900_000)], "{way}");
        assert_eq!(after(&mut driver, 10_000), [], "{way}");
    }
}

/// One record of a run.
#[derive(Debug, Clone)]
enum Event {
    /// Key, timestamp.
    Record(u8, i64),
    Commit,
    Crash,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        10 => (0_u8..6, 0_i64..30).prop_map(|(key, step)| Event::Record(key, step)),
        1 => Just(Event::Commit),
        1 => Just(Event::Crash),
    ];
    prop::collection::vec(event, 1..60)
}

/// The timestamp of the record at a place: time passes, and some records are late.
fn time_at(place: usize, step: i64) -> i64 {
    i64::try_from(place).unwrap() * 7 + step
}

fn run(
    topology: &Topology,
    events: &[Event],
    change: impl Fn(App) -> App + 'static,
    state: Option<KeptState>,
) -> TestDriver {
    let setup = TestDriver::configure(topology.clone()).partitions(3).commit_by_hand().with(change);
    let setup = if let Some(state) = state { setup.state_in(state) } else { setup };
    let mut driver = setup.start();
    for (place, event) in events.iter().enumerate() {
        match event {
            Event::Record(key, step) => {
                driver.pipe_at(&A, format!("k{key}"), format!("v{place}"), Timestamp(time_at(place, *step)))
            }
            Event::Commit => driver.commit(),
            Event::Crash => {
                driver.kill();
                driver.restart();
            }
        }
    }
    // Close all windows: a record for each partition.
    for number in 0..20 {
        driver.pipe_at(&A, format!("end{number}"), "", Timestamp(1_000_000));
    }
    driver.commit();
    driver
}

/// What a plain program over the same records says: the number of records per key and window, with those left out that
/// came after their window was closed, by partition.
fn expected_counts(events: &[Event], size: i64, grace: i64) -> BTreeMap<String, i64> {
    let (mut times, mut counts) = (BTreeMap::<i32, i64>::new(), BTreeMap::new());
    for (place, event) in events.iter().enumerate() {
        let Event::Record(key, step) = event else { continue };
        let (key, time) = (format!("k{key}"), time_at(place, *step));
        let partition = streams_core::wire::murmur2::partition_of(key.as_bytes(), 3).0;
        let stream_time = times.entry(partition).or_insert(-1);
        *stream_time = time.max(*stream_time);
        let start = time / size * size;
        if start + size > *stream_time - grace {
            *counts.entry(format!("{key}@{start}/{}", start + size)).or_insert(0) += 1;
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the caches hold and whenever the application crashes or commits, each window is sent once, with the count
    /// that it has in the end. After a crash, at-least-once may count records twice and send a window again.
    #[test]
    fn final_results_are_sent_once(
        events in events(),
        size in 1_i64..40,
        grace in 0_i64..40,
        exactly_once in any::<bool>(),
        cache in 0_usize..3,
        keeps_state in any::<bool>(),
    ) {
        let topology = topology(|b| {
            let windows = Tumbling::of(ms(size.unsigned_abs())).grace(ms(grace.unsigned_abs()));
            windows_to_counts(b.stream(A).group_by_key().windowed_by(windows).count().suppress(Suppress::until_window_closes().unbounded()));
        });
        let bytes = [0, 400, 1 << 20][cache];
        let change = move |app: App| {
            let app = app.cache_bytes(bytes);
            if exactly_once { app.exactly_once() } else { app }
        };
        let mut driver = run(&topology, &events, change, keeps_state.then(KeptState::default));
        let (mut counts, expected) = (BTreeMap::new(), expected_counts(&events, size, grace));
        for (window, count) in driver.read(&COUNTS) {
            let before = counts.insert(window.clone(), count);
            prop_assert!(before.is_none() || !exactly_once, "{} was {:?} and is {}", window, before, count);
        }
        if exactly_once {
            prop_assert_eq!(counts, expected);
        } else {
            for (window, count) in expected {
                prop_assert!(counts.get(&window) >= Some(&count), "{}", window);
            }
        }
    }

    /// The last change of each key arrives in the end, and what a change says of the row before it is what was sent.
    #[test]
    fn nothing_that_waits_is_lost(
        events in events(),
        limit in 0_u64..60,
        room in 0_usize..5,
        exactly_once in any::<bool>(),
        cache in 0_usize..3,
        keeps_state in any::<bool>(),
    ) {
        let topology = topology(|b| {
            let suppress = Suppress::until_time_limit(ms(limit)).max_records(room).emit_early_when_full();
            let rows = b.table(A).suppress(suppress);
            rows.to_stream().filter_some().to(TEXTS);
            // Adds and subtracts, so that it is right only if each change says what was there before.
            rows.group_by(|key, value| (key.clone(), value)).aggregate(String::new, |all, value| *all += &value, |all, value| {
                *all = all.replacen(&value, "", 1);
            }).stored_as(KeyValueStore::new("rows"));
        });
        let bytes = [0, 400, 1 << 20][cache];
        let change = move |app: App| {
            let app = app.cache_bytes(bytes);
            if exactly_once { app.exactly_once() } else { app }
        };
        let mut driver = run(&topology, &events, change, keeps_state.then(KeptState::default));
        let mut last = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            if let Event::Record(key, _) = event {
                last.insert(format!("k{key}"), format!("v{place}"));
            }
        }
        let sent: BTreeMap<_, _> = driver.read(&TEXTS).into_iter().collect();
        for (key, value) in &last {
            prop_assert_eq!(sent.get(key), Some(value));
            if exactly_once {
                prop_assert_eq!(driver.get(&KeyValueStore::<String, String>::new("rows"), key.as_str()), Some(value.clone()));
            }
        }
    }
}

/// The error of a program, without the places in it.
fn refused(write: impl FnOnce(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    write(&builder);
    builder.build().unwrap_err().to_string()
}

#[test]
fn suppressions_that_make_no_sense_are_refused() {
    const OTHERS: Topic<Windowed<String>, i64> = Topic::new("others").windows_of(Duration::from_millis(10));
    let closes = Suppress::until_window_closes().unbounded();
    let error = refused(|b| windows_to_counts(b.table(OTHERS).suppress(closes)));
    assert!(
        error.contains("windows of `KTABLE-SUPPRESS`") && error.contains("come from `KTABLE-SOURCE-0000000002`"),
        "{error}"
    );
    let waits = Suppress::until_time_limit(ms(10)).unbounded();
    let error = refused(|b| _ = b.table(A).suppress(waits).stored_as(KeyValueStore::new("waiting")));
    assert!(error.contains("`.stored_as(..)`") && error.contains("`.named(..)` also names that"), "{error}");
    let error = refused(|b| _ = b.table(A).suppress(waits).not_cached().to_stream());
    assert!(error.contains("`.not_cached()`") && error.contains("has no cache"), "{error}");
    let error = refused(|b| {
        let counts = b.stream(A).group_by_key().windowed_by(tumbling(10, 0)).count();
        windows_to_counts(counts.suppress(closes).retention(ms(100)));
    });
    assert!(error.contains("`.retention(..)`"), "{error}");
}

#[test]
fn a_buffer_has_a_changelog_with_settings_or_none() {
    let settings = |write: fn(KTable<'_, String, String>) -> KTable<'_, String, String>| {
        let topology = topology(|b| {
            write(b.table(A).suppress(Suppress::until_time_limit(ms(10)).unbounded()).named("waiting"))
                .to_stream()
                .to(DELETABLE);
        });
        let store = topology.graph().stores.iter().find(|store| &*store.name == "waiting-store").unwrap().clone();
        (store.changelog.map(|topic| topic.short_name().to_owned()), store.topic_configs)
    };
    let changelog = Some("waiting-store-changelog".to_owned());
    assert_eq!(settings(|table| table), (changelog.clone(), vec![]));
    let config = ("segment.bytes".to_owned(), "1048576".to_owned());
    assert_eq!(settings(|table| table.changelog_config("segment.bytes", "1048576")), (changelog, vec![config]));
    assert_eq!(settings(|table| table.not_logged()), (None, vec![]));
}
