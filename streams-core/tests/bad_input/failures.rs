//! Records with which something fails: left out, dead letters, tried again, or the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use streams_core::dead_letters::Replay;
use streams_core::dsl::Suppress;
use streams_core::log::Embedded;
use streams_core::record::{Headers, Record, Timestamp};
use streams_core::runtime::{
    App, AppError, DropReason, ErrorSettings, Guarantee, OnError, OnFuture, Settings, Stage, Uncaught,
};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{Tumbling, Windowed};

use crate::world::{committed, create_topic_with, delete_topic, error_of, message_of, topology};

const PRICES: Topic<String, String> = Topic::new("prices");
const CENTS: Topic<String, i64> = Topic::new("cents");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const DEAD: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("dead");

const GUARANTEES: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

/// Counts what it gets, and then parses it: what cannot be parsed is counted before it fails.
fn counted_and_parsed() -> Topology {
    topology(|builder| {
        let prices = builder.stream(PRICES);
        prices.group_by_key().count().to_stream().to(COUNTS);
        prices.try_map_values(|price| price.parse::<i64>()).named("parse").to(CENTS);
    })
}

/// Only parses.
fn parsed() -> Topology {
    topology(|builder| _ = builder.stream(PRICES).try_map_values(|price| price.parse::<i64>()).named("parse").to(CENTS))
}

/// A hundred prices of ten pens in two partitions, every seventh of which is none.
fn prices() -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic("prices", 2).unwrap();
    for number in 0..100 {
        log.send_at(&PRICES, format!("pen-{}", number % 10), price(number), Timestamp(1_000 + number)).unwrap();
    }
    log
}

fn price(number: i64) -> String {
    if number % 7 == 0 { format!("cheap-{number}") } else { number.to_string() }
}

fn settings(guarantee: Guarantee, errors: ErrorSettings) -> Settings {
    Settings { guarantee: Some(guarantee), errors, workers: 2, ..Settings::default() }
}

fn processing(answer: OnError) -> ErrorSettings {
    ErrorSettings { processing: answer, dead_letter_topic: Some("dead".to_owned()), ..ErrorSettings::default() }
}

fn good() -> Vec<i64> {
    (0..100).filter(|number| number % 7 != 0).collect()
}

fn cents(log: &Embedded) -> Vec<i64> {
    let mut cents: Vec<_> = log.read(&CENTS).unwrap().into_iter().map(|record| record.value).collect();
    cents.sort_unstable();
    cents
}

/// The last count of each pen, together.
fn counted(log: &Embedded) -> i64 {
    let last: BTreeMap<_, _> =
        log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect();
    last.values().sum()
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8(bytes.unwrap_or(b"null").to_vec()).unwrap()
}

#[test]
fn a_record_that_the_application_refuses_is_left_out_and_all_others_are_processed_once() {
    for guarantee in GUARANTEES {
        for answer in [OnError::Skip, OnError::DeadLetter] {
            for (topology, counts) in [(parsed(), false), (counted_and_parsed(), true)] {
                let log = prices();
                let app = App::new("pens", topology).settings(settings(guarantee, processing(answer)));
                let summary = app.run_until_idle(log.clone()).unwrap();
                assert_eq!(cents(&log), good(), "{guarantee:?} {answer:?}");
                assert_eq!(summary.dropped, BTreeMap::from([("failed", 15)]), "{guarantee:?} {answer:?}");
                let dead = log.read(&DEAD).unwrap();
                assert_eq!(dead.len(), if answer == OnError::DeadLetter { 15 } else { 0 });
                if counts {
                    // At least once, what a record has done before it fails stays done.
                    let expected = if guarantee == Guarantee::ExactlyOnce { 85 } else { 100 };
                    assert_eq!(counted(&log), expected, "{guarantee:?} {answer:?}");
                }
            }
        }
    }
}

