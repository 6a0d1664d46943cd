//! Tests of records that take long to process: work that falls due does not have to wait for everything that was
//! fetched.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::LINES;
use super::by_hand::Instance;
use super::scene::Scene;
use crate::clock::{Clock as _, ManualClock};
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Log as _};
use crate::operators::PunctuationTime;
use crate::operators::process::{Forward, Processor, PunctuationId, Schedule};
use crate::operators::processor_stores::Refs;
use crate::record::{Record, Timestamp, TopicPartition};
use crate::runtime::control::Status;
use crate::runtime::{App, Guarantee, Settings};
use crate::topic::Topic;
use crate::topology::Topology;

const OUT: Topic<(), String> = Topic::new("out");

/// How long processing a record takes.
const EACH: Duration = Duration::from_millis(30);

/// Forwards records, taking a while for each.
struct Slow(Arc<Watched>);

/// How a test observes and influences the processor.
struct Watched {
    clock: ManualClock,
    punctuations: AtomicI64,
    /// The application to stop in the middle of the tenth record.
    stops: OnceLock<Arc<Status>>,
}

impl Processor<(), String, (), String> for Slow {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_millis(200), PunctuationTime::WallClock);
    }

    fn process(&mut self, (): Refs<'_, ()>, record: Record<(), String>, out: &mut Forward<'_, (), String>) {
        self.0.clock.advance(EACH);
        if let (Some(status), "9") = (self.0.stops.get(), record.value.as_str()) {
            status.stop.store(true, Ordering::SeqCst);
        }
        out.send((), record.value);
    }

    fn punctuate(&mut self, _: PunctuationId, _: Timestamp, (): Refs<'_, ()>, _: &mut Forward<'_, (), String>) {
        self.0.punctuations.fetch_add(1, Ordering::SeqCst);
    }
}

fn slow_copy(watched: &Arc<Watched>) -> Topology {
    let watched = Arc::clone(watched);
    let builder = StreamsBuilder::new();
    builder.stream(LINES).process_with((), move || Slow(Arc::clone(&watched))).to(OUT);
    builder.build().expect("a topology")
}

/// Starts with 1,500 records of 30 ms each, all fetched at once.
fn start(guarantee: Guarantee) -> (Scene, Instance, Arc<Watched>) {
    let scene = Scene::new();
    let (clock, punctuations, stops) = (scene.clock.clone(), AtomicI64::new(0), OnceLock::new());
    let watched = Arc::new(Watched { clock, punctuations, stops });
    let settings = Settings {
        commit_interval: Some(Duration::from_millis(100)),
        buffered_records: 10_000,
        ..Scene::settings("m", guarantee)
    };
    let app = App::new("app", slow_copy(&watched)).settings(settings);
    let (mut instance, _) = scene.start_app(app);
    instance.step_until(|instance| instance.running_tasks() == 1);
    for number in 0..1_500 {
        scene.log.send(&LINES, (), number.to_string()).expect("sent");
    }
    (scene, instance, watched)
}

fn committed(scene: &Scene) -> i64 {
    let admin = scene.log.admin(Doorbell::new()).expect("an admin");
    let mut reply = admin.committed("app", vec![TopicPartition::new("lines", 0)]);
    match reply.poll() {
        std::task::Poll::Ready(Some(Ok(committed))) => committed[0].as_ref().map_or(0, |committed| committed.offset.0),
        _ => 0,
    }
}

/// Steps control and worker until that much time has passed. Only records make time pass.
fn run_for(scene: &Scene, instance: &mut Instance, time: Duration) {
    let until = scene.clock.monotonic() + time;
    for _ in 0..100_000 {
        instance.step_control();
        instance.step_worker();
        if scene.clock.monotonic() >= until {
            return;
        }
    }
    panic!("time stands still: {:?}, {:?}", instance.state(), instance.error());
}

/// Regression: a thousand records were processed before anybody looked at the clock. Under exactly-once the
/// transaction timed out in the middle, again and again, and nothing was ever committed.
#[test]
fn slow_records_are_committed_as_they_are_done() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let (scene, mut instance, _) = start(guarantee);
        run_for(&scene, &mut instance, Duration::from_secs(3));
        let done = committed(&scene);
        // A hundred were processed; the last of them may still wait for a commit.
        assert!((80..=100).contains(&done), "{guarantee:?}: {done} are committed after 3 s");
        run_for(&scene, &mut instance, Duration::from_secs(27));
        let done = committed(&scene);
        assert!((980..=1_000).contains(&done), "{guarantee:?}: {done} are committed after 30 s");
        assert_eq!(instance.error(), None, "{guarantee:?}");
    }
}

#[test]
fn punctuations_are_not_kept_waiting_by_slow_records() {
    let (scene, mut instance, watched) = start(Guarantee::AtLeastOnce);
    run_for(&scene, &mut instance, Duration::from_secs(10));
    let punctuated = watched.punctuations.load(Ordering::SeqCst);
    assert!((30..=50).contains(&punctuated), "{punctuated} punctuations in 10 s, one each 200 ms");
}

#[test]
fn who_is_to_stop_does_not_process_everything_that_was_fetched_first() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let (scene, mut instance, watched) = start(guarantee);
        assert!(watched.stops.set(Arc::clone(&instance.status)).is_ok());
        let before = scene.clock.monotonic();
        instance.step_until(|instance| instance.state().is_final());
        assert_eq!(instance.error(), None, "{guarantee:?}");
        let took = scene.clock.monotonic() - before - 10 * EACH;
        assert!(took < Duration::from_secs(1), "{guarantee:?}: it took {took:?}");
        let done = scene.log.read(&OUT).expect("readable").len();
        assert_eq!(committed(&scene), done as i64, "{guarantee:?}: what is done is committed");
    }
}
