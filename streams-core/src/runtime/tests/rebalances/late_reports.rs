//! Tests that a worker's late answer does not count as an answer to a later command.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::log::{Doorbell, GroupPlan, Log as _, Member, MemberOptions};
use crate::runtime::control::ControlTurn;
use crate::runtime::tests::by_hand::Instance;
use crate::runtime::tests::scene::Scene;
use crate::runtime::worker::{Command, Report, Worker};
use crate::runtime::{AppState, Guarantee, Settings};

/// The messages between an instance's control and its worker, delivered when the test says so.
struct Post {
    commands: (Receiver<Command>, Sender<Command>),
    reports: (Receiver<Report>, Sender<Report>),
}

impl Post {
    fn deliver_commands(&self) {
        for command in self.commands.0.try_iter() {
            self.commands.1.send(command).expect("a worker");
        }
    }

    fn deliver_reports(&self) {
        for report in self.reports.0.try_iter() {
            self.reports.1.send(report).expect("a control");
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Starts an instance with two tasks, and its post.
fn start(scene: &Scene) -> (Instance, Post) {
    let settings = Settings { rebalance_timeout: PATIENCE, ..Scene::settings("m", Guarantee::ExactlyOnce) };
    let (mut instance, _) = scene.start(settings);
    let mut seed = loop {
        if let ControlTurn::Spawn(seeds) = instance.control.step() {
            break seeds.into_iter().next().expect("one worker");
        }
    };
    let (commands, for_worker) = channel();
    let (reports, from_worker) = channel();
    let post = Post {
        commands: (std::mem::replace(&mut seed.commands, for_worker), commands),
        reports: (from_worker, std::mem::replace(&mut seed.reports, reports)),
    };
    instance.worker = Some(Worker::new(seed).expect("a worker"));
    (instance, post)
}

/// Delivers every message at once until there is nothing left to do.
fn settle(instance: &mut Instance, post: &Post) {
    for _ in 0..200 {
        instance.step_control();
        post.deliver_commands();
        instance.step_worker();
        post.deliver_reports();
    }
}

/// A member without tasks. When it joins or leaves, the others give up their tasks and get them back.
fn guest(scene: &Scene, name: &str) -> Box<dyn Member> {
    let options = MemberOptions {
        group: "app".to_owned(),
        client_id: name.to_owned(),
        instance_id: None,
        plan: GroupPlan::default(),
        session_timeout: Duration::from_secs(45),
        rebalance_timeout: PATIENCE,
    };
    let mut member = scene.log.member(options, Doorbell::new()).expect("a member");
    member.poll();
    member
}

/// Steps the control until it has commands for the worker, without delivering them.
fn until_assigned(instance: &mut Instance, assigned: bool) {
    for _ in 0..100 {
        instance.step_control();
        if instance.control.is_assigned() == assigned {
            return;
        }
    }
    panic!("the control does not get there: {:?}", instance.state());
}

/// Regression: the late answer to the first revocation was taken for the answer to the second. The worker then
/// received revocation and assignment together, and kept its tasks suspended for ever.
#[test]
fn a_late_answer_to_a_revocation_does_not_satisfy_the_next() {
    let scene = Scene::new();
    let (mut instance, post) = start(&scene);
    settle(&mut instance, &post);
    assert_eq!((instance.running_tasks(), instance.state()), (2, AppState::Running));
    let mut first = guest(&scene, "x");
    until_assigned(&mut instance, false);
    post.deliver_commands();
    instance.step_worker();
    // The answer is in transit, and the control stops waiting for it.
    scene.clock.advance(PATIENCE.mul_f32(0.95));
    until_assigned(&mut instance, true);
    first.poll();
    let _second = guest(&scene, "y");
    until_assigned(&mut instance, false);
    post.deliver_reports();
    instance.step_control();
    first.acknowledge_revoked();
    for _ in 0..10 {
        instance.step_control();
    }
    assert!(!instance.control.is_assigned(), "the second revocation was not answered");
    settle(&mut instance, &post);
    assert_eq!((instance.running_tasks(), instance.state()), (2, AppState::Running));
}

/// Regression: tasks were reported as running before the worker had started on them.
#[test]
fn a_late_word_that_tasks_run_is_not_about_those_given_meanwhile() {
    let scene = Scene::new();
    let (mut instance, post) = start(&scene);
    until_assigned(&mut instance, true);
    post.deliver_commands();
    for _ in 0..200 {
        instance.step_worker();
    }
    assert_eq!(instance.running_tasks(), 2);
    let _guest = guest(&scene, "x");
    until_assigned(&mut instance, false);
    scene.clock.advance(PATIENCE.mul_f32(0.95));
    until_assigned(&mut instance, true);
    post.deliver_reports();
    instance.step_control();
    assert_eq!(instance.state(), AppState::Rebalancing, "its worker has not even heard of the tasks it has now");
    settle(&mut instance, &post);
    assert_eq!((instance.running_tasks(), instance.state()), (2, AppState::Running));
}
