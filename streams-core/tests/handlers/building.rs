//! Handlers that would not work are refused with a sentence that says what to do.

use streams_core::dsl::Handled;
use streams_core::dsl::handler::{GiveUp, Job, Retry};
use streams_core::prelude::*;

use crate::service::{DONE, Failed, JOBS};

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
fn dead_letters_need_a_topic() {
    let log = Embedded::in_memory();
    log.send(&JOBS, "ada", "a").unwrap();
    let topology = built(|handled| handled.give_up(GiveUp::DeadLetter)).unwrap();
    let error = App::new("dead", topology).quiet().run_until_idle(log).unwrap_err().to_string();
    let expected = "setting errors.dead.letter.queue.topic.name: `work` gives records up as dead letters, and they need a \
                    topic; set one with `.dead_letters_to(..)`";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_handler_and_its_store_are_seen_in_the_topologys_picture() {
    let topology = built(|handled| handled).unwrap();
    assert!(topology.describe().contains("Processor: work (stores: [work])"), "{}", topology.describe());
    assert!(topology.to_dot().contains("work"), "{}", topology.to_dot());
    let topics: Vec<_> = topology.internal_topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(topics, ["work-changelog"]);
}
