//! What comes out of a handler that succeeds.

use streams_core::config::OnError;
use streams_core::dsl::handler::Job;
use streams_core::prelude::*;
use streams_core::testing::{TestDriver, TopologyTestDriver};

use crate::service::{DONE, Failed, JOBS, Service, done, left_in_changelog, metrics, pipe, plain, setup, sorted};

#[test]
fn what_a_handler_returns_is_sent_on_once_as_its_record_was() {
    for exactly_once in [true, false] {
        let service = Service::default();
        let setup = setup(&service, plain).partitions(1);
        let setup = setup.with(move |app| if exactly_once { app } else { app.at_least_once() });
        let mut driver = setup.start();
        let mut record = Record::new("ada".to_owned(), "a".to_owned(), Timestamp(7));
        record.headers.push("trace", "x");
        driver.pipe_record(&JOBS, record.clone());
        assert_eq!(driver.read_records(&DONE), [record], "{exactly_once}");
        pipe(&mut driver, &[("ada", "b"), ("bob", "c")]);
        assert_eq!(done(&mut driver), ["ada b", "bob c"]);
        assert_eq!(service.calls(), ["ada a 1", "ada b 1", "bob c 1"]);
        let metrics = metrics(&mut driver, "work");
        assert_eq!((metrics.accepted, metrics.succeeded, metrics.in_flight()), (3, 3, 0));
        assert_eq!(left_in_changelog(&driver), 0);
    }
}

/// A record whose acceptance may still be undone has no effect elsewhere: it may be left out, because another operator
/// fails with it.
#[test]
fn a_handler_begins_when_what_its_record_has_sent_can_be_read() {
    for (exactly_once, before) in [(true, &[][..]), (false, &["ada a 1"])] {
        let service = Service::default();
        let setup = setup(&service, plain).commit_by_hand();
        let mut driver = setup.with(move |app| if exactly_once { app } else { app.at_least_once() }).start();
        pipe(&mut driver, &[("ada", "a")]);
        assert_eq!(service.calls(), before, "{exactly_once}");
        driver.commit();
        assert_eq!(done(&mut driver), ["ada a"]);
    }
}

#[test]
fn a_record_that_is_left_out_because_another_operator_fails_with_it_was_never_handled() {
    let (builder, service) = (StreamsBuilder::new(), Service::default());
    let (jobs, called) = (builder.stream(JOBS), service.clone());
    jobs.handle("work", move |job| called.clone().work(job)).to(DONE);
    jobs.try_for_each(|_, job| if job == "bad" { Err("refused") } else { Ok(()) });
    let setup = TestDriver::configure(builder.build().unwrap()).partitions(3).commit_by_hand();
    let mut driver = setup.with(|app| app.exactly_once().on_processing_error(OnError::Skip)).start();
    // What comes before it is undone with it, and done again.
    pipe(&mut driver, &[("ada", "a"), ("ada", "bad"), ("bob", "b")]);
    driver.commit();
    driver.commit();
    assert_eq!(sorted(service.calls()), ["ada a 1", "bob b 1"]);
    assert_eq!(done(&mut driver), ["ada a", "bob b"]);
}

#[test]
fn an_id_tells_each_record_from_all_others_however_it_came_about() {
    const IDS: Topic<String, String> = Topic::new("ids");
    let builder = StreamsBuilder::new();
    let words = builder.stream(JOBS).flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let id = |job: Job<String, String>| async move { Ok::<_, Failed>(job.id().to_string()) };
    words.handle("of-words", id).to(IDS);
    // What a cache sends is made of no record in particular.
    let count = |job: Job<String, i64>| async move { Ok::<_, Failed>(job.id().to_string()) };
    words.group_by_key().count().to_stream().filter_some().handle("of-counts", count).to(IDS);
    let setup = TestDriver::configure(builder.build().unwrap());
    let mut driver = setup.with(|app| app.exactly_once()).start();
    pipe(&mut driver, &[("ada", "to be"), ("ada", "or"), ("bob", "not")]);
    let mut ids: Vec<_> = driver.read(&IDS).into_iter().map(|(key, id)| format!("{key} {id}")).collect();
    ids.sort();
    let of_words = ["ada jobs-0@0", "ada jobs-0@0+1", "ada jobs-0@1", "bob jobs-0@2"];
    let of_counts = ["ada of-counts-0#0", "ada of-counts-0#1", "bob of-counts-0#2"];
    assert_eq!(ids, sorted([&of_words[..], &of_counts].concat().into_iter().map(str::to_owned).collect()));
}

#[test]
fn a_handler_may_be_behind_others_and_before_them_and_its_keys_may_be_null() {
    const NULLABLE: Topic<Option<String>, String> = Topic::new("jobs");
    const COUNTS: Topic<String, i64> = Topic::new("counts");
    let (builder, service) = (StreamsBuilder::new(), Service::default());
    let length = |job: Job<Option<String>, String>| async move { Ok::<_, Failed>(job.value().len().to_string()) };
    let lengths = builder.stream(NULLABLE).filter(|_, job| job != "skip").handle("measure", length);
    lengths
        .select_key(|_, length| length.clone())
        .handle("work", move |job| service.clone().work(job))
        .group_by_key()
        .count()
        .to_stream()
        .filter_some()
        .to(COUNTS);
    let setup = TestDriver::configure(builder.build().unwrap()).partitions(3);
    let mut driver = setup.with(|app| app.exactly_once()).start();
    for (key, job) in [(None, "to"), (Some("a"), "be"), (None, "skip"), (Some("b"), "not")] {
        driver.pipe_record(&NULLABLE, Record::new(key.map(str::to_owned), job.to_owned(), Timestamp(0)));
    }
    for _ in 0..4 {
        driver.commit();
    }
    let last: std::collections::BTreeMap<_, _> = driver.read(&COUNTS).into_iter().collect();
    assert_eq!(last, [("2".to_owned(), 2), ("3".to_owned(), 1)].into());
}

#[test]
fn a_single_task_without_a_log_handles_records_as_they_come() {
    let (builder, service) = (StreamsBuilder::new(), Service::default());
    let called = service.clone();
    builder.stream(JOBS).handle("work", move |job| called.clone().work(job)).to(DONE);
    let mut driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    let pipe = |driver: &mut TopologyTestDriver, value: &str| {
        driver.pipe(&JOBS, "ada", value).unwrap();
        driver.take_sent().iter().filter(|sent| &*sent.topic == "done").count()
    };
    assert_eq!(["a", "slow", "b"].map(|value| pipe(&mut driver, value)), [1, 0, 0]);
    driver.advance_wall_clock(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!(driver.take_sent().iter().filter(|sent| &*sent.topic == "done").count(), 2);
    assert_eq!(service.calls(), ["ada a 1", "ada slow 1", "ada b 1"]);
}
