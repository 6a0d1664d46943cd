//! Records that wait in retry topics to be handled again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use streams_core::config::OnError;
use streams_core::dsl::handler::{GiveUp, Job, Retry};
use streams_core::prelude::*;
use streams_core::record::Header;
use streams_core::runtime::Settings;
use streams_core::testing::{Setup, TestDriver, TopologyTestDriver};

use crate::service::{DEAD, DONE, Failed, JOBS, Service, done, left_in_changelog, metrics, pipe, setup, sorted};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const NONE: [&str; 0] = [];

const ONE_MINUTE: Topic<Option<String>, Option<String>> = Topic::new("test-work.retry.1m");
const ONE_HOUR: Topic<Option<String>, Option<String>> = Topic::new("test-work.retry.1h");

fn in_topics(service: &Service) -> Setup {
    setup(service, |handled| handled.unordered().retry(Retry::in_topics([MINUTE, HOUR])).give_up(GiveUp::DeadLetter))
}

/// Lets time pass, and what is due be handled.
fn pass(driver: &mut TestDriver, time: Duration) {
    driver.advance_wall_clock(time);
    driver.commit();
}

fn headers(record: &Record<Option<String>, Option<String>>) -> Vec<(String, String)> {
    let text = |header: &'_ Header| std::str::from_utf8(header.value.as_deref().unwrap_or(b"-")).unwrap().to_owned();
    record.headers.iter().map(|header| (header.name.clone(), text(header))).collect()
}

#[test]
fn a_record_goes_from_topic_to_topic_as_it_was_and_is_handled_when_it_is_due() {
    for exactly_once in [true, false] {
        let service = Service::default();
        let setup = in_topics(&service).with(move |app| if exactly_once { app } else { app.at_least_once() });
        let mut driver = setup.start();
        let mut record = Record::new("ada".to_owned(), "fails 2".to_owned(), Timestamp(7));
        record.headers.push("trace", "x");
        record.headers.push("trace", "y");
        driver.pipe_record(&JOBS, record.clone());
        pipe(&mut driver, &[("ada", "later")]);
        assert_eq!(service.calls(), ["ada fails 2 1", "ada later 1"], "{exactly_once}");
        assert_eq!(metrics(&mut driver, "work").in_flight(), 0, "it is in one place only");

        let partition = driver.tasks().iter().find(|(_, task)| task.processed > 0).unwrap().0.partition.to_string();
        for (topic, attempts, due) in [(&ONE_MINUTE, "1", "60000"), (&ONE_HOUR, "2", "3660000")] {
            let parked = driver.read_records(topic);
            assert_eq!(parked.len(), 1, "{topic:?}");
            let parked = &parked[0];
            assert_eq!((parked.key.as_deref(), parked.value.as_deref()), (Some("ada"), Some("fails 2")));
            assert_eq!(parked.timestamp, Timestamp(7));
            let expected = [
                ("trace", "x"),
                ("trace", "y"),
                ("millstream.retry.topic", "jobs"),
                ("millstream.retry.partition", partition.as_str()),
                ("millstream.retry.offset", "0"),
                ("millstream.retry.ordinal", "0"),
                ("millstream.retry.attempts", attempts),
                ("millstream.retry.reason", "it is busy"),
                ("millstream.retry.due", due),
            ];
            let seen = headers(parked);
            assert_eq!(seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
            let delay = if attempts == "1" { MINUTE } else { HOUR };
            pass(&mut driver, delay - Duration::from_millis(1));
            assert_eq!(service.calls(), NONE, "it is not due");
            pass(&mut driver, Duration::from_millis(1));
            let next = if attempts == "1" { "ada fails 2 2" } else { "ada fails 2 3" };
            assert_eq!(service.calls(), [next]);
        }
        let mut sent = driver.read_records(&DONE);
        sent.sort_by_key(|record| record.value.clone());
        assert_eq!(sent[0], record, "its result comes with its own headers only");
        assert_eq!(sent.len(), 2);
        let metrics = metrics(&mut driver, "work");
        assert_eq!((metrics.accepted, metrics.succeeded, metrics.retried, metrics.moved_to_topics), (4, 2, 2, 2));
        assert_eq!(metrics.in_flight(), 0);
    }
}

#[test]
fn after_the_last_topic_a_record_is_given_up_as_it_was() {
    let service = Service::default();
    let mut driver = in_topics(&service).start();
    let mut record = Record::new("ada".to_owned(), "fails".to_owned(), Timestamp(7));
    record.headers.push("trace", "x");
    pipe(&mut driver, &[("ada", "first")]);
    driver.pipe_record(&JOBS, record);
    pass(&mut driver, MINUTE);
    assert_eq!(driver.read(&DEAD), []);
    pass(&mut driver, HOUR);
    let dead = driver.read_records(&DEAD);
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].key.as_deref(), dead[0].value.as_deref()), (Some("ada"), Some("fails")));
    assert_eq!(dead[0].timestamp, Timestamp(7));
    let headers = headers(&dead[0]);
    assert_eq!(headers[0], ("trace".to_owned(), "x".to_owned()));
    for expected in [
        ("__streams.errors.topic", "jobs"),
        ("__streams.errors.offset", "1"),
        ("millstream.errors.attempts", "3"),
        ("millstream.errors.node", "work"),
    ] {
        assert!(headers.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{headers:?}");
    }
    assert!(headers.iter().all(|(name, _)| !name.starts_with("millstream.retry")), "{headers:?}");
    assert_eq!(metrics(&mut driver, "work").given_up, [("error", 1)].into());
}

