//! What becomes of records with which a handler fails.

use std::time::Duration;

use streams_core::config::OnError;
use streams_core::dsl::handler::{GiveUp, Job, Retry};
use streams_core::prelude::*;
use streams_core::testing::{Setup, TestDriver};

use crate::service::{DEAD, DONE, Failed, JOBS, Service, done, metrics, pipe, plain, setup};

const SECOND: Duration = Duration::from_secs(1);

fn header(record: &Record<Option<String>, Option<String>>, name: &str) -> String {
    String::from_utf8(record.headers.get(name).unwrap_or(b"-").to_vec()).unwrap()
}

#[test]
fn a_record_that_is_given_up_is_a_dead_letter_as_it_was_that_says_why() {
    for (job, attempts, label, message) in [
        ("fails", 3, "error", "it is busy"),
        ("panics", 3, "panic", "it panicked: the handler gave up"),
        ("permanent", 1, "permanent", "there is no such thing"),
        ("stuck", 3, "timeout", "it took longer than 60s"),
    ] {
        let service = Service::default();
        let mut driver = setup(&service, |handled| {
            handled.retry(Retry::after([SECOND, SECOND])).give_up(GiveUp::DeadLetter).timeout(60 * SECOND)
        })
        .start();
        let mut record = Record::new("ada".to_owned(), job.to_owned(), Timestamp(7));
        record.headers.push("trace", "x");
        driver.pipe_record(&JOBS, record);
        pipe(&mut driver, &[("ada", "later")]);
        for _ in 0..6 {
            driver.advance_wall_clock(61 * SECOND);
            driver.commit();
        }
        let dead = driver.read_records(&DEAD);
        assert_eq!(dead.len(), 1, "{job}");
        let dead = &dead[0];
        assert_eq!((dead.key.as_deref(), dead.value.as_deref()), (Some("ada"), Some(job)));
        assert_eq!(
            (dead.timestamp, dead.headers.iter().next().map(|header| header.name.as_str())),
            (Timestamp(7), Some("trace"))
        );
        let told = header(dead, "__streams.errors.message");
        let (before, after) = told.split_once("jobs-").unwrap();
        assert_eq!(before, "work: the handler has failed with ");
        assert!(after.ends_with(&format!("@0 in attempt {attempts}: {message}")), "{told}");
        for (name, expected) in [
            ("__streams.errors.exception", "millstream::OperatorError::GivenUp".to_owned()),
            ("__streams.errors.topic", "jobs".to_owned()),
            ("__streams.errors.offset", "0".to_owned()),
            ("millstream.errors.node", "work".to_owned()),
            ("millstream.errors.reason", "failed".to_owned()),
            ("millstream.errors.attempts", attempts.to_string()),
        ] {
            assert_eq!(header(dead, name), expected, "{job} {name}");
        }
        let metrics = metrics(&mut driver, "work");
        assert_eq!((metrics.given_up, metrics.succeeded), ([(label, 1)].into(), 1), "{job}");
        assert_eq!(done(&mut driver), ["ada later"], "the next one of its key goes on");
    }
}

#[test]
fn a_record_may_be_left_out_or_end_the_application_which_tries_again_when_it_starts() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.retry(Retry::never()).give_up(GiveUp::Skip)).start();
    pipe(&mut driver, &[("ada", "fails"), ("ada", "later")]);
    assert_eq!((done(&mut driver), driver.read(&DEAD).len()), (vec!["ada later".to_owned()], 0));
    let dropped: u64 = driver.tasks().values().map(|task| task.dropped.get("failed").copied().unwrap_or(0)).sum();
    assert_eq!(dropped, 1);

    for exactly_once in [true, false] {
        let service = Service::default();
        let setup = setup(&service, |handled| handled.retry(Retry::after([SECOND])).give_up(GiveUp::Fail));
        let setup = setup.partitions(1).with(move |app| if exactly_once { app } else { app.at_least_once() });
        let mut driver = setup.start();
        pipe(&mut driver, &[("ada", "fails 2")]);
        assert_eq!(service.calls(), ["ada fails 2 1"]);
        let error = error_of(|| driver.advance_wall_clock(SECOND));
        let told = "task 0_0 failed at offset 0 of jobs-0: work: the handler has failed with jobs-0@0 in attempt 2: it is \
                    busy; the record is still in the handler's store, so the next start tries again";
        assert!(error.starts_with(told), "{error}");
        // The attempt with which it ended is not committed, so it is the second one again.
        assert_eq!(error_of(|| driver.restart()), error);
        assert_eq!(service.calls(), ["ada fails 2 2", "ada fails 2 2"], "{exactly_once}");
    }
}

