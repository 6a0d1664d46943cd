//! Tests of waits that end by themselves or not at all: they are told, and nothing waits for ever for a transaction of which
//! nobody knows.

use std::time::Duration;

use super::faulty_log::{FaultKind, Faults};
use super::said::said;
use super::scene::Scene;
use crate::runtime::{App, AppState, Guarantee};

const HOUR: Duration = Duration::from_secs(3600);

fn sentences<'a>(said: &'a str, part: &str) -> Vec<&'a str> {
    said.lines()
        .filter(|line| line.contains(" WARN ") && line.contains(" millstream: ") && line.contains(part))
        .collect()
}

/// What goes wrong, before the application starts or while it runs, and what is said about it.
#[test]
fn what_is_waited_for_is_told_after_a_while_and_when_it_is_over() {
    use Guarantee::{AtLeastOnce, ExactlyOnce};
    let table = [
        (FaultKind::InitAway, ExactlyOnce, true, "worker 0", "the log to register its transactional id"),
        (FaultKind::PositionsAway, ExactlyOnce, true, "worker 0", "task 0_0 knows the group's positions"),
        (FaultKind::PositionsAway, AtLeastOnce, true, "worker 0", "task 0_0 knows the group's positions"),
        (FaultKind::CommitsAway, AtLeastOnce, false, "worker 0", "the group to take positions"),
        (FaultKind::ProducerSlow, AtLeastOnce, false, "worker 0", "the log to acknowledge what was written to it"),
        (FaultKind::OffsetsAway, ExactlyOnce, false, "worker 0", "the log to take positions into a transaction"),
        (FaultKind::EndAway, ExactlyOnce, false, "worker 0", "the log to commit a transaction"),
    ];
    for (kind, guarantee, is_at_start, who, what) in table {
        let scene = Scene::new();
        let said = said(|| {
            let settings = Scene::settings("a", guarantee);
            let settings = crate::runtime::Settings { commit_interval: Some(Duration::from_secs(1)), ..settings };
            let (mut instance, faults) = scene.start_app(App::new("app", super::word_count()).settings(settings));
            if is_at_start {
                faults.begin_for_ever(kind);
                instance.settle();
            } else {
                instance.step_until(|instance| instance.state() == AppState::Running);
                faults.begin_for_ever(kind);
                scene.send(1);
            }
            scene.pass(&mut instance, 20);
            faults.end_all();
            scene.pass(&mut instance, 10);
            assert_eq!((instance.state(), instance.error()), (AppState::Running, None), "{kind:?}");
        });
        let told = sentences(&said, what);
        let beginning = format!("{who} has been waiting");
        assert!(told.first().is_some_and(|line| line.contains(&beginning)), "{kind:?}: {told:?}\n{said}");
        assert!(told.len() == 2 && told[1].contains("that is over"), "{kind:?}: {told:?}");
    }
}

/// Work that takes no time is not waited for, however often somebody looks.
#[test]
fn who_commits_all_the_time_waits_for_nothing() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let scene = Scene::new();
        let said = said(|| {
            let (mut instance, _) = scene.start(Scene::settings("a", guarantee));
            for _ in 0..40 {
                scene.send(1);
                scene.pass(&mut instance, 1);
            }
        });
        assert_eq!(sentences(&said, "wait"), Vec::<&str>::new());
    }
}

/// Regression: it was asked for ever, as long as the log answered that it did not know yet.
#[test]
fn a_transaction_of_which_nobody_knows_for_long_is_done_again_with_another_producer() {
    for kind in [FaultKind::OffsetsAway, FaultKind::EndAway] {
        let scene = Scene::new();
        let said = said(|| {
            let (mut instance, faults) = scene.start(Scene::settings("a", Guarantee::ExactlyOnce));
            instance.step_until(|instance| instance.state() == AppState::Running);
            faults.begin(kind, HOUR);
            scene.send(2);
            scene.pass(&mut instance, 40);
            assert_eq!(scene.counts(), Vec::<i64>::new(), "{kind:?}");
            faults.end_all();
            scene.pass(&mut instance, 20);
            assert_eq!((scene.counts(), instance.error()), (vec![1, 2], None), "{kind:?}");
        });
        let undone = said.lines().filter(|line| line.contains("what has become of a transaction"));
        assert!(undone.count() >= 1, "{kind:?}: {said}");
    }
}

/// While nothing at all can be reached, nobody could say anything, and nothing is given up.
#[test]
fn nothing_is_given_up_or_told_while_the_log_as_a_whole_is_out_of_reach() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let scene = Scene::new();
        let said = said(|| {
            let (mut instance, faults) = scene.start(Scene::settings("a", guarantee));
            instance.step_until(|instance| instance.state() == AppState::Running);
            all_away(&faults);
            scene.send(2);
            scene.pass(&mut instance, 600);
            assert_eq!((instance.state(), instance.error()), (AppState::Disconnected, None), "{guarantee:?}");
            faults.end_all();
            scene.pass(&mut instance, 60);
            assert_eq!((instance.state(), instance.error()), (AppState::Running, None), "{guarantee:?}");
            assert_eq!(scene.counts().last(), Some(&2), "{guarantee:?}");
        });
        assert_eq!(sentences(&said, "has been waiting"), Vec::<&str>::new(), "{guarantee:?}");
        assert!(!said.contains("what has become of a transaction"), "{guarantee:?}");
    }
}

fn all_away(faults: &Faults) {
    for kind in [
        FaultKind::AdminAway,
        FaultKind::CommitsAway,
        FaultKind::PositionsAway,
        FaultKind::MemberFails,
        FaultKind::OffsetsAway,
        FaultKind::EndAway,
        FaultKind::InitAway,
        FaultKind::FetchFails,
    ] {
        faults.begin_for_ever(kind);
    }
}
