//! A process whose code waits for ever.

use std::path::Path;
use std::time::Instant;

use millstream_tests::records::Writer;
use millstream_tests::say;
use streams_core::record::Timestamp;

use crate::counter::{Counter, turn};
use crate::static_members::{LONG, Scene};

/// A process that stands still with its record, 1 000 events behind it, and the scene with them.
fn stuck(answer: &'static str, folder: &Path) -> (Scene, Counter) {
    let mut scene = Scene::new(true, LONG, folder);
    scene.application.on_stall = Some(answer);
    let counter = scene.application.start_in("a", 1);
    counter.until_said("-> RUNNING");
    scene.write(1_000);
    scene.until_committed();
    let topic = scene.topic();
    let mut writer = Writer::new(&topic);
    writer.send(0, "stall", &[0; 8], Timestamp(1_700_000_000_000));
    writer.flush();
    drop(writer);
    scene.write(1_000);
    (scene, counter)
}

#[test]
fn others_take_over_from_a_process_that_stands_still_and_leaves() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut scene, mut counter) = stuck("leave", folder.path());
    let began = Instant::now();
    counter.until_said("this instance leaves its group");
    assert_eq!(counter.said("task 0_0 has not got on for 5 s"), 1);
    scene.application.on_stall = None;
    let other = scene.application.start_in("b", 2);
    other.until_said("-> RUNNING");
    // The record with which the first one stands still is counted, too.
    scene.written += 1;
    scene.until_committed();
    say(&format!("stalls: everything taken over and processed {:?} after the record", began.elapsed()));
    assert_eq!(other.partitions().len(), 2, "all there is");
    other.finish();
    counter.ask_to_end();
    let said = counter.failed();
    assert!(said.iter().any(|line| line.starts_with("kill-counter: task 0_0 has not got on for")), "{said:#?}");
}

#[test]
fn a_process_that_stands_still_ends_if_it_is_to_fail() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (_, counter) = stuck("fail", folder.path());
    let said = counter.failed();
    let line = said.iter().find(|line| line.starts_with("kill-counter: task 0_0 has not got on for"));
    let line = line.unwrap_or_else(|| panic!("{said:#?}"));
    assert!(line.contains("is still busy with the record at offset") && line.contains("-events-0"), "{line}");
}
