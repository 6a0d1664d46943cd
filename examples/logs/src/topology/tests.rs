//! What becomes of lines, of alerts, and of the application when it is killed.

use std::collections::BTreeMap;

use millstream::config::{OnError, OnFuture};
use millstream::runtime::Settings;
use millstream::testing::TestDriver;

use super::signatures::{SIGNATURES_STORE, SignatureKey};
use super::*;

/// 2026-03-01T12:00:00Z, where the lines' times begin.
const NOON: i64 = 1_772_366_400_000;

/// As in production, an hour later.
fn driver(silence: Duration) -> TestDriver {
    let (attempts, timeout, notifier) = (3, Duration::from_secs(1), Notifier::Lines(|_| ()));
    let topology = logs(&Alerting { burst: 3, silence, attempts, timeout, notifier }).expect("a topology");
    let app = |app: App| {
        let mut settings = Settings::default();
        settings.errors.future_max = Some(AHEAD_MAX);
        settings.errors.future = OnFuture::DeadLetter;
        let app = app.settings(settings).exactly_once().dead_letters_to(DEAD_LETTERS.name());
        app.on_undecodable(OnError::DeadLetter).on_processing_error(OnError::DeadLetter)
    };
    TestDriver::configure(topology).partitions(3).start_at(Timestamp(NOON + 3_600_000)).with(app).start()
}

/// Sends a line of the second format, so many seconds after noon.
fn pipe(driver: &mut TestDriver, second: i64, rest: &str) {
    let time = chrono::DateTime::from_timestamp_millis(NOON + second * 1_000).expect("a time").to_rfc3339();
    driver.pipe(&LINES, (), format!("{time} {rest}"));
    settle(driver);
}

/// What is on its way from one part of the topology to the next is in a transaction of its own.
fn settle(driver: &mut TestDriver) {
    (0..4).for_each(|_| driver.commit());
}

/// The last count of each service and minute.
fn errors(driver: &mut TestDriver) -> BTreeMap<(String, i64), i64> {
    let counts = driver.read(&ERRORS_PER_MINUTE);
    counts.into_iter().map(|(window, count)| ((window.key, (window.window.start.0 - NOON) / 60_000), count)).collect()
}

fn alerts(driver: &mut TestDriver) -> Vec<String> {
    let mut alerts: Vec<_> = driver.read(&ALERTS);
    alerts.sort_by_key(|(service, alert)| (alert.at, service.clone()));
    let told = alerts.into_iter().map(|(service, Alert { kind, at, .. })| match kind {
        Kind::NewError { signature } => format!("{} {service}: {signature}", (at - NOON) / 1_000),
        Kind::Burst { errors } => format!("{} {service}: {errors} errors", (at - NOON) / 1_000),
    });
    told.collect()
}

fn notices(driver: &mut TestDriver) -> Vec<i64> {
    let mut notices: Vec<_> = driver.read(&NOTICES).into_iter().map(|(_, notice)| notice.alert.at - NOON).collect();
    notices.sort_unstable();
    notices.into_iter().map(|at| at / 1_000).collect()
}

#[test]
fn errors_are_counted_in_the_minute_in_which_they_were() {
    let mut driver = driver(MINUTE);
    for (second, line) in [
        (10, "ERROR cart no stock of 7"),
        (30, "INFO cart request 1 done"),
        (59, "FATAL cart out of memory"),
        (60, "ERROR cart no stock of 8"),
        (61, "ERROR mail no such mailbox"),
        // Out of order, and not too late.
        (20, "ERROR cart no stock of 9"),
        (700, "ERROR cart no stock of 10"),
        // Of a minute that is over since more than the grace.
        (30, "ERROR cart no stock of 11"),
    ] {
        pipe(&mut driver, second, line);
    }
    let of = |service: &str, minute| (service.to_owned(), minute);
    assert_eq!(
        errors(&mut driver),
        [(of("cart", 0), 3), (of("cart", 1), 1), (of("cart", 11), 1), (of("mail", 1), 1)].into()
    );
    let late: u64 = driver.tasks().values().filter_map(|task| task.dropped.get("late")).sum();
    // By the counts; the latencies have nothing of it.
    assert_eq!(late, 1);
    assert_eq!(driver.get(&ERRORS_TOTAL_STORE, "cart"), Some(6));
}

