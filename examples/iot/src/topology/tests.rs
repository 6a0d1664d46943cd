//! Each question by itself, and all of them on the generator's readings beside the fold, with a crash.

use std::collections::BTreeMap;

use millstream::record::Timestamp;
use millstream::testing::TestDriver;
use millstream::wire::murmur2::partition_of;

use super::*;
use crate::fold::Fold;
use crate::generator::{Generator, MODELS};
use crate::place::configured;
use crate::readings::{Contact, Status, Summary};

/// The readings' topic as bytes.
const RAW: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("readings");

const PARTITIONS: u32 = 4;

fn start() -> TestDriver {
    let mut driver = TestDriver::configure(iot().expect("a topology")).partitions(PARTITIONS).with(configured).start();
    for (model, unit) in MODELS {
        driver.pipe(&UNITS, model, unit);
    }
    driver
}

/// A device has measured so many degrees, at that second.
fn measure(driver: &mut TestDriver, device: &str, degrees: f64, second: f64) {
    let reading = Reading { model: "celsius-1".to_owned(), value: degrees };
    driver.pipe_at(&READINGS, device, reading, Timestamp((second * 1_000.0) as i64));
}

/// The new final results: device, start in seconds, readings, and their sum in degrees.
fn finals(driver: &mut TestDriver, topic: &Topic<Windowed<String>, Summary>) -> Vec<(String, i64, i64, f64)> {
    let results = driver.read(topic).into_iter();
    results.map(|(key, sum)| (key.key, key.window.start.0 / 1_000, sum.readings, sum.sum as f64 / 1_000.0)).collect()
}

fn a(second: i64, readings: i64, sum: f64) -> (String, i64, i64, f64) {
    ("a".to_owned(), second, readings, sum)
}

#[test]
fn results_are_sent_once_when_nothing_can_change_them() {
    let mut driver = start();
    // Two readings of a second, out of order with one of the next; and one that comes just in time.
    for (degrees, second) in [(20.0, 100.9), (1.0, 101.0), (22.0, 100.1), (5.0, 130.999), (0.5, 100.5)] {
        measure(&mut driver, "a", degrees, second);
    }
    assert_eq!(finals(&mut driver, &SECONDS), []);
    measure(&mut driver, "a", 7.0, 131.0);
    assert_eq!(finals(&mut driver, &SECONDS), [a(100, 3, 42.5)]);
    // Too late, for this second only.
    measure(&mut driver, "a", 99.0, 100.9);
    measure(&mut driver, "a", 2.0, 101.5);
    measure(&mut driver, "a", 9.0, 132.0);
    assert_eq!(finals(&mut driver, &SECONDS), [a(101, 2, 3.0)]);
}

#[test]
fn minutes_are_made_of_seconds_and_hours_of_minutes() {
    let mut driver = start();
    for second in [0, 30, 59, 60, 3_599, 3_600, 3_660, 3_800] {
        measure(&mut driver, "a", 1.0, f64::from(second));
    }
    assert_eq!(finals(&mut driver, &SECONDS).len(), 7, "the last one may still change");
    assert_eq!(finals(&mut driver, &MINUTES), [a(0, 3, 3.0), a(60, 1, 1.0), a(3_540, 1, 1.0), a(3_600, 1, 1.0)]);
    assert_eq!(finals(&mut driver, &HOURS), [a(0, 5, 5.0)]);
    let tiles = iot().expect("a topology").tiles().len();
    assert_eq!(tiles, 7);
}

#[test]
fn units_are_fixed_by_a_table_that_may_change() {
    let mut driver = start();
    let mut second = 0;
    let mut measured = |driver: &mut TestDriver, model: &str, value: f64| {
        driver.pipe_at(&READINGS, "a", Reading { model: model.to_owned(), value }, Timestamp(second));
        second += 100_000;
    };
    for (model, value) in [("celsius-1", 21.5), ("fahrenheit-2", 70.7), ("decikelvin-3", 2_946.5)] {
        measured(&mut driver, model, value);
    }
    // A model that nobody knows is a dead letter, until somebody does.
    measured(&mut driver, "new", 43.0);
    assert_eq!(driver.read(&DEAD_LETTERS).len(), 1);
    driver.pipe(&UNITS, "new", Unit { add: 0.0, times: 0.5 });
    measured(&mut driver, "new", 43.0);
    measured(&mut driver, "celsius-1", 0.0);
    let sums: Vec<_> = finals(&mut driver, &SECONDS).into_iter().map(|(_, _, readings, sum)| (readings, sum)).collect();
    assert_eq!(sums, [(1, 21.5); 4]);
}

