//! Static members are killed, stopped and cut off at random moments, one after the other and in quick succession, while
//! they count with exactly-once.
//!
//! `MILLSTREAM_SEED` determines the moments, and `MILLSTREAM_SEEDS` is the number of rounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_tests::kafka::OwnCluster;
use millstream_tests::proxy::Proxy;
use millstream_tests::records::Writer;
use millstream_tests::say;
use streams_kafka::Kafka;

use crate::counter::{Counter, turn};
use crate::static_members::{EVENTS, LONG, Scene, wait_for};

fn random() -> fastrand::Rng {
    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    say(&format!("static members: MILLSTREAM_SEED={seed}"));
    fastrand::Rng::with_seed(seed)
}

fn rounds(default: usize) -> usize {
    std::env::var("MILLSTREAM_SEEDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

fn pause(random: &mut fastrand::Rng, most: u64) {
    std::thread::sleep(Duration::from_millis(random.u64(..most)));
}

/// Runs `what` while events are written, a few at a time, and then writes the rest.
fn under_load(scene: &mut Scene, what: impl FnOnce(&Scene)) {
    let done = AtomicBool::new(false);
    let from = scene.written;
    let chaos = &*scene;
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let topic = chaos.topic();
            let mut writer = Writer::new(&topic);
            let mut at = from;
            while at < EVENTS.number {
                let until = (at + 400).min(EVENTS.number);
                EVENTS.write(&mut writer, at..until);
                writer.flush();
                at = until;
                if !done.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            at
        });
        what(chaos);
        done.store(true, Ordering::Relaxed);
        writing.join().expect("written")
    });
    scene.written = written;
}

/// Checks the results, once the processes have counted everything and stopped.
fn end(scene: &Scene, counters: impl IntoIterator<Item = Counter>) {
    scene.until_committed();
    for counter in counters {
        counter.finish();
    }
    scene.check();
}

#[test]
fn killed_again_while_they_rejoin_two_processes_count_each_event_once() {
    let _turn = turn();
    let mut random = random();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, LONG, folder.path());
    let mut counters = Vec::new();
    under_load(&mut scene, |scene| {
        let places = ["a", "b"];
        let mut numbers = 1..;
        let mut start = |which: usize| scene.application.start_in(places[which], numbers.next().unwrap_or(0));
        counters.extend([start(0), start(1)]);
        for _ in 0..rounds(8) {
            // A process needs about half a second to join.
            let most = [100, 700, 1_500, 5_000][random.usize(..4)];
            pause(&mut random, most);
            let which = random.usize(..2);
            let counter = counters.remove(which);
            if random.u32(..4) == 0 {
                counter.finish();
            } else {
                counter.kill();
            }
            if random.bool() {
                pause(&mut random, 1_000);
            }
            counters.insert(which, start(which));
        }
    });
    end(&scene, counters);
}

#[test]
fn a_rolling_restart_of_three_counts_each_event_once() {
    let _turn = turn();
    let mut random = random();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, Duration::from_secs(20), folder.path());
    let mut counters = Vec::new();
    under_load(&mut scene, |scene| {
        let places = ["a", "b", "c"];
        for (number, place) in (0..).zip(places) {
            counters.push(scene.application.start_in(place, number));
        }
        let mut number = 3;
        for _ in 0..rounds(1) {
            for (which, place) in places.iter().enumerate() {
                pause(&mut random, 4_000);
                counters.remove(which).finish();
                counters.insert(which, scene.application.start_in(place, number));
                number += 1;
            }
        }
    });
    end(&scene, counters);
}

#[test]
fn cut_off_beyond_the_session_and_back_each_event_is_counted_once() {
    let _turn = turn();
    let mut random = random();
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::new();
    let cluster = OwnCluster::start_behind(&proxy, "cutoff");
    let mut scene = Scene::on(
        Kafka::at(cluster.bootstrap_servers()),
        cluster.bootstrap_servers(),
        true,
        Duration::from_secs(6),
        folder.path(),
    );
    let mut counters = Vec::new();
    under_load(&mut scene, |scene| {
        counters.push(scene.application.start_in("b", 2));
        let mut behind = scene.application.clone();
        behind.log[1] = proxy.address();
        counters.push(behind.start_in("a", 1));
        let a = &counters[1];
        a.until_said("-> RUNNING");
        for _ in 0..rounds(2) {
            pause(&mut random, 3_000);
            proxy.cut();
            // Within the session, about as long, and beyond it.
            let most = [500, 5_000, 9_000, 14_000][random.usize(..4)];
            pause(&mut random, most);
            proxy.heal();
            assert!(a.is_alive());
        }
        pause(&mut random, 8_000);
    });
    end(&scene, counters);
}

#[test]
fn when_the_broker_restarts_while_a_member_is_down_each_event_is_counted_once() {
    let _turn = turn();
    let mut random = random();
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = OwnCluster::start("brokerdown", 1);
    let mut scene = Scene::on(
        Kafka::at(cluster.bootstrap_servers()),
        cluster.bootstrap_servers(),
        true,
        Duration::from_secs(30),
        folder.path(),
    );
    // Where a broker starts slowly, the default is over before its listener is open. A broker that is alone (4.3.1) then
    // notes the dead member's transaction as aborted, without a marker in the partitions, whose committed records end
    // there for ever; KIP-664 has the tool against that.
    scene.application.transaction_timeout = Some(Duration::from_secs(29));
    let mut counters = Vec::new();
    under_load(&mut scene, |scene| {
        for (number, place) in (0..).zip(["a", "b"]) {
            counters.push(scene.application.start_in(place, number));
        }
        for round in 0..rounds(1) {
            pause(&mut random, 5_000);
            counters.remove(0).kill();
            pause(&mut random, 1_000);
            cluster.kill(1);
            let first = random.bool();
            let start = || scene.application.start_in("a", 10 + round);
            let mut a = None;
            if first {
                a = Some(start());
                pause(&mut random, 3_000);
            }
            cluster.revive();
            pause(&mut random, 3_000);
            counters.insert(0, a.unwrap_or_else(start));
        }
    });
    wait_for("both alive", || counters.iter().all(Counter::is_alive));
    end(&scene, counters);
}