/// KIP-1034.
#[test]
fn a_dead_letter_is_the_record_as_it_was_with_headers_that_say_why() {
    for guarantee in GUARANTEES {
        for topology in [parsed(), counted_and_parsed()] {
            let setup = TestDriver::configure(topology);
            let mut driver =
                setup.with(move |app| app.settings(settings(guarantee, processing(OnError::DeadLetter)))).start();
            for (key, value, timestamp) in [("a", "1", 5), ("b", "cheap", 7), ("c", "3", 9)] {
                let (key, value, timestamp) = (key.to_owned(), value.to_owned(), Timestamp(timestamp));
                let mut headers = Headers::new();
                headers.push("trace", "x");
                headers.push("trace", "y");
                driver.pipe_record(&PRICES, Record { key, value, timestamp, headers });
            }
            let [dead] = &driver.read_records(&DEAD)[..] else { panic!("one dead letter") };
            assert_eq!((dead.key.as_deref(), dead.value.as_deref()), (Some(&b"b"[..]), Some(&b"cheap"[..])));
            assert_eq!(dead.timestamp, Timestamp(7));
            let told: Vec<_> =
                dead.headers.iter().map(|header| (header.name.clone(), text(header.value.as_deref()))).collect();
            let expected = [
                ("trace", "x"),
                ("trace", "y"),
                ("__streams.errors.exception", "millstream::OperatorError::Refused"),
                (
                    "__streams.errors.message",
                    "parse: the application refuses the record: invalid digit found in string",
                ),
                ("__streams.errors.stacktrace", "task 0_0\n\tat parse\n"),
                ("__streams.errors.topic", "prices"),
                ("__streams.errors.partition", "0"),
                ("__streams.errors.offset", "1"),
                ("millstream.errors.node", "parse"),
                ("millstream.errors.reason", "failed"),
            ];
            assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "{guarantee:?}");
        }
    }
}

#[test]
fn a_panic_is_undone_and_its_record_left_out() {
    for guarantee in GUARANTEES {
        let topology = topology(|builder| {
            let prices = builder.stream(PRICES);
            prices.group_by_key().count().to_stream().to(COUNTS);
            prices.map_values(|price| price.parse::<i64>().unwrap()).named("parse").to(CENTS);
        });
        let log = prices();
        let app = App::new("pens", topology).settings(settings(guarantee, processing(OnError::DeadLetter)));
        app.run_until_idle(log.clone()).unwrap();
        let dead = log.read(&DEAD).unwrap();
        let values: BTreeSet<_> = dead.iter().map(|record| text(record.value.as_deref())).collect();
        assert_eq!(values, (0..100).filter(|number| number % 7 == 0).map(price).collect(), "{guarantee:?}");
        let message = text(dead[0].headers.get("__streams.errors.message"));
        assert!(message.starts_with("parse: the application's code panicked: "), "{message}");
        if guarantee == Guarantee::ExactlyOnce {
            assert_eq!((cents(&log), counted(&log), dead.len()), (good(), 85, 15));
        } else {
            assert_eq!(cents(&log).into_iter().collect::<BTreeSet<_>>(), good().into_iter().collect());
        }
    }
}

/// Regression: under at-least-once, the task in front of a repartition topic was undone together with the one behind it, and
/// sent the record that had failed again, which then failed again, without end.
#[test]
fn a_panic_does_not_undo_what_is_in_front_of_a_repartition_topic() {
    let panics = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&panics);
    let topology = topology(|builder| {
        let by_pen = builder.stream(PRICES).select_key(|pen, _| format!("the {pen}")).repartition().named("by-pen");
        let parse = move |price: String| match price.parse::<i64>() {
            Ok(cents) => cents,
            // Without end is too long for a test.
            Err(_) if counting.fetch_add(1, Ordering::SeqCst) > 1_000 => -1,
            Err(error) => panic!("{error}"),
        };
        by_pen.map_values(parse).to(CENTS);
    });
    let log = prices();
    // One worker has all tasks.
    let settings = Settings { workers: 1, ..settings(Guarantee::AtLeastOnce, processing(OnError::DeadLetter)) };
    App::new("pens", topology).settings(settings).run_until_idle(log.clone()).unwrap();
    const SPREAD: Topic<String, String> = Topic::new("pens-by-pen-repartition");
    let (spread, dead) = (log.read(&SPREAD).unwrap_or_default().len(), log.read(&DEAD).unwrap().len());
    assert_eq!((panics.load(Ordering::SeqCst), dead), (15, 15), "{spread} records were sent");
    assert_eq!(cents(&log).into_iter().collect::<BTreeSet<_>>(), good().into_iter().collect());
}