#[test]
fn readings_that_make_no_sense_are_dead_letters() {
    let mut driver = start();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let good = r#"{"model":"celsius-1","value":20}"#;
    for (key, value) in [
        (bytes("a"), bytes(r#"{"model":"celsius-1","value":1e9}"#)),
        (bytes("a"), bytes(r#"{"model":"celsius-1"}"#)),
        (bytes("a"), bytes("20")),
        (bytes("a"), None),
        (None, bytes(good)),
        (bytes("a"), bytes(r#"{"model":"?","value":20}"#)),
        (bytes("a"), bytes(good)),
    ] {
        driver.pipe(&RAW, key, value);
    }
    assert_eq!(driver.read(&DEAD_LETTERS).len(), 6);
    assert_eq!(driver.rows(&DEVICES_STORE).len(), 1, "the good one was heard");
}

#[test]
fn a_longer_grace_accepts_more_of_the_same_readings() {
    let mut driver = start();
    for second in [0, 60, 59, 90, 1, 180, 2] {
        measure(&mut driver, "a", 1.0, f64::from(second));
    }
    let minutes = driver.windows(&BY_GRACE_STORE);
    let first = minutes.iter().find(|(_, start, _)| start.0 == 0).map(|(_, _, counts)| counts).expect("a first minute");
    let accepted = |tried| first.accepted(tried);
    assert_eq!((GRACES.map(accepted), accepted(ALL)), ([1, 2, 3], 4));
    assert_eq!(GRACES.map(|tried| first.dropped(tried)), [3, 2, 1]);
}

/// The new records about devices: who is what, and for how many seconds it was silent.
fn told(driver: &mut TestDriver) -> Vec<String> {
    let text = |(name, status): (String, Option<Status>)| match status {
        Some(Status { is: Contact::Offline, silent_ms }) => format!("{name} offline {}", silent_ms / 1_000),
        Some(Status { is: Contact::Back, silent_ms }) => format!("{name} back {}", silent_ms / 1_000),
        None => format!("{name} forgotten"),
    };
    let mut told: Vec<_> = driver.read(&STATUS).into_iter().map(text).collect();
    told.sort();
    told
}

#[test]
fn who_falls_silent_is_told_once_and_who_stays_silent_is_forgotten() {
    let mut driver = start();
    let second = Duration::from_secs(1);
    measure(&mut driver, "a", 1.0, 9_000.0);
    measure(&mut driver, "b", 1.0, 9_000.0);
    driver.advance_wall_clock(second * 5);
    // A reading of long ago is a sign of life, too.
    measure(&mut driver, "b", 1.0, 1_000.0);
    assert_eq!(told(&mut driver), Vec::<String>::new());
    driver.advance_wall_clock(second);
    assert_eq!(told(&mut driver), ["a offline 6"]);
    driver.advance_wall_clock(second * 4);
    measure(&mut driver, "a", 1.0, 9_010.0);
    measure(&mut driver, "a", 1.0, 9_011.0);
    assert_eq!(told(&mut driver), ["a back 10"]);
    for _ in 0..19 {
        driver.advance_wall_clock(second);
    }
    assert_eq!(told(&mut driver), ["a offline 6", "b forgotten", "b offline 6"]);
    driver.advance_wall_clock(second);
    assert_eq!(told(&mut driver), ["a forgotten"]);
    assert_eq!(driver.rows(&DEVICES_STORE), []);
    // Then it is a new one.
    measure(&mut driver, "a", 1.0, 9_012.0);
    assert_eq!(told(&mut driver), Vec::<String>::new());
}

#[test]
fn nobody_was_silent_while_the_application_was_down() {
    let mut driver = start();
    measure(&mut driver, "a", 1.0, 0.0);
    driver.kill();
    driver.restart();
    driver.advance_wall_clock(Duration::from_millis(500));
    driver.advance_wall_clock(Duration::from_secs(5));
    assert_eq!(told(&mut driver), Vec::<String>::new());
    driver.advance_wall_clock(Duration::from_secs(1));
    let told = told(&mut driver);
    assert!(told.len() == 1 && told[0].starts_with("a offline"), "{told:?}");
}

#[test]
fn the_results_are_those_of_a_plain_fold_although_it_is_killed() {
    let mut driver = TestDriver::configure(iot().expect("a topology"))
        .partitions(PARTITIONS)
        .with(configured)
        .commit_by_hand()
        .start();
    for (model, unit) in MODELS {
        driver.pipe(&UNITS, model, unit);
    }
    driver.commit();
    // Forty seconds of the clock are two hours and more of event time.
    let began_ms = 1_700_000_400_000;
    let sent = Generator::new(7, 60, 200, began_ms).until(40_000);
    let mut fold = Fold::default();
    for (number, (device, reading, at)) in sent.into_iter().enumerate() {
        let unit = MODELS.iter().find(|(model, _)| *model == reading.model).expect("a unit").1;
        let partition = partition_of(device.as_bytes(), PARTITIONS).0;
        fold.take(partition, &device, unit.millidegrees(reading.value), at.0);
        driver.pipe_at(&READINGS, device, reading, at);
        match number % 500 {
            200 | 499 => driver.commit(),
            300 => {
                driver.kill();
                driver.restart();
            }
            _ => {}
        }
    }
    for _ in 0..4 {
        driver.commit();
    }
    let mut compared = [0; 3];
    for (level, topic) in [SECONDS, MINUTES, HOURS].iter().enumerate() {
        for record in driver.read_records(topic) {
            let Windowed { key, window } = record.key;
            let slot = (key, window.start.0);
            assert_eq!(fold.compare(level, &slot, record.value, record.timestamp.0), Ok(()));
            compared[level] += 1;
        }
    }
    assert_eq!(fold.overdue(), Vec::<String>::new());
    assert!(compared[0] > 1_000 && compared[1] > 800 && compared[2] >= 100, "{compared:?}");
    assert!(fold.too_late > 10 && fold.too_late < fold.readings / 10, "{} of {}", fold.too_late, fold.readings);
    let mut counted = BTreeMap::new();
    for (_, start, counts) in driver.windows(&BY_GRACE_STORE) {
        for tried in GRACES.into_iter().chain([ALL]) {
            counted.insert((start.0, tried.name), counts.accepted(tried));
        }
    }
    let expected = |(minute, name)| fold.counted.get(&(minute, name)).copied().unwrap_or(0);
    assert!(counted.len() >= 4 * 120, "{}", counted.len());
    for (place, accepted) in &counted {
        assert_eq!(*accepted, expected(*place), "{place:?}");
    }
    assert!(fold.counted.keys().all(|place| counted.contains_key(place)));
}