#[test]
fn attempts_in_place_come_before_the_topics_and_an_error_for_good_before_everything() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| {
        let retry = Retry::after([SECOND]).then_in_topics([MINUTE]);
        handled.unordered().retry(retry).give_up(GiveUp::Skip)
    })
    .start();
    pipe(&mut driver, &[("ada", "fails"), ("bob", "permanent")]);
    assert_eq!(service.calls(), ["ada fails 1", "bob permanent 1"]);
    for (time, expected) in
        [(SECOND, &["ada fails 2"][..]), (59 * SECOND, &[]), (SECOND, &["ada fails 3"]), (HOUR, &[])]
    {
        pass(&mut driver, time);
        assert_eq!(service.calls(), expected);
    }
    let metrics = metrics(&mut driver, "work");
    assert_eq!(metrics.given_up, [("error", 1), ("permanent", 1)].into());
}

/// Neither what waits in a topic nor what is being handled after it is lost or done twice, and no wait begins anew.
#[test]
fn a_restart_loses_no_record_and_begins_no_wait_anew() {
    let service = Service::default();
    let mut driver = in_topics(&service).start();
    pipe(&mut driver, &[("ada", "fails 1"), ("bob", "fails 2"), ("eve", "fails 1")]);
    assert_eq!(service.calls().len(), 3);
    // A minute passes, in which they would have been due.
    driver.restart();
    driver.commit();
    assert_eq!(sorted(service.calls()), ["ada fails 1 2", "bob fails 2 2", "eve fails 1 2"]);
    assert_eq!(done(&mut driver), ["ada fails 1", "eve fails 1"]);
    for _ in 0..30 {
        driver.restart();
    }
    pass(&mut driver, HOUR - 30 * MINUTE - SECOND);
    assert_eq!(service.calls(), NONE);
    pass(&mut driver, SECOND);
    assert_eq!(service.calls(), ["bob fails 2 3"]);
    assert_eq!(done(&mut driver), ["bob fails 2"]);
    assert_eq!(metrics(&mut driver, "work").in_flight(), 0);
}