/// The error with which the application ends then.
fn error_of(then: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(then)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().trim_start_matches("the application failed: ").to_owned()
}

#[test]
fn what_a_handler_does_not_say_is_as_for_all_other_code() {
    let with = |change: fn(App) -> App| -> (Vec<String>, usize, Vec<String>) {
        let service = Service::default();
        let mut driver = setup(&service, plain).with(change).start();
        pipe(&mut driver, &[("ada", "fails")]);
        (0..5).for_each(|_| driver.advance_wall_clock(SECOND));
        (service.calls(), driver.read(&DEAD).len(), done(&mut driver))
    };
    let calls = |count: u32| (1..=count).map(|attempt| format!("ada fails {attempt}")).collect::<Vec<_>>();
    let skipped = with(|app| app.on_processing_error(OnError::Skip));
    assert_eq!(skipped, (calls(1), 0, vec![]));
    let dead = with(|app| app.on_processing_error(OnError::DeadLetter));
    assert_eq!(dead, (calls(1), 1, vec![]));
    let decided = with(|app| {
        app.handle_errors(|failed| {
            assert_eq!((failed.topic(), failed.node(), failed.answer()), ("jobs", Some("work"), OnError::Fail));
            assert_eq!((failed.key(), failed.value()), (Some(&b"ada"[..]), Some(&b"fails"[..])));
            if failed.attempts() < 2 { OnError::Retry(SECOND) } else { OnError::DeadLetter }
        })
    });
    assert_eq!(decided, (calls(3), 1, vec![]));
}

/// Regression: it would have become a dead letter without key and value.
#[test]
fn a_record_whose_result_cannot_be_sent_on_is_left_out_as_it_was() {
    let (builder, service) = (StreamsBuilder::new(), Service::default());
    let handled = builder.stream(JOBS).handle("work", move |job| service.clone().work(job));
    handled.try_map_values(|value| if value == "bad" { Err("refused") } else { Ok(value) }).to(DONE);
    let setup = TestDriver::configure(builder.build().unwrap());
    let setup = setup.with(|app| app.exactly_once().dead_letters_to("dead-letters"));
    let mut driver = setup.with(|app| app.on_processing_error(OnError::DeadLetter)).start();
    pipe(&mut driver, &[("ada", "a"), ("ada", "bad"), ("ada", "b")]);
    let dead = driver.read_records(&DEAD);
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].key.as_deref(), dead[0].value.as_deref()), (Some("ada"), Some("bad")));
    assert_eq!(header(&dead[0], "__streams.errors.offset"), "1");
    assert_eq!(done(&mut driver), ["ada a", "ada b"]);
}

#[test]
fn a_batch_with_too_few_results_has_failed_with_all_of_its_records() {
    let builder = StreamsBuilder::new();
    let forgetful = |jobs: Vec<Job<String, String>>| async move {
        jobs.into_iter().skip(1).map(|_| Ok::<_, Failed>(String::new())).collect()
    };
    builder.stream(JOBS).handle_batches("work", 2, SECOND, forgetful).give_up(GiveUp::DeadLetter).to(DONE);
    let setup: Setup = TestDriver::configure(builder.build().unwrap());
    let mut driver = setup.with(|app| app.exactly_once().dead_letters_to("dead-letters")).start();
    pipe(&mut driver, &[("ada", "a"), ("bob", "b")]);
    driver.commit();
    let dead = driver.read_records(&DEAD);
    let told: Vec<_> = dead.iter().map(|dead| header(dead, "__streams.errors.message")).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told.ends_with("it returned 1 results for 2 records")), "{told:?}");
}
