//! Tests of what is said when an application comes back with another topology.

use super::by_hand::Instance;
use super::said::said;
use super::scene::{Scene, stop};
use super::{COUNTS, LINES};
use crate::dsl::StreamsBuilder;
use crate::runtime::{App, Guarantee};
use crate::state::KeyValueStore;
use crate::testing::KeptState;
use crate::topology::Topology;

/// Counts lines once for each name.
fn counted(names: &[&'static str]) -> Topology {
    let builder = StreamsBuilder::new();
    for name in names {
        let lines = builder.stream(LINES).group_by(|_, line| line.clone()).named(format!("by-{name}"));
        lines.count().stored_as(KeyValueStore::new(name)).to_stream().to(COUNTS);
    }
    builder.build().expect("a topology")
}

fn start(scene: &Scene, state: &KeptState, names: &[&'static str]) -> Instance {
    let app = App::new("app", counted(names)).settings(Scene::settings("m", Guarantee::ExactlyOnce));
    scene.start_app(app.state_in(state.clone())).0
}

#[test]
fn what_becomes_of_each_store_of_a_changed_topology_is_told_once() {
    let (scene, state) = (Scene::new(), KeptState::default());
    let mut told = Vec::new();
    for (names, tasks) in [(&["a", "b"][..], 3), (&["a"], 2), (&["a"], 2)] {
        told.push(said(|| {
            let mut instance = start(&scene, &state, names);
            instance.step_until(|instance| instance.running_tasks() == tasks);
            stop(&mut instance);
        }));
    }
    let reports: Vec<_> = told.iter().map(|said| said.matches("the topology of app has changed").count()).collect();
    assert_eq!(reports, [0, 1, 0], "{told:?}");
    for part in ["store `a` is kept", "store `b` is no longer used", "its changelog `app-b-changelog` in the log"] {
        assert!(told[1].contains(part), "{part} in {}", told[1]);
    }
}
