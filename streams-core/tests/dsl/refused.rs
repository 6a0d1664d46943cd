//! Records that the application's code refuses, or panics over.

use streams_core::dsl::StreamsBuilder;
use streams_core::record::{Record, Timestamp};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;

use crate::topology;

const NUMBERS: Topic<String, i64> = Topic::new("numbers");
const OUT: Topic<String, i64> = Topic::new("out");

/// Refuses the 3.
fn checked(number: i64) -> Result<i64, String> {
    if number == 3 { Err("a three".to_owned()) } else { Ok(number) }
}

/// Panics over the 3.
fn at_ease(number: i64) -> i64 {
    checked(number).unwrap_or_else(|reason| panic!("{reason}"))
}

type Write = fn(&StreamsBuilder);

/// What comes out of 1, 2 and 3, the last of which ends the application, and the error.
fn outcome(write: Write) -> (String, String) {
    let mut driver = TestDriver::new(topology(write));
    driver.pipe(&NUMBERS, "key", 1);
    driver.pipe(&NUMBERS, "key", 2);
    let out = driver.read(&OUT).iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ");
    let error = driver.error_after(&NUMBERS, &Record::new("key".to_owned(), 3, Timestamp(0))).unwrap().to_string();
    (out, error.split_once(';').map(|(error, _)| error.to_owned()).unwrap())
}

#[test]
fn a_refused_record_ends_the_application_with_the_node_and_the_record() {
    let table: [(Write, &str, &str); 9] = [
        (
            |b| _ = b.stream(NUMBERS).try_map(|k, v| Ok::<_, String>((k, checked(v)? * 10))).to(OUT),
            "key 10, key 20",
            "MAP",
        ),
        (|b| _ = b.stream(NUMBERS).try_map_values(checked).to(OUT), "key 1, key 2", "MAPVALUES"),
        (
            |b| _ = b.stream(NUMBERS).try_map_values_with_key(|k, v| checked(v).map(|v| v + k.len() as i64)).to(OUT),
            "key 4, key 5",
            "MAPVALUES",
        ),
        (|b| _ = b.stream(NUMBERS).try_filter(|_, v| checked(*v).map(|v| v > 1)).to(OUT), "key 2", "FILTER"),
        (
            |b| _ = b.stream(NUMBERS).try_flat_map(|k, v| checked(v).map(|v| vec![(k, v); v as usize])).to(OUT),
            "key 1, key 2, key 2",
            "FLATMAP",
        ),
        (
            |b| _ = b.stream(NUMBERS).try_flat_map_values(|v| checked(v).map(|v| (0..v).collect())).to(OUT),
            "key 0, key 0, key 1",
            "FLATMAPVALUES",
        ),
        (
            |b| {
                let counted = b.stream(NUMBERS);
                counted.try_flat_map_values_with_key(|k, v| checked(v).map(|v| vec![v, k.len() as i64])).to(OUT);
            },
            "key 1, key 3, key 2, key 3",
            "FLATMAPVALUES",
        ),
        (
            |b| _ = b.stream(NUMBERS).try_select_key(|k, v| checked(*v).map(|v| format!("{k}{v}"))).to(OUT),
            "key1 1, key2 2",
            "KEY-SELECT",
        ),
        (
            |b| {
                let numbers = b.stream(NUMBERS);
                numbers.try_for_each(|_, v| checked(*v).map(drop));
                numbers.to(OUT);
            },
            "key 1, key 2",
            "FOREACH",
        ),
    ];
    for (write, out, operation) in table {
        let error = format!(
            "task 0_0 failed at offset 2 of numbers-0: KSTREAM-{operation}-0000000001: the application refuses the record: \
             a three"
        );
        assert_eq!(outcome(write), (out.to_owned(), error), "{operation}");
    }
}

#[test]
fn a_closure_that_panics_ends_the_application_with_its_node_and_the_record() {
    let table: [(Write, &str); 5] = [
        (|b| _ = b.stream(NUMBERS).map_values(at_ease).named("mapped").to(OUT), "mapped"),
        (|b| _ = b.stream(NUMBERS).peek(|_, _| ()).filter(|_, v| at_ease(*v) > 0).named("kept").to(OUT), "kept"),
        (
            |b| {
                let grouped = b.stream(NUMBERS).group_by(|_, v| at_ease(*v));
                grouped.count().to_stream().map(|k, count| (k.to_string(), count)).to(OUT);
            },
            "KSTREAM-KEY-SELECT-0000000001",
        ),
        (
            |b| {
                let branches = b.stream(NUMBERS).split();
                branches.branch(|_, v| *v > 0).map_values(at_ease).named("positive").to(OUT);
            },
            "positive",
        ),
        (
            |b| {
                let summed = b.stream(NUMBERS).group_by_key().reduce(|sum, v| sum + at_ease(v)).named("sum");
                summed.to_stream().to(OUT);
            },
            "sum",
        ),
    ];
    for (write, node) in table {
        let (_, error) = outcome(write);
        let expected =
            format!("task 0_0 failed at offset 2 of numbers-0: {node}: the application's code panicked: a three");
        assert_eq!(error, expected);
    }
}
