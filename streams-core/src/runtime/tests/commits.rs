//! What a commit writes.

use std::time::Duration;

use super::by_hand::{Instance, log};
use crate::dsl::StreamsBuilder;
use crate::record::Timestamp;
use crate::runtime::App;
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::{Tumbling, Windowed};
use crate::wire::murmur2::partition_of;

const WORDS: Topic<String, String> = Topic::new("words");

fn windowed() -> Topology {
    let builder = StreamsBuilder::new();
    let window = Tumbling::of(Duration::from_secs(60)).no_grace();
    let _: crate::dsl::KTable<'_, Windowed<String>, _> =
        builder.stream(WORDS).group_by_key().windowed_by(window).count();
    builder.build().expect("a topology")
}

/// Stream times and age were noted with every commit of any task.
#[test]
fn nothing_is_written_for_a_task_where_nothing_happened() {
    for exactly_once in [false, true] {
        let (log, clock) = log();
        log.create_topic("words", 2).expect("a topic");
        let folder = tempfile::tempdir().expect("a folder");
        let state = KeptState::default();
        let app = App::new("idle", windowed()).state_in(state.clone()).state_dir(folder.path());
        let app = if exactly_once { app.exactly_once() } else { app };
        let mut instance = Instance::start(app, log.clone(), &clock);
        instance.step_until(|instance| instance.running_tasks() == 2);
        let keys = ["a", "b", "c", "d", "e", "f"];
        let key_of =
            |partition: i32| *keys.iter().find(|key| partition_of(key.as_bytes(), 2).0 == partition).expect("one");
        let mut time = 0;
        let mut written_after = |partitions: &[i32]| {
            let before = ["0_0", "0_1"].map(|task| state.writes(task));
            time += 1;
            for partition in partitions {
                log.send_at(&WORDS, key_of(*partition), "word", Timestamp(time)).expect("sent");
            }
            instance.settle();
            instance.worker.as_mut().expect("a worker").commit_now();
            instance.settle();
            let after = ["0_0", "0_1"].map(|task| state.writes(task));
            [after[0] > before[0], after[1] > before[1]]
        };
        let seen = [&[0, 1][..], &[0], &[1], &[], &[0, 1]].map(&mut written_after);
        assert_eq!(seen, [[true, true], [true, false], [false, true], [false, false], [true, true]], "{exactly_once}");
    }
}
