//! Whoever follows a store and does not read costs neither the worker nor memory: of what it has missed it gets only the end.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::log::Doorbell;
use millstream::prelude::*;
use serde_json::Value as Json;

use crate::support::{Events, LINES, Scene, scene_of};

/// How many rows there are, how large they are, and how often each changes.
const ROWS: u64 = 30;
const BYTES: usize = 60_000;
const ROUNDS: u64 = 40;

/// What the system itself may hold of a connection is a few MiB.
const HELD_MAX: usize = 24 << 20;

/// Counts lines per key, in rows that are large.
fn counting() -> Scene {
    let builder = StreamsBuilder::new();
    let large = |row: &mut String, _| {
        let count: u64 = row.trim_start().parse().unwrap_or(0);
        *row = format!("{:>BYTES$}", count + 1);
    };
    let counts = builder.stream(LINES).group_by_key().aggregate(String::new, large);
    counts.stored_as(KeyValueStore::<String, String>::new("counts")).live(|tile| tile.number("Rows").rows());
    scene_of(App::new("large", builder.build().unwrap()).workers(2).quiet(), |http| http)
}

/// Reads until all rows have their last counts. Returns how many bytes of rows that were.
fn read_to_the_end(mut events: Events) -> usize {
    let (mut counts, mut bytes) = (BTreeMap::new(), 0);
    while counts.len() < usize::try_from(ROWS).unwrap() || counts.values().any(|count| *count < ROUNDS) {
        let (name, data) = events.next();
        if name == "upsert" {
            let (key, value) = (data["key"].as_str().unwrap(), data["value"].as_str().unwrap());
            bytes += value.len();
            let before = counts.insert(key.to_owned(), value.trim_start().parse::<u64>().unwrap());
            assert!(before <= counts.get(key).copied(), "a row goes back");
        }
    }
    bytes
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_and_gets_what_rows_have_become() {
    let scene = counting();
    // They have asked, and read nothing from then on.
    let slow = Events::of(&scene, "/api/stores/counts/stream");
    let pictures = Events::of(&scene, "/api/live/stream");
    let quick = Events::of(&scene, "/api/stores/counts/stream");
    let quick = std::thread::spawn(move || read_to_the_end(quick));
    let keys: Vec<String> = (0..ROWS).map(|number| format!("key {number}")).collect();
    let lines: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "line")).collect();
    for _ in 0..ROUNDS {
        scene.process(&lines);
        // Followers look twenty times a second.
        Doorbell::new().wait(Duration::from_millis(60));
    }
    let quick = quick.join().unwrap();
    assert!(quick > HELD_MAX, "whoever reads gets changes as they come: {quick} bytes");
    let slow = read_to_the_end(slow);
    assert!(slow < HELD_MAX, "{slow} bytes were kept for somebody who did not read");
    let mut pictures = pictures;
    let (name, picture) = pictures.next();
    assert_eq!((name.as_str(), picture["id"].as_str()), ("picture", Some("rows")));
    assert_eq!(scene.get("/api/app").json()["error"], Json::Null);
}
