//! Which records retention deletes, and which not.

use std::sync::Arc;

use super::{Bench, at};

#[test]
fn retention_deletes_from_the_start_by_time_and_by_size() {
    let mut bench = Bench::new();
    let by_time = at(bench.topic("time", 1, &[("retention.ms", "1000")]));
    let by_size = at(bench.topic("size", 1, &[("retention.bytes", "5000")]));
    let forever = at(bench.topic("forever", 1, &[]));
    let padding = "x".repeat(40_000);
    for step in 0..4 {
        for log in [by_time, by_size, forever] {
            bench.write(log, &[(&step.to_string(), Some(padding.as_str()))]);
        }
        bench.now_ms += 400;
    }
    bench.maintain(usize::MAX);
    let starts = [by_time, by_size, forever].map(|log| bench.model.partition(log).expect("a partition").start());
    assert_eq!(starts, [1, 3, 0]);
    bench.now_ms += 10_000;
    bench.write(by_time, &[("new", Some("1"))]);
    bench.maintain(usize::MAX);
    let partition = bench.model.partition(by_time).expect("a partition");
    assert_eq!((partition.start(), partition.end()), (4, 5));
}

/// Regression: with windows over last year's records, the changelog was emptied a second after it was written, because
/// all of it was old by the wall clock.
#[test]
fn replayed_history_is_as_old_as_its_newest_record_says() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[("retention.ms", "1000")]));
    let start = |bench: &Bench| bench.model.partition(log).expect("a partition").start();
    let (long_ago, padding) = (bench.now_ms, "x".repeat(40_000));
    bench.now_ms += 10_000_000;
    for ms in [0, 400, 800, 1_200] {
        let now_ms = std::mem::replace(&mut bench.now_ms, long_ago + ms);
        bench.write(log, &[("a", Some(padding.as_str()))]);
        bench.now_ms = now_ms;
    }
    bench.maintain(usize::MAX);
    assert_eq!(start(&bench), 1, "the first is 1.2 s older than the last");
    bench.write(log, &[("a", Some(padding.as_str()))]);
    bench.maintain(usize::MAX);
    assert_eq!(start(&bench), 4, "a record of today makes history of the others");
    let now_ms = bench.now_ms;
    bench.now_ms += 10_000_000;
    bench.write(log, &[("from the future", Some(padding.as_str()))]);
    bench.now_ms = now_ms + 500;
    bench.maintain(usize::MAX);
    assert_eq!(start(&bench), 4, "the future is no reason to delete what is young now");
}

#[test]
fn retention_waits_for_open_transactions() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[("retention.ms", "1000")]));
    let id: Arc<str> = "id".into();
    let tag = bench.transactional(&id);
    bench.write(log, &[("a", Some("1"))]);
    bench.write_as(tag, Some(&id), log, &[("b", Some("1"))]).expect("written");
    bench.now_ms += 2_000;
    bench.write(log, &[("c", Some("1"))]);
    bench.maintain(usize::MAX);
    assert_eq!(bench.model.partition(log).expect("a partition").start(), 1);
}