/// A record that has failed is taken out of the store and sent to its topic in one transaction, and comes back in one.
#[test]
fn what_is_undone_leaves_each_record_in_one_place() {
    let service = Service::default();
    let mut driver = in_topics(&service).partitions(1).commit_by_hand().start();
    pipe(&mut driver, &[("ada", "flags 1")]);
    driver.commit();
    driver.advance_wall_clock(2 * SECOND);
    assert_eq!(metrics(&mut driver, "work").moved_to_topics, 1);
    // It is in the topic, but that is not committed.
    driver.restart();
    driver.advance_wall_clock(2 * SECOND);
    assert_eq!(service.calls(), ["ada flags 1 1"; 2], "it is still in the store, and handled again");
    assert_eq!((driver.read(&ONE_MINUTE), left_in_changelog(&driver)), (vec![], 1));
    driver.commit();
    assert_eq!((driver.read(&ONE_MINUTE).len(), left_in_changelog(&driver)), (1, 0));
    // It comes back, and that is undone, because a transaction may not be open for so long.
    driver.advance_wall_clock(MINUTE);
    driver.advance_wall_clock(11 * SECOND);
    for _ in 0..5 {
        pass(&mut driver, SECOND);
    }
    let calls = service.calls();
    assert!(!calls.is_empty() && calls.iter().all(|call| call == "ada flags 1 2"), "{calls:?}");
    assert_eq!(done(&mut driver), ["ada flags 1"]);
    assert_eq!((left_in_changelog(&driver), metrics(&mut driver, "work").in_flight()), (0, 0));
    assert_eq!(driver.read(&ONE_MINUTE), []);
}

#[test]
fn what_waits_in_a_topic_takes_no_room_and_holds_nobody_up() {
    let service = Service::default();
    let mut driver =
        setup(&service, |handled| handled.unordered().retry(Retry::in_topics([HOUR])).max_records(50).concurrency(100))
            .commit_by_hand()
            .start();
    for number in 0..5_000 {
        driver.log().send(&JOBS, format!("key-{number}"), "fails 1".to_owned()).unwrap();
    }
    driver.run();
    (0..200).for_each(|_| driver.commit());
    let seen = metrics(&mut driver, "work");
    assert_eq!((seen.moved_to_topics, seen.in_flight()), (5_000, 0));
    let buffered: u64 = driver.tasks().values().map(|task| task.buffered).sum();
    assert!(buffered <= 3 * 1_000, "{buffered} are fetched");
    // Others go on meanwhile.
    pipe(&mut driver, &[("ada", "quick")]);
    (0..3).for_each(|_| driver.commit());
    assert_eq!(done(&mut driver), ["ada quick"]);
    driver.advance_wall_clock(HOUR);
    let mut most = 0;
    for _ in 0..400 {
        driver.commit();
        most = most.max(metrics(&mut driver, "work").in_flight());
    }
    assert_eq!(done(&mut driver).len(), 5_000);
    assert!(most <= 3 * 50, "{most} at the same time");
}

/// Two processes whose clocks differ have written one partition.
#[test]
fn a_record_behind_one_that_is_not_due_waits_for_it_and_others_do_not() {
    let service = Service::default();
    let mut driver = in_topics(&service).partitions(1).start();
    let parked = |value: &str, due: &str| {
        let mut record = Record::new(Some("ada".to_owned()), Some(value.to_owned()), Timestamp(0));
        for (name, value) in [
            ("topic", "jobs"),
            ("partition", "0"),
            ("offset", "7"),
            ("ordinal", "0"),
            ("attempts", "1"),
            ("reason", "-"),
        ] {
            record.headers.push(format!("millstream.retry.{name}"), value.to_owned());
        }
        record.headers.push("millstream.retry.due", due.to_owned());
        record
    };
    for record in [parked("a", "50000"), parked("b", "10000"), parked("c", "9999999999999")] {
        driver.pipe_record(&ONE_MINUTE, record);
    }
    for (time, expected) in [
        (10 * SECOND, &[][..]),
        (39 * SECOND, &[]),
        (SECOND, &["ada a 2", "ada b 2"]),
        // Whatever a record says, it does not wait longer than the topic's delay.
        (MINUTE - SECOND, &[]),
        (SECOND, &["ada c 2"]),
    ] {
        pass(&mut driver, time);
        assert_eq!(service.calls(), expected, "{time:?}");
    }
}

