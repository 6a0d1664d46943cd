//! Three processes, one of which fails and calls the others to stop.

use std::time::{Duration, Instant};

use millstream_tests::records::Writer;
use millstream_tests::say;
use streams_core::record::Timestamp;

use crate::counter::{Counter, turn};
use crate::static_members::{LONG, Scene, wait_for};

const CALLED: &str = "was stopped as a whole by its member";

/// They are static members, whose first client names the broker goes on to list.
fn ends(the_caller_is_killed: bool) {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, LONG, folder.path());
    scene.application.stop_all = true;
    let processes = ["a", "b", "c"].into_iter().zip(1..);
    let mut counters: Vec<_> = processes.map(|(place, run)| scene.application.start_in(place, run)).collect();
    counters.iter().for_each(|counter| counter.until_said("-> RUNNING"));
    scene.write(1_000);
    scene.until_committed();
    let topic = scene.topic();
    let mut writer = Writer::new(&topic);
    writer.send(0, "poison", &[0; 8], Timestamp(1_700_000_000_000));
    writer.flush();
    let began = Instant::now();
    let caller = loop {
        let calls = |counter: &Counter| counter.said("are called to stop, too") > 0;
        if let Some(caller) = counters.iter().position(calls) {
            break caller;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nobody calls");
        std::thread::sleep(Duration::from_millis(1));
    };
    if the_caller_is_killed {
        wait_for("the call to be in the group", || scene.members().iter().any(|name| name.contains(".stop.")));
    }
    let called = Instant::now();
    let caller = counters.remove(caller);
    let caller = if the_caller_is_killed { caller.kill().len() } else { caller.failed().len() };
    assert!(caller > 0);
    let all_over = began.elapsed();
    for counter in &counters {
        let said = counter.failed();
        let line = said.iter().find(|line| line.contains(CALLED)).unwrap_or_else(|| panic!("{said:#?}"));
        assert!(line.contains("has failed: task 0_0 failed at offset") && line.contains("nobody can count"), "{line}");
    }
    say(&format!(
        "stop call: killed {the_caller_is_killed}, the caller over {all_over:?} after the record, the others {:?} after the call",
        called.elapsed()
    ));
    assert!(called.elapsed() < Duration::from_secs(10));
    // The record is still there, so who is started again fails with it, and not because of an old call.
    let again = scene.application.start_in("b", 4).failed();
    assert!(again.iter().any(|line| line.contains("nobody can count")), "{again:#?}");
    assert!(!again.iter().any(|line| line.contains(CALLED)), "{again:#?}");
}

#[test]
fn who_fails_stops_the_whole_application() {
    ends(false);
}

/// The broker lists the killed caller until its session is over.
#[test]
fn a_call_that_outlives_its_caller_stops_nobody_who_is_started_again() {
    ends(true);
}
