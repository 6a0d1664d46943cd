//! What goes wrong in libraries of this kind that are in wide use, and does not here. (Validation has its tests with the
//! operator, and passwords are hidden wherever settings are shown.)

use std::time::Duration;

use streams_core::config::OnError;
use streams_core::dsl::handler::{Job, Retry};
use streams_core::prelude::*;
use streams_core::testing::TestDriver;

use crate::service::{DEAD, DONE, Failed, JOBS, Service, done, metrics, pipe, plain, setup};

const SECOND: Duration = Duration::from_secs(1);

/// The position is acknowledged before the record is handled, and a crash loses it.
#[test]
fn a_record_that_is_acknowledged_is_not_lost_by_a_crash() {
    let service = Service::default();
    let mut driver = setup(&service, plain).start();
    pipe(&mut driver, &[("ada", "slow")]);
    let committed: u64 = driver.tasks().values().map(|task| task.uncommitted).sum();
    assert_eq!((committed, done(&mut driver).len()), (0, 0), "its position is committed, and it is not done");
    driver.restart();
    driver.advance_wall_clock(10 * SECOND);
    driver.commit();
    assert_eq!(done(&mut driver), ["ada slow"]);
}

/// Bytes that cannot be read are logged and dropped.
#[test]
fn bytes_that_cannot_be_read_become_dead_letters_and_are_not_handled() {
    const NUMBERS: Topic<String, i64> = Topic::new("numbers");
    const RAW: Topic<String, String> = Topic::new("numbers");
    let builder = StreamsBuilder::new();
    let work = |job: Job<String, i64>| async move { Ok::<_, Failed>(*job.value()) };
    builder.stream(NUMBERS).handle("work", work).to(Topic::<String, i64>::new("done"));
    let setup = TestDriver::configure(builder.build().unwrap());
    let setup = setup.with(|app| app.exactly_once().dead_letters_to("dead-letters"));
    let mut driver = setup.with(|app| app.on_undecodable(OnError::DeadLetter)).start();
    driver.pipe(&RAW, "ada", "no number");
    let dead: Vec<_> = driver.read(&DEAD);
    assert_eq!(dead, [(Some("ada".to_owned()), Some("no number".to_owned()))]);
    assert_eq!(metrics(&mut driver, "work").accepted, 0);
}

/// A retry publishes the record anew, without its key, so that it lands on another partition and overtakes others.
#[test]
fn a_record_that_is_tried_again_keeps_its_key_and_its_place() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.retry(Retry::after([SECOND]))).partitions(6).start();
    pipe(&mut driver, &[("ada", "fails 1"), ("ada", "second"), ("ada", "third")]);
    driver.advance_wall_clock(SECOND);
    driver.commit();
    let done = driver.read(&DONE);
    assert_eq!(done, ["fails 1", "second", "third"].map(|value| ("ada".to_owned(), value.to_owned())));
}

/// A batch is in memory only, and its records are acknowledged already.
#[test]
fn a_batch_that_is_not_full_survives_a_crash() {
    let builder = StreamsBuilder::new();
    let work = |jobs: Vec<Job<String, String>>| async move {
        jobs.into_iter().map(|job| Ok::<_, Failed>(job.into_pair().1)).collect()
    };
    builder.stream(JOBS).handle_batches("work", 100, 90 * SECOND, work).to(DONE);
    let setup = TestDriver::configure(builder.build().unwrap()).partitions(3);
    let mut driver = setup.with(|app| app.exactly_once()).start();
    pipe(&mut driver, &[("ada", "a"), ("bob", "b")]);
    assert_eq!(done(&mut driver).len(), 0);
    driver.restart();
    driver.advance_wall_clock(90 * SECOND);
    driver.commit();
    assert_eq!(done(&mut driver), ["ada a", "bob b"]);
}

/// Pauses between attempts block the loop that polls the group, until that takes the member for dead.
#[test]
fn a_long_pause_between_attempts_holds_nobody_up_and_costs_no_membership() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.retry(Retry::after([3_600 * SECOND]))).start();
    pipe(&mut driver, &[("ada", "fails 1")]);
    for _ in 0..60 {
        driver.advance_wall_clock(60 * SECOND);
        pipe(&mut driver, &[("bob", "other")]);
        assert_eq!(driver.tasks().len(), 3);
    }
    driver.advance_wall_clock(SECOND);
    assert_eq!(done(&mut driver).len(), 61);
    assert_eq!(service.calls().len(), 62, "nothing was handled twice");
}

/// A format of one's own is used in one place and not in another.
#[test]
fn a_format_of_ones_own_is_used_wherever_a_record_is_kept_or_sent() {
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Upside(String);

    impl Value for Upside {
        fn encode(&self, out: &mut Vec<u8>) -> Result<(), streams_core::wire::EncodeError> {
            let turned: String = self.0.chars().rev().collect();
            turned.encode(out)
        }

        fn decode(bytes: &[u8]) -> Result<Self, streams_core::wire::DecodeError> {
            String::decode(bytes).map(|turned| Self(turned.chars().rev().collect()))
        }
    }

    const WORDS: Topic<String, Upside> = Topic::new("words");
    const RAW: Topic<String, String> = Topic::new("done");
    let builder = StreamsBuilder::new();
    let work = |job: Job<String, Upside>| async move {
        assert_eq!(job.value().0, "abc");
        match job.attempt() {
            1 => Err("once more"),
            _ => Ok(job.into_pair().1),
        }
    };
    let handled = builder.stream(WORDS).handle("work", work).retry(Retry::after([SECOND]));
    handled.to(Topic::<String, Upside>::new("done"));
    let mut driver = TestDriver::configure(builder.build().unwrap()).with(|app| app.exactly_once()).start();
    driver.pipe(&WORDS, "ada", Upside("abc".to_owned()));
    driver.restart();
    driver.commit();
    assert_eq!(driver.read(&RAW), [("ada".to_owned(), "cba".to_owned())]);
}
