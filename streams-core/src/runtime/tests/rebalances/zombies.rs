//! Tests of zombies: members that stood still beyond their session, and do not know yet that others have their tasks.

use std::time::Duration;

use crate::dsl::StreamsBuilder;
use crate::runtime::tests::COUNTS;
use crate::runtime::tests::faulty_log::FaultKind;
use crate::runtime::tests::scene::{Scene, stop};
use crate::runtime::{App, AppState, Guarantee, Settings};
use crate::topic::Topic;

/// Regression: the zombie found that the records at its position were deleted, because its successor had processed
/// them, and ended the application with "records on their way between the application's tasks were deleted".
#[test]
fn a_zombie_whose_next_records_are_gone_is_no_error() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let scene = Scene::new();
        let (mut zombie, _) = scene.start(Scene::settings("a", guarantee));
        zombie.step_until(|instance| instance.running_tasks() == 2);
        scene.send(2);
        scene.pass(&mut zombie, 31);
        scene.clock.advance(Duration::from_secs(50));
        let (mut successor, _) = scene.start(Scene::settings("b", guarantee));
        successor.step_until(|instance| instance.running_tasks() == 2);
        scene.send(3);
        // Time to commit, and to delete processed records from the repartition topic.
        scene.pass(&mut successor, 70);
        assert_eq!(scene.counts(), [1, 2, 3, 4, 5], "{guarantee:?}");
        for _ in 0..50 {
            zombie.step_worker();
        }
        zombie.settle();
        assert_eq!(zombie.error(), None, "{guarantee:?}");
        stop(&mut successor);
        zombie.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
        scene.send(1);
        scene.pass(&mut zombie, 31);
        assert_eq!(scene.counts(), [1, 2, 3, 4, 5, 6], "{guarantee:?}");
    }
}

/// Regression: the zombie's cached row was written after its successor's and so was the changelog's last record when
/// both were gone. The counts of seven records were 6, 1, 2. The same happened at the very end of its session, when the
/// group has already given the member up.
#[test]
fn a_zombie_writes_nothing_behind_its_successor() {
    let session = Settings::default().session_timeout;
    for silence in [session, session + Duration::from_secs(5)] {
        check_a_zombies_writes(silence, false);
    }
}

/// Regression: as before, but the zombie's member was polled, and the group's answer was still on its way. A process that was
/// stopped for longer than its session always begins like this. Its row was written behind its successor's.
#[test]
fn a_zombie_that_has_not_been_told_yet_writes_nothing_behind_its_successor() {
    let session = Settings::default().session_timeout;
    for silence in [session, session + Duration::from_secs(5)] {
        check_a_zombies_writes(silence, true);
    }
}

fn check_a_zombies_writes(silence: Duration, is_polled: bool) {
    const WORDS: Topic<String, String> = Topic::new("words");
    let scene = Scene::new();
    scene.log.create_topic("words", 1).expect("a topic");
    let start = |name: &str| {
        let builder = StreamsBuilder::new();
        builder.stream(WORDS).group_by_key().count().to_stream().to(COUNTS);
        let settings = Settings { cache_bytes: 1 << 20, ..Scene::settings(name, Guarantee::AtLeastOnce) };
        let app = App::new("app", builder.build().expect("a topology")).settings(settings);
        let (mut instance, faults) = scene.start_app(app);
        instance.step_until(|instance| instance.running_tasks() == 1);
        (instance, faults)
    };
    let send = |times: usize| (0..times).for_each(|_| _ = scene.log.send(&WORDS, "to", "be").expect("sent"));
    let (mut zombie, faults) = start("a");
    send(1);
    zombie.settle();
    scene.clock.advance(silence);
    let (mut successor, _) = start("b");
    send(5);
    successor.settle();
    successor.worker.as_mut().expect("a worker").commit_now();
    successor.settle();
    assert_eq!(scene.counts(), [6], "{silence:?}");
    // Its commit is long overdue, and nothing new has reached it yet.
    faults.begin_for_ever(FaultKind::FetchNothing);
    faults.begin_for_ever(FaultKind::MemberSilent);
    for _ in 0..50 {
        if is_polled {
            zombie.step_control();
        }
        zombie.step_worker();
    }
    drop((zombie, successor));
    scene.clock.advance(Duration::from_secs(50));
    let (mut third, _) = start("c");
    send(1);
    scene.pass(&mut third, 31);
    assert_eq!(scene.counts(), [6, 7], "{silence:?}");
}
