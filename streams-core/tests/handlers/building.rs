//! Handlers that would not work are refused with a sentence that says what to do.

use std::time::Duration;

use streams_core::dsl::Handled;
use streams_core::dsl::handler::{GiveUp, Job, Retry};
use streams_core::prelude::*;
use streams_core::testing::TopologyTestDriver;

use crate::service::{DONE, Failed, JOBS};

const MINUTE: Duration = Duration::from_secs(60);

fn built(
    options: impl for<'t> Fn(Handled<'t, String, String>) -> Handled<'t, String, String>,
) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let work = |job: Job<String, String>| async move { Ok::<_, Failed>(job.into_pair().1) };
    options(builder.stream(JOBS).handle("work", work)).to(DONE);
    builder.build()
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (refused, expected) in [
        (
            built(|handled| handled.concurrency(0)),
            "`.concurrency(0)` would never handle a record; it must be at least 1",
        ),
        (built(|handled| handled.max_records(0)), "no record would ever be accepted"),
        (built(|handled| handled.retry(Retry::never().for_ever())), "an endless loop; give it a pause"),
        (
            built(|handled| handled.retry(Retry::in_topics([MINUTE]))),
            "later ones of its key are handled; accept that with `.unordered()`, or keep the order with",
        ),
        (
            built(|handled| handled.retry(Retry::in_topics([MINUTE])).unordered().in_order_per_key()),
            "accept that with `.unordered()`",
        ),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.starts_with("the handler `work` (") && error.contains(expected), "{error}");
    }
}

#[test]
fn two_handlers_need_two_names_and_each_has_one() {
    let builder = StreamsBuilder::new();
    let work = |job: Job<String, String>| async move { Ok::<_, Failed>(job.into_pair().1) };
    _ = builder.stream(JOBS).handle("work", work).handle("work", work);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("`work`"), "{error}");
    let builder = StreamsBuilder::new();
    _ = builder.stream(JOBS).handle("work", work).named("other");
    assert!(matches!(builder.build(), Err(TopologyError::NamedTwice { .. })));
    let builder = StreamsBuilder::new();
    _ = builder.stream(JOBS).handle("bad name", work);
    assert!(matches!(builder.build(), Err(TopologyError::Name { .. })));
}

#[test]
fn dead_letters_need_a_topic_which_is_said_before_anything_starts() {
    let log = Embedded::in_memory();
    let topology = || built(|handled| handled.give_up(GiveUp::DeadLetter)).unwrap();
    let error = App::new("dead", topology()).quiet().start(log.clone()).map(drop).unwrap_err().to_string();
    let expected = "setting errors.dead.letter.queue.topic.name: `work` gives records up as dead letters, and they need a \
                    topic; set one with `.dead_letters_to(..)`";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(TopologyTestDriver::new(topology()).map(drop).unwrap_err().to_string(), error);
    // Those that give up in another way need none.
    let topology = built(|handled| handled.give_up(GiveUp::Skip)).unwrap();
    log.create_topic("jobs", 1).unwrap();
    App::new("dead", topology).quiet().run_until_idle(log).unwrap();
}

#[test]
fn a_handler_and_its_store_are_seen_in_the_topologys_picture() {
    let topology = built(|handled| handled).unwrap();
    assert!(topology.describe().contains("Processor: work (stores: [work])"), "{}", topology.describe());
    assert!(topology.to_dot().contains("work"), "{}", topology.to_dot());
    let topics: Vec<_> = topology.internal_topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(topics, ["work-changelog"]);
}

#[test]
fn retry_topics_are_seen_in_the_topologys_picture_and_have_their_handlers_name() {
    let ladder = || Retry::in_topics([MINUTE, 60 * MINUTE, MINUTE]);
    let topology = built(|handled| handled.unordered().retry(ladder())).unwrap();
    let expected = "\
Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [jobs])
      --> work
    Source: work-retry-1h-source (topics: [work.retry.1h])
      --> work
    Source: work-retry-1m-source (topics: [work.retry.1m])
      --> work
    Processor: work (stores: [work])
      --> KSTREAM-SINK-0000000002, work-retry-1h-sink, work-retry-1m-sink
      <-- KSTREAM-SOURCE-0000000000, work-retry-1m-source, work-retry-1h-source
    Sink: KSTREAM-SINK-0000000002 (topic: done)
      <-- work
    Sink: work-retry-1h-sink (topic: work.retry.1h)
      <-- work
    Sink: work-retry-1m-sink (topic: work.retry.1m)
      <-- work

";
    assert_eq!(topology.describe(), expected);
    let topics = &topology.to_json()["internal_topics"];
    assert_eq!(topics[0], serde_json::json!({ "name": "work.retry.1m", "type": "retry", "delay_ms": 60_000 }));
    // Two handlers of one topic do not get each other's records.
    let builder = StreamsBuilder::new();
    let (jobs, work) =
        (builder.stream(JOBS), |job: Job<String, String>| async move { Ok::<_, Failed>(job.into_pair().1) });
    for name in ["one", "other"] {
        _ = jobs.handle(name, work).unordered().retry(ladder());
    }
    let topology = builder.build().unwrap();
    let topics: Vec<_> = topology.internal_topics().iter().map(|topic| &*topic.name).collect();
    assert_eq!(topics[..4], ["one.retry.1m", "one.retry.1h", "other.retry.1m", "other.retry.1h"]);
}