#[test]
fn what_somebody_else_has_written_to_a_retry_topic_is_handled_or_refused_but_never_lost() {
    let service = Service::default();
    let mut driver = in_topics(&service).partitions(1).with(|app| app.on_undecodable(OnError::DeadLetter)).start();
    let plain = Record::new(Some("ada".to_owned()), Some("fails 1".to_owned()), Timestamp(0));
    let mut odd = Record::new(Some("bob".to_owned()), Some("odd".to_owned()), Timestamp(0));
    odd.headers.push("millstream.retry.due", "soon");
    driver.pipe_record(&ONE_HOUR, plain);
    driver.pipe_record(&ONE_HOUR, odd);
    driver.run();
    driver.commit();
    assert_eq!(service.calls(), ["ada fails 1 1"]);
    let dead = driver.read_records(&DEAD);
    assert_eq!(dead.len(), 1);
    let headers = headers(&dead[0]);
    for (name, expected) in
        [("__streams.errors.topic", "test-work.retry.1h"), ("millstream.errors.reason", "undecodable")]
    {
        assert!(headers.contains(&(name.to_owned(), expected.to_owned())), "{headers:?}");
    }
    pass(&mut driver, MINUTE);
    assert_eq!(service.calls(), ["ada fails 1 2"]);
}

/// An id is an idempotency key, so it must not change on the way through a topic.
#[test]
fn a_records_id_stays_the_same_whatever_it_was_made_of() {
    let (builder, ids) = (StreamsBuilder::new(), Arc::new(Mutex::new(Vec::new())));
    let words = builder.stream(JOBS).flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let noting = Arc::clone(&ids);
    let work = move |id: String, attempt: u32| {
        noting.lock().unwrap().push(format!("{id} {attempt}"));
        if attempt < 3 { Err::<i64, Failed>("once more".into()) } else { Ok(0) }
    };
    let (of_words, of_counts) = (work.clone(), work);
    let ladder = || Retry::in_topics([MINUTE, MINUTE]);
    _ = words
        .handle("of-words", move |job: Job<String, String>| {
            std::future::ready(of_words(job.id().to_string(), job.attempt()))
        })
        .unordered()
        .retry(ladder());
    // What a cache sends is made of no record in particular.
    let counts = words.group_by_key().count().to_stream().filter_some();
    _ = counts
        .handle("of-counts", move |job: Job<String, i64>| {
            std::future::ready(of_counts(job.id().to_string(), job.attempt()))
        })
        .unordered()
        .retry(ladder());
    let setup = TestDriver::configure(builder.build().unwrap());
    let mut driver = setup.with(|app| app.exactly_once()).start();
    pipe(&mut driver, &[("ada", "to be"), ("bob", "or")]);
    let names = ["jobs-0@0", "jobs-0@0+1", "jobs-0@1", "of-counts-0#0", "of-counts-0#1"];
    for attempt in 1..=3 {
        let seen = sorted(std::mem::take(&mut *ids.lock().unwrap()));
        assert_eq!(seen, names.map(|name| format!("{name} {attempt}")));
        if attempt == 2 {
            driver.restart();
            driver.commit();
        } else {
            pass(&mut driver, MINUTE);
        }
    }
}