#[test]
fn a_record_is_tried_again_before_the_setting_has_the_last_word_and_nothing_overtakes_it() {
    for guarantee in GUARANTEES {
        for after_tries in [2, 9] {
            let (log, tries) = (Embedded::in_memory(), Arc::new(AtomicU32::new(0)));
            for number in 0..20 {
                log.send(&PRICES, "pen", number.to_string()).unwrap();
            }
            let counting = Arc::clone(&tries);
            let topology = topology(|builder| {
                let prices = builder.stream(PRICES);
                prices.group_by_key().count().to_stream().to(COUNTS);
                let parsed = prices.try_map_values(move |price| {
                    let fails = price == "7" && counting.fetch_add(1, Ordering::SeqCst) < after_tries;
                    if fails { Err("the service is away".to_owned()) } else { Ok(price.parse::<i64>().unwrap()) }
                });
                parsed.to(CENTS);
            });
            let backoff = Duration::from_millis(2);
            let errors = ErrorSettings { retries: 3, retry_backoff: backoff, ..processing(OnError::Skip) };
            let app = App::new("pens", topology).settings(settings(guarantee, errors));
            app.run_until_idle(log.clone()).unwrap();
            let values: Vec<_> = log.read(&CENTS).unwrap().into_iter().map(|record| record.value).collect();
            let comes_through = |number: &i64| after_tries < 4 || *number != 7;
            assert_eq!(values, (0..20).filter(comes_through).collect::<Vec<_>>(), "{guarantee:?} {after_tries}");
            assert_eq!(
                tries.load(Ordering::SeqCst),
                if after_tries < 4 { 3 } else { 4 },
                "{guarantee:?} {after_tries}"
            );
        }
    }
}

#[test]
fn a_handler_sees_the_record_and_decides() {
    for guarantee in GUARANTEES {
        let log = prices();
        let app = App::new("pens", counted_and_parsed()).settings(settings(guarantee, processing(OnError::Fail)));
        let app = app.handle_errors(|failed| {
            assert_eq!((failed.stage(), failed.node(), failed.topic()), (Stage::Processing, Some("parse"), "prices"));
            assert_eq!((failed.attempts(), failed.answer()), (0, OnError::Fail));
            assert!(failed.error().to_string().contains("invalid digit"));
            let number: i64 = text(failed.value()).trim_start_matches("cheap-").parse().unwrap();
            assert_eq!(text(failed.key()), format!("pen-{}", number % 10));
            assert_eq!(failed.timestamp(), Some(Timestamp(1_000 + number)));
            if number % 2 == 0 { OnError::Skip } else { OnError::DeadLetter }
        });
        app.run_until_idle(log.clone()).unwrap();
        assert_eq!(cents(&log), good());
        let dead: BTreeSet<_> = log.read(&DEAD).unwrap().iter().map(|record| text(record.value.as_deref())).collect();
        assert_eq!(dead, (0..100).filter(|number| number % 14 == 7).map(price).collect());
    }
}

#[test]
fn a_handler_that_panics_is_a_failure_of_the_application() {
    let log = prices();
    let app = App::new("pens", parsed()).handle_errors(|_| panic!("no idea"));
    assert!(message_of(app, &log).contains("panicked: no idea"));
}