#[test]
fn what_is_no_line_is_a_dead_letter() {
    let mut driver = driver(MINUTE);
    let raw = Topic::<(), Option<Vec<u8>>>::named(LINES.name()).expect("a name");
    for (line, reason) in [
        (Some(b"segmentation fault".to_vec()), "a line is `TIME LEVEL service"),
        (Some(b"{\"time\":\"2026-03-01T12:00:00Z\"".to_vec()), "EOF while parsing"),
        (Some(b"2026-03-01T12:00:00Z ERROR cart \xff".to_vec()), "UTF-8"),
        (Some(b"2026-03-01T14:00:00Z ERROR cart the future".to_vec()), "timestamp.future.max.ms"),
        (Some(Vec::new()), "a line is `TIME LEVEL service"),
        (None, "null"),
    ] {
        driver.pipe(&raw, (), line.clone());
        settle(&mut driver);
        let letters = driver.read_records(&DEAD_LETTERS);
        let [letter] = letters.as_slice() else { panic!("{line:?}: {letters:?}") };
        assert_eq!(letter.value, line);
        let message = letter.headers.get("__streams.errors.message").unwrap_or_default();
        assert!(String::from_utf8_lossy(message).contains(reason), "{line:?}: {}", message.escape_ascii());
    }
    assert_eq!(errors(&mut driver), BTreeMap::new());
}

#[test]
fn percentiles_are_within_one_percent_of_the_exact_ones() {
    let mut driver = driver(MINUTE);
    let mut exact: Vec<f64> = (1..=150).map(|number| f64::from(number * number % 151).powi(2) / 7.0 + 0.1).collect();
    for (second, latency) in (0..).zip(&exact) {
        let time = chrono::DateTime::from_timestamp_millis(NOON + second * 300).expect("a time").to_rfc3339();
        driver.pipe(&LINES, (), format!("{time} INFO cart done latency_ms={latency}"));
    }
    settle(&mut driver);
    exact.sort_by(f64::total_cmp);
    let windows = driver.windows(&LATENCY_STORE);
    let [(service, start, sketch)] = windows.as_slice() else { panic!("{windows:?}") };
    assert_eq!((service.as_str(), start.0, sketch.count()), ("cart", NOON, 150));
    for part in [0.0, 0.5, 0.95, 0.99, 1.0] {
        let expected = exact[(part * 149.0) as usize];
        let found = sketch.quantile(part).expect("there are some");
        assert!((found - expected).abs() <= expected * 0.010_001, "{part}: {found}, not {expected}");
    }
}

#[test]
fn an_error_is_new_once_and_many_of_them_are_a_burst() {
    let mut driver = driver(MINUTE);
    for (second, line) in [
        (1, "ERROR cart no stock of 7"),
        (2, "ERROR cart no stock of 8"),
        (3, "ERROR mail no stock of 9"),
        (4, "ERROR cart user \"ada\" is unknown"),
        (5, "ERROR cart no stock of 10"),
        (70, "ERROR cart user \"bob\" is unknown"),
    ] {
        pipe(&mut driver, second, line);
    }
    let expected =
        ["1 cart: no stock of <n>", "3 mail: no stock of <n>", "4 cart: 3 errors", "4 cart: user <text> is unknown"];
    let mut found = alerts(&mut driver);
    found.sort();
    assert_eq!(found, expected);
    // The first of each service; nothing in the minute after it.
    assert_eq!(notices(&mut driver), [1, 3]);

    driver.kill();
    driver.restart();
    pipe(&mut driver, 80, "ERROR cart no stock of 11");
    pipe(&mut driver, 90, "ERROR mail queue 7 is full");
    assert_eq!(alerts(&mut driver), ["90 mail: queue <n> is full"]);
    assert_eq!(notices(&mut driver), [90]);
    let key = SignatureKey { service: "cart".to_owned(), signature: "no stock of <n>".to_owned() };
    let seen = driver.get(&SIGNATURES_STORE, key).expect("it was seen");
    assert_eq!((seen.count, seen.first, seen.example.as_str()), (4, NOON + 1_000, "no stock of 7"));
}

#[test]
fn silence_is_counted_from_the_alert_that_was_told() {
    let mut driver = driver(Duration::from_secs(100));
    for (second, error) in [(0, "a"), (60, "b"), (99, "c"), (100, "d"), (190, "e"), (201, "f")] {
        pipe(&mut driver, second, &format!("ERROR cart kind {error}"));
    }
    // The third one in a minute is a burst, too.
    assert_eq!(alerts(&mut driver).len(), 7);
    assert_eq!(notices(&mut driver), [0, 100, 201]);
}
