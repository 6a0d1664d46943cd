//! Records that break rules are not handled.

use streams_core::config::{ErrorSettings, OnError};
use streams_core::dsl::handler::Violation;
use streams_core::prelude::*;
use streams_core::runtime::Settings;
use streams_core::testing::TestDriver;

use crate::service::{DEAD, DONE, JOBS, Service, done, pipe};

fn validated(service: &Service) -> Topology {
    let (builder, service) = (StreamsBuilder::new(), service.clone());
    let rules = |job: &String| {
        let short = (job.len() > 4).then(|| Violation::new("job", "max", "it is too long").with_param(4));
        let lower = job.contains(char::is_uppercase).then(|| Violation::new("job", "lower", "it has capitals"));
        short.into_iter().chain(lower)
    };
    let valid = builder.stream(JOBS).validate(rules).named("rules");
    valid.handle("work", move |job| service.clone().work(job)).to(DONE);
    builder.build().unwrap()
}

/// Libraries of this kind reject an invalid record, and handle it nevertheless.
#[test]
fn an_invalid_record_is_a_dead_letter_that_says_why_and_is_not_handled_or_tried_again() {
    let service = Service::default();
    let errors = ErrorSettings {
        processing: OnError::DeadLetter,
        retries: 3,
        dead_letter_topic: Some("dead-letters".to_owned()),
        ..ErrorSettings::default()
    };
    let setup = TestDriver::configure(validated(&service)).partitions(3);
    let settings = Settings { errors, ..Settings::default() };
    let mut driver = setup.with(move |app| app.settings(settings.clone()).exactly_once()).start();
    pipe(&mut driver, &[("ada", "a"), ("ada", "Invalid"), ("bob", "B"), ("ada", "b")]);
    assert_eq!(done(&mut driver), ["ada a", "ada b"]);
    assert_eq!(service.calls(), ["ada a 1", "ada b 1"]);
    let mut dead = driver.read_records(&DEAD);
    dead.sort_by_key(|dead| dead.key.clone());
    let header = |index: usize, name: &str| String::from_utf8(dead[index].headers.get(name).unwrap().to_vec()).unwrap();
    let too_long = r#"{"field":"job","code":"max","param":"4","message":"it is too long"}"#;
    let capitals = r#"{"field":"job","code":"lower","param":null,"message":"it has capitals"}"#;
    assert_eq!(header(0, "millstream.errors.violations"), format!("[{too_long},{capitals}]"));
    assert_eq!(header(1, "millstream.errors.violations"), format!("[{capitals}]"));
    assert_eq!(header(0, "millstream.errors.reason"), "invalid");
    assert_eq!(header(0, "millstream.errors.node"), "rules");
    assert_eq!(dead[0].value.as_deref(), Some("Invalid"));
    let dropped: u64 = driver.tasks().values().filter_map(|task| task.dropped.get("invalid")).sum();
    assert_eq!(dropped, 2);
}

#[test]
fn without_another_choice_an_invalid_record_ends_the_application_with_a_sentence() {
    let service = Service::default();
    let mut driver = TestDriver::new(validated(&service));
    let record = Record::new("ada".to_owned(), "Invalid".to_owned(), Timestamp(0));
    let error = driver.error_after(&JOBS, &record).unwrap().to_string();
    let expected = "task 0_0 failed at offset 0 of jobs-0: rules: the record is not valid: job (max 4): it is too long; job \
                    (lower): it has capitals; the record is not committed";
    assert!(error.starts_with(expected), "{error}");
    assert!(service.calls().is_empty());
}