/// Neither the record that closes a window nor any other is to blame for the window's result.
#[test]
fn what_is_not_made_of_one_record_is_left_out_by_itself() {
    const PER_SECOND: Topic<Windowed<String>, i64> = Topic::new("per-second").windows_of(Duration::from_secs(1));
    for guarantee in GUARANTEES {
        for panics in [false, true] {
            let topology = topology(|builder| {
                let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
                let counts = builder.stream(PRICES).group_by_key().windowed_by(windows).count();
                let closed = counts.suppress(Suppress::until_window_closes().unbounded()).to_stream();
                let checked = closed.try_map_values(move |count| match count {
                    Some(2) if panics => panic!("two"),
                    Some(2) => Err("two"),
                    count => Ok(count),
                });
                checked.named("check").filter_some().to(PER_SECOND);
            });
            let log = Embedded::in_memory();
            for (second, count) in [(0, 1), (1, 2), (2, 3), (3, 1)] {
                for _ in 0..count {
                    log.send_at(&PRICES, "pen", "1", Timestamp(second * 1_000)).unwrap();
                }
            }
            let app = App::new("pens", topology).settings(settings(guarantee, processing(OnError::DeadLetter)));
            if panics {
                let message = message_of(app, &log);
                assert!(
                    message.starts_with("task 0_0 failed: check: the application's code panicked: two"),
                    "{message}"
                );
                continue;
            }
            app.run_until_idle(log.clone()).unwrap();
            let counts: Vec<_> = log.read(&PER_SECOND).unwrap().into_iter().map(|record| record.value).collect();
            assert_eq!(counts, [1, 3], "{guarantee:?}");
            assert_eq!(committed(&log, "pens", "prices"), Some(7));
            let [dead] = &log.read(&DEAD).unwrap()[..] else { panic!("one dead letter") };
            assert_eq!((&dead.key, &dead.value), (&None, &None));
            assert_eq!(text(dead.headers.get("millstream.errors.node")), "check");
            assert_eq!(text(dead.headers.get("__streams.errors.topic")), "", "no record is to blame");
            assert_eq!(Replay::of("dead").run(log.clone()).unwrap().to_string(), "0 records put back, 1 left");
        }
    }
}

/// With the cache on, results come when the task commits.
#[test]
fn a_cached_row_that_fails_is_left_out_and_those_behind_it_are_not() {
    for guarantee in GUARANTEES {
        let topology = topology(|builder| {
            let counts = builder.stream(PRICES).group_by_key().count().to_stream();
            counts
                .try_map_values(|count| if count == Some(3) { Err("three") } else { Ok(count) })
                .filter_some()
                .to(COUNTS);
        });
        let log = Embedded::in_memory();
        for (pen, count) in [("a", 1), ("b", 3), ("c", 4), ("d", 3), ("e", 2)] {
            for _ in 0..count {
                log.send(&PRICES, pen, "1").unwrap();
            }
        }
        let interval = Some(Duration::from_secs(5));
        let settings = Settings { commit_interval: interval, ..settings(guarantee, processing(OnError::Skip)) };
        let summary = App::new("pens", topology).settings(settings).run_until_idle(log.clone()).unwrap();
        let counts: BTreeMap<_, _> =
            log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect();
        let expected = [("a", 1), ("c", 4), ("e", 2)].map(|(pen, count)| (pen.to_owned(), count));
        assert_eq!(counts, BTreeMap::from(expected), "{guarantee:?}");
        assert_eq!(summary.dropped.values().sum::<u64>(), 2);
    }
}