#[test]
fn a_record_that_its_retry_topic_does_not_take_is_given_up_and_says_so() {
    let service = Service::default();
    let small =
        || Settings { topic_configs: vec![("max.message.bytes".to_owned(), "500".to_owned())], ..Settings::default() };
    let setup = in_topics(&service).partitions(1);
    let setup = setup.with(move |app| app.settings(small()).exactly_once().dead_letters_to("dead-letters"));
    let mut driver = setup.start();
    let long = format!("fails {}", "x".repeat(300));
    pipe(&mut driver, &[("ada", &long), ("bob", "fails 1")]);
    driver.commit();
    let dead = driver.read_records(&DEAD);
    assert_eq!(dead.len(), 1);
    let message = headers(&dead[0]).into_iter().find(|(name, _)| name == "__streams.errors.message").unwrap().1;
    assert!(message.contains("in attempt 1: it is busy; and it cannot wait in its retry topic: "), "{message}");
    pass(&mut driver, MINUTE);
    assert_eq!(done(&mut driver), ["bob fails 1"]);
}

#[test]
fn tasks_that_move_take_along_what_waits_in_their_topics() {
    let service = Service::default();
    let mut driver = in_topics(&service).partitions(6).start();
    let keys: Vec<_> = (0..12).map(|number| format!("key-{number:02}")).collect();
    pipe(&mut driver, &keys.iter().map(|key| (key.as_str(), "fails 2")).collect::<Vec<_>>());
    assert_eq!(service.calls().len(), 12);
    driver.start_another();
    pass(&mut driver, MINUTE);
    driver.commit();
    assert_eq!(sorted(service.calls()), keys.iter().map(|key| format!("{key} fails 2 2")).collect::<Vec<_>>());
    driver.stop_another();
    pass(&mut driver, HOUR);
    driver.commit();
    assert_eq!(done(&mut driver), keys.iter().map(|key| format!("{key} fails 2")).collect::<Vec<_>>());
}

#[test]
fn batches_are_made_of_what_comes_back_too() {
    let (builder, sizes) = (StreamsBuilder::new(), Arc::new(Mutex::new(Vec::new())));
    let noting = Arc::clone(&sizes);
    let work = move |jobs: Vec<Job<String, String>>| {
        noting.lock().unwrap().push(jobs.len());
        let result = |job: Job<String, String>| match job.attempt() {
            1 => Err::<_, Failed>("busy".into()),
            _ => Ok(job.into_pair().1),
        };
        std::future::ready(jobs.into_iter().map(result).collect())
    };
    let handled = builder.stream(JOBS).handle_batches("work", 3, SECOND, work);
    handled.unordered().retry(Retry::in_topics([MINUTE])).to(DONE);
    let mut driver = TestDriver::configure(builder.build().unwrap()).with(|app| app.exactly_once()).start();
    pipe(&mut driver, &[("ada", "a"), ("bob", "b"), ("eve", "c")]);
    pass(&mut driver, MINUTE);
    assert_eq!(*sizes.lock().unwrap(), [3, 3]);
    assert_eq!(done(&mut driver), ["ada a", "bob b", "eve c"]);
}

#[test]
fn a_single_task_without_a_log_handles_again_what_is_due() {
    let (builder, service) = (StreamsBuilder::new(), Service::default());
    let called = service.clone();
    let handled = builder.stream(JOBS).handle("work", move |job| called.clone().work(job));
    handled.unordered().retry(Retry::in_topics([MINUTE, HOUR])).to(DONE);
    let mut driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    for value in ["fails 1", "fails 2", "other"] {
        driver.pipe(&JOBS, "ada", value).unwrap();
    }
    assert_eq!(service.calls(), ["ada fails 1 1", "ada fails 2 1", "ada other 1"]);
    for (time, expected) in [
        (59 * SECOND, &[][..]),
        (SECOND, &["ada fails 1 2", "ada fails 2 2"]),
        (HOUR - SECOND, &[]),
        (SECOND, &["ada fails 2 3"]),
    ] {
        driver.advance_wall_clock(time).unwrap();
        assert_eq!(service.calls(), expected, "{time:?}");
    }
    let done = driver.take_sent().iter().filter(|sent| &*sent.topic == "done").count();
    assert_eq!(done, 3);
}
