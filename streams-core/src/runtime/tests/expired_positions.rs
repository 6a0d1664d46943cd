//! Tests of groups that have forgotten their positions, as Kafka's do after `offsets.retention.minutes`, while the state that
//! rests on them is still there.

use super::by_hand::Instance;
use super::faulty_log::FaultKind;
use super::said::said;
use super::scene::{Scene, stop};
use super::word_count;
use crate::runtime::{App, AppError, AppState, Guarantee, OffsetReset, RestsOn, Settings};
use crate::testing::KeptState;

const GUARANTEES: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

/// Starts an instance on the state, or with state in memory.
fn start(scene: &Scene, settings: Settings, state: Option<&KeptState>, forgets: bool) -> Instance {
    let app = App::new("app", word_count()).settings(settings);
    let app = state.into_iter().fold(app, |app, state| app.state_in(state.clone()));
    let (instance, faults) = scene.start_app(app);
    if forgets {
        faults.begin_for_ever(FaultKind::PositionsForgotten);
    }
    instance
}

/// Counts to three and stops, and starts again when the group has forgotten its positions and another word is there.
fn start_again(scene: &Scene, settings: &Settings, state: Option<&KeptState>) -> Instance {
    let mut first = start(scene, settings.clone(), state, false);
    first.step_until(|instance| instance.running_tasks() == 2);
    scene.send(3);
    scene.pass(&mut first, 40);
    stop(&mut first);
    drop(first);
    assert_eq!(scene.counts(), [1, 2, 3]);
    scene.send(1);
    let mut again = start(scene, settings.clone(), state, true);
    for _ in 0..40 {
        if !again.state().is_final() {
            scene.pass(&mut again, 1);
        }
    }
    again
}

/// Regression: everything was counted again on top of what was there, or left out, and nobody was told.
#[test]
fn forgotten_positions_are_an_error_where_state_rests_on_them_whatever_the_setting_says() {
    for guarantee in GUARANTEES {
        for reset in [OffsetReset::Earliest, OffsetReset::Latest] {
            let (scene, state) = (Scene::new(), KeptState::default());
            let settings = Settings { offset_reset: reset, ..Scene::settings("m", guarantee) };
            let again = start_again(&scene, &settings, Some(&state));
            assert_eq!(scene.counts(), [1, 2, 3], "{guarantee:?} {reset:?}");
            let error = again.error().expect("an error");
            let AppError::PositionGone { group, rests_on, .. } = &error else { panic!("{error}") };
            assert_eq!(group, "app");
            assert!(matches!(&**rests_on, RestsOn::State { position: 3, .. }), "{error}");
            for part in ["`offsets.retention.minutes`", "--reset-offsets --to-offset N", "N is 3", "start over"] {
                assert!(error.to_string().contains(part), "{part} in {error}");
            }
        }
    }
}

#[test]
fn without_state_committed_records_of_a_changelog_tell() {
    let scene = Scene::new();
    let again = start_again(&scene, &Scene::settings("m", Guarantee::ExactlyOnce), None);
    assert_eq!(scene.counts(), [1, 2, 3]);
    let error = again.error().expect("an error");
    let AppError::PositionGone { rests_on, .. } = &error else { panic!("{error}") };
    let RestsOn::Changelog(changelog) = &**rests_on else { panic!("{error}") };
    assert!(changelog.topic.ends_with("-changelog"), "{error}");
}

/// At-least-once may have ended before its first commit, and may repeat that.
#[test]
fn under_at_least_once_a_changelog_without_positions_is_told() {
    let scene = Scene::new();
    let said = said(|| {
        let again = start_again(&scene, &Scene::settings("m", Guarantee::AtLeastOnce), None);
        assert_eq!((again.state(), again.error()), (AppState::Running, None));
    });
    let told = said.lines().filter(|line| line.contains("the group has no position in app-"));
    let told: Vec<_> = told.filter(|line| line.contains("-changelog-0 has records")).collect();
    assert_eq!(told.len(), 1, "{said}");
}

#[test]
fn who_ended_before_the_first_commit_begins_again() {
    for guarantee in GUARANTEES {
        for state in [None, Some(KeptState::default())] {
            let scene = Scene::new();
            let settings = Scene::settings("m", guarantee);
            let mut first = start(&scene, settings.clone(), state.as_ref(), false);
            first.step_until(|instance| instance.running_tasks() == 2);
            scene.send(2);
            first.settle();
            drop(first);
            scene.clock.advance(std::time::Duration::from_secs(60));
            let mut again = start(&scene, settings, state.as_ref(), false);
            scene.pass(&mut again, 40);
            assert_eq!((again.state(), again.error()), (AppState::Running, None), "{guarantee:?}");
            if guarantee == Guarantee::ExactlyOnce {
                assert_eq!(scene.counts(), [1, 2]);
            }
        }
    }
}