#[test]
fn a_record_that_its_topic_does_not_accept_is_left_out() {
    for guarantee in GUARANTEES {
        for cached in [false, true] {
            let topology = topology(|builder| {
                let prices = builder.stream(PRICES);
                if cached {
                    prices.group_by_key().reduce(|_, new| new).to_stream().to(Topic::<String, String>::new("copies"));
                } else {
                    prices.to(Topic::<String, String>::new("copies"));
                }
            });
            let log = Embedded::in_memory();
            create_topic_with(&log, "copies", 1, &[("max.message.bytes", "300")]);
            for (pen, length) in [("a", 10), ("b", 1_000), ("c", 20)] {
                log.send(&PRICES, pen, "x".repeat(length)).unwrap();
            }
            let dead_letter_topic = Some("dead".to_owned());
            let errors =
                ErrorSettings { production: OnError::DeadLetter, dead_letter_topic, ..ErrorSettings::default() };
            let summary =
                App::new("pens", topology).settings(settings(guarantee, errors)).run_until_idle(log.clone()).unwrap();
            let copies = log.read(&Topic::<String, String>::new("copies")).unwrap();
            let lengths: Vec<_> = copies.into_iter().map(|record| record.value.len()).collect();
            assert_eq!(lengths, [10, 20], "{guarantee:?} cached: {cached}");
            assert_eq!(summary.dropped, BTreeMap::from([("unwritable", 1)]));
            let [dead] = &log.read(&DEAD).unwrap()[..] else { panic!("one dead letter") };
            assert_eq!((text(dead.key.as_deref()).as_str(), text(dead.value.as_deref()).len()), ("b", 1_000));
            let topic = if cached { "copies" } else { "prices" };
            assert_eq!(text(dead.headers.get("__streams.errors.topic")), topic, "where it came from, or was to go");
        }
    }
}

/// KIP-1328.
#[test]
fn records_that_operators_drop_become_dead_letters_if_that_is_wished() {
    let topology = topology(|builder| {
        let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
        let prices = builder.stream(PRICES);
        prices.to(Topic::<String, String>::new("copies"));
        prices.group_by_key().windowed_by(windows).count().to_stream().for_each(|_, _| {});
    });
    let log = Embedded::in_memory();
    for (value, timestamp) in [("1", 500), ("2", 2_500), ("3", 700), ("4", 2_600)] {
        log.send_at(&PRICES, "pen", value, Timestamp(timestamp)).unwrap();
    }
    let dead_letter_drops = BTreeSet::from([DropReason::Late]);
    let errors = ErrorSettings { dead_letter_drops, ..processing(OnError::Fail) };
    App::new("pens", topology).settings(settings(Guarantee::ExactlyOnce, errors)).run_until_idle(log.clone()).unwrap();
    let [dead] = &log.read(&DEAD).unwrap()[..] else { panic!("one dead letter") };
    assert_eq!((text(dead.value.as_deref()), dead.timestamp), ("3".to_owned(), Timestamp(700)));
    assert_eq!(text(dead.headers.get("millstream.errors.reason")), "late");
    assert_eq!(text(dead.headers.get("__streams.errors.offset")), "2");
    let copies = log.read(&Topic::<String, String>::new("copies")).unwrap();
    assert_eq!(copies.len(), 4, "the rest of the topology has it");
}

