//! Records that are ahead of the clock: what is told of them must not be refused by the log, and is not believed.

use std::time::Duration;

use crate::config::OnFuture;
use crate::dsl::StreamsBuilder;
use crate::record::Timestamp;
use crate::runtime::tests::by_hand::{Instance, log};
use crate::runtime::{App, Settings};
use crate::testing::TestDriver;
use crate::topic::Topic;
use crate::topology::Topology;

const EVENTS: Topic<String, String> = Topic::new("events");
const BY_TEXT: Topic<String, String> = Topic::new("by-text");
const DEAD: Topic<Option<String>, Option<String>> = Topic::new("dead-letters");

const NOW: i64 = 1_000_000_000;
const HOURS: i64 = 3 * 3_600_000;

/// Sends events through a repartition topic, but for some.
fn repartitioned() -> Topology {
    let builder = StreamsBuilder::new();
    let events = builder.stream(EVENTS).filter(|_, text| text != "ignored");
    events.select_key(|_, text| text.clone()).repartition().named("by-text").to(BY_TEXT);
    builder.build().expect("a topology")
}

/// Internal topics refuse what Kafka's do by default.
fn settings() -> Settings {
    Settings {
        event_time_alignment: Some(Duration::from_secs(5)),
        topic_configs: vec![("message.timestamp.after.max.ms".to_owned(), "3600000".to_owned())],
        ..Settings::default()
    }
}

/// Regression: the record that told how far the task was had that time itself, and a broker refused it.
#[test]
fn what_is_told_of_a_record_of_the_future_is_accepted() {
    let setup = TestDriver::configure(repartitioned()).partitions(2).start_at(Timestamp(NOW));
    let mut driver = setup.with(|app| app.settings(settings()).exactly_once()).start();
    driver.pipe_at(&EVENTS, "a", "ignored", Timestamp(NOW + HOURS));
    for (key, time) in [("a", 10), ("b", 20)] {
        driver.pipe_at(&EVENTS, key, format!("at {time}"), Timestamp(NOW + time));
    }
    driver.advance_wall_clock(Duration::from_secs(60));
    let texts: Vec<_> = driver.read(&BY_TEXT).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
}

/// Regression: while such a record was the next one of its task, others were told that nothing older would come.
#[test]
fn nobody_hears_of_a_record_that_is_refused() {
    let (log, clock) = log();
    for (topic, partitions) in [("events", 1), ("by-text", 1), ("dead-letters", 1)] {
        log.create_topic(topic, partitions).expect("a topic");
    }
    // One by one, so that a commit comes between them.
    let mut settings = Settings { records_per_round: 1, commit_interval: Some(Duration::from_millis(1)), ..settings() };
    settings.errors.future_max = Some(Duration::from_secs(60));
    settings.errors.future = OnFuture::DeadLetter;
    for (text, time) in [("one", 0), ("two", HOURS), ("three", 5), ("four", HOURS), ("five", 10)] {
        log.send_at(&EVENTS, "a", text, Timestamp(time)).expect("sent");
    }
    let app = App::new("app", repartitioned()).settings(settings).exactly_once().dead_letters_to("dead-letters");
    let mut instance = Instance::start(app, log.clone(), &clock);
    for _ in 0..200 {
        instance.step_control();
        instance.step_worker();
        clock.advance(Duration::from_millis(2));
    }
    let told: Vec<i64> = log
        .read(&Topic::<Option<String>, Option<String>>::new("app-by-text-repartition"))
        .expect("readable")
        .iter()
        .filter_map(|record| record.headers.get("millstream-event-time")?.get(9..17)?.try_into().ok())
        .map(i64::from_be_bytes)
        .collect();
    assert!(told.len() >= 3 && told.iter().all(|time| *time <= 10), "{told:?}");
    assert_eq!(log.read(&BY_TEXT).expect("readable").len(), 3);
    assert_eq!(log.read(&DEAD).expect("readable").len(), 2);
}
