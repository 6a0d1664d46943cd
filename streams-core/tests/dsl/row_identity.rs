//! A row is identified by its key's bytes, in caches as well as in stores. A window's end is compared in Rust, but it is
//! not among the bytes.

use std::time::Duration;

use streams_core::prelude::*;
use streams_core::record::Timestamp;
use streams_core::testing::TestDriver;
use streams_core::windows::Window;

const VISITS: Topic<String, String> = Topic::new("visits");
const NAMES: Topic<Windowed<String>, String> = Topic::new("names").windows_of(ms(20));
const OUT: Topic<Windowed<String>, String> = Topic::new("out").windows_of(ms(10));
const COUNTS: Topic<Windowed<String>, i64> = Topic::new("counts").windows_of(ms(20));

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// With the default cache, and without one.
fn caches(topology: &Topology) -> [(&'static str, TestDriver); 2] {
    let uncached = TestDriver::configure(topology.clone()).with(|app| app.cache_bytes(0)).start();
    [("cached", TestDriver::new(topology.clone())), ("not cached", uncached)]
}

/// A key with a window of 20 ms.
fn of_20(key: &str, start: i64) -> Windowed<String> {
    Windowed { key: key.to_owned(), window: Window { start: Timestamp(start), end: Timestamp(start + 20) } }
}

#[test]
fn a_table_of_windows_is_joined_to_windows_that_end_elsewhere() {
    let builder = StreamsBuilder::new();
    let names = builder.table(NAMES);
    let counts = builder.stream(VISITS).group_by_key().windowed_by(Tumbling::of(ms(10)).no_grace()).count();
    counts.to_stream().left_join(names, |count, name| format!("{count} {name:?}")).to(OUT);
    let topology = builder.build().unwrap();
    for (cache, mut driver) in caches(&topology) {
        driver.pipe_at(&VISITS, "ada", "/", Timestamp(1));
        driver.pipe_at(&NAMES, of_20("ada", 0), "first", Timestamp(2));
        driver.pipe_at(&VISITS, "ada", "/", Timestamp(3));
        driver.pipe_at(&NAMES, of_20("ada", 0), "second", Timestamp(4));
        driver.pipe_at(&VISITS, "ada", "/", Timestamp(5));
        let joined: Vec<_> = driver.read(&OUT).into_iter().map(|(_, value)| value).collect();
        assert_eq!(joined, ["1 None", r#"2 Some("first")"#, r#"3 Some("second")"#], "{cache}");
    }
}

#[test]
fn windows_that_begin_together_are_one_row_wherever_they_end() {
    let builder = StreamsBuilder::new();
    let visits = builder.stream(VISITS).group_by_key();
    let short = visits.windowed_by(Tumbling::of(ms(10)).no_grace()).count().to_stream();
    let long = visits.windowed_by(Tumbling::of(ms(20)).no_grace()).count().to_stream();
    short.merge(long).windows_of(ms(20)).group_by_key().count().to_stream().to(COUNTS);
    let topology = builder.build().unwrap();
    for (cache, mut driver) in caches(&topology) {
        for time in 0..5 {
            driver.pipe_at(&VISITS, "ada", "/", Timestamp(time));
        }
        assert_eq!(driver.read(&COUNTS).pop(), Some((of_20("ada", 0), 10)), "{cache}");
    }
}