#[test]
fn a_record_of_the_far_future_does_not_close_every_window() {
    const DAY: i64 = 86_400_000;
    let windowed = || {
        topology(|builder| {
            let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
            let counts = builder.stream(PRICES).group_by_key().windowed_by(windows).count().to_stream();
            counts.map(|window, count| (window.key, count)).to(COUNTS);
        })
    };
    for (future, counts, dead, dropped) in
        [(OnFuture::Skip, 3, 0, 1), (OnFuture::Clamp, 4, 0, 0), (OnFuture::DeadLetter, 3, 1, 1)]
    {
        let future_max = Some(Duration::from_secs(3_600));
        let errors = ErrorSettings { future_max, future, ..processing(OnError::Fail) };
        let setup = TestDriver::configure(windowed()).start_at(Timestamp(100 * DAY));
        let mut driver =
            setup.with(move |app| app.settings(settings(Guarantee::ExactlyOnce, errors.clone())).workers(1)).start();
        // The third is of the year 2500 or so.
        for time in [100 * DAY - 1_000, 100 * DAY, 200_000 * DAY, 100 * DAY + 3_600_000] {
            driver.pipe_at(&PRICES, "pen", "1", Timestamp(time));
        }
        assert_eq!(driver.read(&COUNTS).len(), counts, "{future:?}");
        assert_eq!(driver.read(&DEAD).len(), dead, "{future:?}");
        let all: u64 = driver.tasks().into_values().map(|task| task.dropped_total()).sum();
        assert_eq!(all, dropped, "{future:?}");
    }
    let errors = ErrorSettings { future_max: Some(Duration::from_secs(60)), ..ErrorSettings::default() };
    let log = Embedded::in_memory();
    log.send_at(&PRICES, "pen", "1", Timestamp(200_000 * DAY)).unwrap();
    let message = message_of(App::new("pens", windowed()).settings(settings(Guarantee::ExactlyOnce, errors)), &log);
    for part in ["offset 0 of prices-0", "2517-", "ahead of the clock", "`timestamp.future.max.ms` allows 60s"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn dead_letters_without_a_topic_are_refused() {
    let errors = ErrorSettings { processing: OnError::DeadLetter, ..ErrorSettings::default() };
    let app = App::new("pens", parsed()).settings(settings(Guarantee::ExactlyOnce, errors));
    let error = error_of(app, &prices());
    let Some(AppError::Setting { setting, reason }) = error else { panic!("{error:?}") };
    assert_eq!(setting, "processing.exception.handler");
    assert!(reason.contains("`errors.dead.letter.queue.topic.name`"), "{reason}");
}

fn thirds(price: &str) -> i64 {
    i64::try_from(price.len()).unwrap() % 3
}

/// The partition that a dead letter says it came from.
fn partition_told(dead: &Record<Option<Vec<u8>>, Option<Vec<u8>>>) -> i64 {
    text(dead.headers.get("__streams.errors.partition")).parse().unwrap()
}

/// A poison pill does not go round.
#[test]
fn a_dead_letter_is_put_back_once_and_where_it_came_from() {
    let log = Embedded::in_memory();
    log.create_topic("prices", 3).unwrap();
    log.create_topic("dead", 2).unwrap();
    let unspread = Topic::<String, String>::new("unspread");
    for number in 0..30 {
        log.send_at(&unspread, format!("pen-{number}"), price(number), Timestamp(number)).unwrap();
    }
    // Not where their keys' hashes would have them.
    let spread = topology(|builder| {
        let prices = builder.stream(Topic::<String, String>::new("unspread")).to(PRICES);
        prices.partitioned_by(|_, price, _| thirds(price));
    });
    App::new("spread", spread).run_until_idle(log.clone()).unwrap();
    let run = |mended: bool| {
        let topology = topology(|builder| {
            let parsed = builder.stream(PRICES).try_map_values(move |price| {
                let is_mended = mended && price != "cheap-14";
                price.trim_start_matches(if is_mended { "cheap-" } else { "" }).parse::<i64>()
            });
            parsed.to(CENTS);
        });
        let app =
            App::new("pens", topology).settings(settings(Guarantee::ExactlyOnce, processing(OnError::DeadLetter)));
        app.run_until_idle(log.clone()).unwrap();
    };
    let replay = |at_most| Replay::of("dead").at_most(at_most).run(log.clone()).unwrap().to_string();
    run(false);
    assert_eq!(log.read(&DEAD).unwrap().len(), 5);
    assert_eq!(replay(1), "5 records put back, 0 left");
    assert_eq!(replay(1), "0 records put back, 0 left", "each once");
    run(true);
    assert_eq!(cents(&log), (0..30).filter(|number| *number != 14).collect::<Vec<_>>());
    assert_eq!(replay(1), "0 records put back, 1 left", "it has failed again");
    run(true);
    assert_eq!(log.read(&DEAD).unwrap().len(), 6);

    let back = log.read(&PRICES).unwrap();
    let back: Vec<_> =
        back.into_iter().filter(|record| record.headers.get("millstream.errors.replays").is_some()).collect();
    assert_eq!(back.len(), 5);
    for record in &back {
        let number = record.value.trim_start_matches("cheap-").parse().unwrap();
        assert_eq!((&record.key, record.timestamp), (&format!("pen-{number}"), Timestamp(number)));
        let names: Vec<_> = record.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["millstream.errors.replays"]);
    }
    let origins: Vec<_> = log.read(&DEAD).unwrap().iter().map(partition_told).collect();
    let partitions = back.iter().map(|record| thirds(&record.value));
    assert_eq!(partitions.collect::<BTreeSet<_>>(), origins.into_iter().collect(), "they came from there");
    let all = log.read(&PRICES).unwrap();
    let in_order: Vec<_> = all.iter().map(|record| thirds(&record.value)).collect();
    assert!(in_order.is_sorted(), "and lie there again: {in_order:?}");
}

/// What could not be written is written where it was to go; what does not say where it came from stays.
#[test]
fn dead_letters_that_are_not_made_of_one_record_are_put_where_they_were_to_go_or_stay() {
    let log = Embedded::in_memory();
    let copies = Topic::<String, String>::new("copies");
    create_topic_with(&log, "copies", 1, &[("max.message.bytes", "300")]);
    let topology = topology(|builder| {
        let last = builder.stream(PRICES).group_by_key().reduce(|_, new| new).to_stream();
        let checked = last.try_map_values(|value| match value {
            Some(value) if value.len() == 7 => Err("seven"),
            value => Ok(value),
        });
        checked.filter_some().to(Topic::<String, String>::new("copies"));
    });
    for (pen, length) in [("a", 10), ("b", 1_000), ("c", 7)] {
        log.send(&PRICES, pen, "x".repeat(length)).unwrap();
    }
    let errors = ErrorSettings { production: OnError::DeadLetter, ..processing(OnError::DeadLetter) };
    let app = App::new("pens", topology).settings(settings(Guarantee::ExactlyOnce, errors));
    app.run_until_idle(log.clone()).unwrap();
    assert_eq!(log.read(&DEAD).unwrap().len(), 2);
    let lengths = || log.read(&copies).unwrap().into_iter().map(|record| record.value.len()).collect::<Vec<_>>();
    assert_eq!(lengths(), [10]);
    delete_topic(&log, "copies");
    log.create_topic("copies", 1).unwrap();
    assert_eq!(Replay::of("dead").run(log.clone()).unwrap().to_string(), "1 record put back, 1 left");
    assert_eq!(lengths(), [1_000]);
}

/// What is no record's fault passes, or somebody mends it.
#[test]
fn a_worker_begins_again_if_the_application_wants_that() {
    for guarantee in GUARANTEES {
        let topology = topology(|builder| _ = builder.stream(PRICES).to(Topic::<String, String>::new("copies")));
        let setup = TestDriver::configure(topology);
        let failed = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&failed);
        let mut driver = setup
            .with(move |app| {
                let counting = Arc::clone(&counting);
                let settings = settings(guarantee, ErrorSettings { retries: 0, ..ErrorSettings::default() });
                app.settings(settings).workers(1).on_uncaught_error(move |error| {
                    assert!(error.to_string().contains("prices-0"), "{error}");
                    counting.fetch_add(1, Ordering::SeqCst);
                    Uncaught::RestartWorker
                })
            })
            .start();
        driver.pipe(&PRICES, "pen", "1");
        let bad =
            Record { key: "pen".to_owned(), value: "2".to_owned(), timestamp: Timestamp(-1), headers: Headers::new() };
        let error = driver.error_after(&PRICES, &bad);
        assert_eq!(error, None, "it is in its pause");
        assert_eq!(failed.load(Ordering::SeqCst), 1, "{guarantee:?}");
        driver.advance_wall_clock(Duration::from_secs(1));
        assert_eq!(failed.load(Ordering::SeqCst), 2, "{guarantee:?}");
        driver.advance_wall_clock(Duration::from_secs(1));
        assert_eq!(failed.load(Ordering::SeqCst), 2, "the pause is longer");
        assert_eq!(committed(driver.log(), "test", "prices"), Some(1));
    }
}
