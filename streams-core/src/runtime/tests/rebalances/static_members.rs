//! Tests of static members: processes that come back with their state, and copies of it.

use std::time::Duration;

use crate::runtime::tests::by_hand::Instance;
use crate::runtime::tests::scene::{Scene, stop};
use crate::runtime::tests::{COUNTS, LINES, word_count};
use crate::runtime::{App, AppError, AppState, Guarantee, Settings};
use crate::state::StatePlace as _;
use crate::testing::KeptState;

const GUARANTEES: [Guarantee; 2] = [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce];

/// An instance with that state. The first id in order gets the only task of each sub-topology.
fn start(scene: &Scene, guarantee: Guarantee, state: &KeptState) -> Instance {
    let settings = Scene::settings("name", guarantee);
    let app = App::new("app", word_count()).settings(settings).state_in(state.clone());
    scene.start_app(app).0
}

/// State of a process with that id.
fn state_of(process_id: &str) -> KeptState {
    let state = KeptState::default();
    state.note("app", "process-id", process_id);
    state
}

fn settle(instances: &mut [&mut Instance]) {
    for _ in 0..300 {
        for instance in instances.iter_mut() {
            instance.step_control();
            instance.step_worker();
        }
    }
}

const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";

/// The clock stands still, so no session times out. The idle process would have had to give up its tasks.
#[test]
fn a_killed_process_that_comes_back_has_its_tasks_at_once() {
    for guarantee in GUARANTEES {
        let scene = Scene::new();
        let (state, other_state) = (state_of(FIRST), state_of(SECOND));
        let mut first = start(&scene, guarantee, &state);
        first.step_until(|instance| instance.running_tasks() == 2);
        let mut other = start(&scene, guarantee, &other_state);
        settle(&mut [&mut first, &mut other]);
        scene.send(3);
        scene.pass(&mut first, 31);
        settle(&mut [&mut other]);
        assert_eq!((first.running_tasks(), scene.counts()), (2, vec![1, 2, 3]), "{guarantee:?}");
        let sees_nothing = |other: &mut Instance| {
            other.step_control();
            assert!(other.control.is_assigned(), "{guarantee:?}");
        };
        drop(first);
        scene.send(1);
        sees_nothing(&mut other);
        let mut first = start(&scene, guarantee, &state);
        first.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
        sees_nothing(&mut other);
        scene.pass(&mut first, 31);
        sees_nothing(&mut other);
        assert_eq!(scene.counts(), [1, 2, 3, 4], "{guarantee:?}");
        assert_eq!((other.state(), other.error()), (AppState::Running, None), "{guarantee:?}");
    }
}

#[test]
fn a_process_that_stops_gives_its_tasks_away_at_once_although_it_could_come_back() {
    let scene = Scene::new();
    let mut first = start(&scene, Guarantee::ExactlyOnce, &state_of(FIRST));
    let mut other = start(&scene, Guarantee::ExactlyOnce, &state_of(SECOND));
    settle(&mut [&mut first, &mut other]);
    assert_eq!((first.running_tasks(), other.running_tasks()), (2, 0));
    stop(&mut first);
    other.step_until(|instance| instance.running_tasks() == 2);
}

/// Two processes with copies of one folder are told apart by nothing. The older one ends, and what it has not committed
/// does not end up behind its successor's records.
#[test]
fn of_two_processes_with_copies_of_a_folder_the_older_one_ends_and_says_why() {
    for guarantee in GUARANTEES {
        let scene = Scene::new();
        let cached = |state: KeptState| {
            let settings = Settings { cache_bytes: 1 << 20, ..Scene::settings("name", guarantee) };
            let (mut instance, _) = scene.start_app(App::new("app", word_count()).settings(settings).state_in(state));
            instance.step_until(|instance| instance.running_tasks() == 2);
            instance
        };
        let mut first = cached(state_of(FIRST));
        scene.send(2);
        scene.pass(&mut first, 61);
        scene.send(1);
        first.settle();
        let mut twin = cached(state_of(FIRST));
        scene.pass(&mut twin, 61);
        // At-least-once counts a word again that was already on its way between two tasks.
        let third = if guarantee == Guarantee::ExactlyOnce { 3 } else { 4 };
        assert_eq!(scene.counts(), [2, third], "{guarantee:?}");
        first.settle();
        let error = first.error();
        let Some(AppError::Replaced { application_id, instance_id, .. }) = &error else { panic!("{error:?}") };
        assert!(application_id == "app" && instance_id.starts_with(FIRST), "{error:?}");
        let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
        for part in ["another process", instance_id, "`process-id`", "copied", "`state.dir`"] {
            assert!(said.contains(part), "{part:?} in {said}");
        }
        assert_eq!(first.state(), AppState::Error);
        scene.send(1);
        scene.pass(&mut twin, 61);
        assert_eq!(scene.counts(), [2, third, third + 1], "{guarantee:?}");
        assert_eq!((twin.state(), twin.error()), (AppState::Running, None), "{guarantee:?}");
    }
}

/// Otherwise the process would be given its predecessor's tasks, and the new ones would belong to nobody.
#[test]
fn a_process_with_another_topology_or_more_partitions_does_not_take_its_predecessors_place() {
    let scene = Scene::new();
    let state = state_of(FIRST);
    let mut first = start(&scene, Guarantee::AtLeastOnce, &state);
    first.step_until(|instance| instance.running_tasks() == 2);
    let instances = || {
        let admin = crate::log::Log::admin(&scene.log, crate::log::Doorbell::new()).expect("an admin");
        let members = admin.group_members("app").wait().expect("an answer").expect("members");
        members.into_iter().map(|member| member.member_id).collect::<Vec<_>>()
    };
    let [before] = &*instances() else { panic!("{:?}", instances()) };
    drop(first);
    let builder = crate::dsl::StreamsBuilder::new();
    builder.stream(LINES).map_values(|_| 1_i64).map(|(), value| (String::new(), value)).to(COUNTS);
    let settings = Scene::settings("name", Guarantee::AtLeastOnce);
    let app = App::new("app", builder.build().expect("a topology")).settings(settings).state_in(state);
    let (mut another, _) = scene.start_app(app);
    another.settle();
    assert_eq!(another.running_tasks(), 0, "the group waits for the predecessor");
    let both = instances();
    assert!(both.len() == 2 && both.contains(before) && both.iter().all(|id| id.starts_with(FIRST)), "{both:?}");
    scene.clock.advance(Duration::from_secs(46));
    another.step_until(|instance| instance.running_tasks() == 1);
}
