//! Tiles over HTTP: which ones there are, and their pictures.

use std::time::{Duration, Instant};

use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{Events, LINES, PATIENCE, Scene, scene_of};

/// Counts lines per key and per second, and shows them in every kind of tile.
fn shown() -> Scene {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES).group_by_key();
    let seconds = Tumbling::of(Duration::from_secs(1)).grace(Duration::from_secs(600));
    lines
        .count()
        .live(|tile| tile.bars("Lines by key").top(2).unit("lines"))
        .live(|tile| tile.number("All lines"))
        .live(|tile| tile.funnel("Ada, then Bob").keys(["ada", "bob"]));
    lines.windowed_by(seconds).count().live(|tile| tile.lines("Lines per second").last(Duration::from_secs(60)));
    let sessions = Sessions::gap(Duration::from_secs(5)).grace(Duration::from_secs(600));
    lines.windowed_by(sessions).count().live(|tile| {
        tile.table("Visits").column("who", |visit, _| visit.key.clone()).column("lines", |_, lines| *lines)
    });
    let topology = builder.build().unwrap();
    scene_of(App::new("shown", topology).workers(2).quiet(), |http| http)
}

fn send(scene: &Scene, lines: &[(&str, i64)]) {
    for (key, second) in lines {
        scene.log.send_at(&LINES, *key, "line", Timestamp(second * 1_000)).unwrap();
    }
}

/// Reads until a tile's picture is as expected.
fn wait_for(events: &mut Events, tile: &str, name: &str, expected: &Json) {
    let (began, mut seen) = (Instant::now(), Json::Null);
    while began.elapsed() < PATIENCE {
        let Some((event, picture)) = events.next_before(began + PATIENCE) else { break };
        assert_eq!(event, "picture");
        if picture["id"] == json!(tile) {
            if picture["state"] == json!("live") && picture[name] == *expected {
                return;
            }
            seen = picture;
        }
    }
    panic!("{tile} has not become {expected}, it is {seen}");
}

#[test]
fn tiles_are_listed_in_the_order_of_the_program() {
    let answer = shown().get("/api/live").json();
    let tiles = answer["tiles"].as_array().unwrap();
    let found: Vec<_> =
        tiles.iter().map(|tile| json!([tile["id"], tile["kind"], tile["names"], tile["last_ms"]])).collect();
    let expected = json!([
        ["lines-by-key", "bars", [], null],
        ["all-lines", "number", [], null],
        ["ada-then-bob", "funnel", ["ada", "bob"], null],
        ["lines-per-second", "lines", ["Lines per second"], 60_000],
        ["visits", "table", ["who", "lines"], null],
    ]);
    assert_eq!(json!(found), expected);
    assert_eq!((&tiles[0]["title"], &tiles[0]["unit"]), (&json!("Lines by key"), &json!("lines")));
    assert!(tiles[0]["store"].as_str().unwrap().starts_with("KSTREAM-AGGREGATE-STATE-STORE-"));
}

#[test]
fn one_stream_has_the_pictures_of_all_tiles_and_then_each_that_changes() {
    let scene = shown();
    send(&scene, &[("ada", 1), ("bob", 1), ("ada", 2), ("eve", 4)]);
    let mut events = Events::of(&scene, "/api/live/stream");
    let bars = |first: f64, labels: u64| json!({ "bars": [{ "label": "ada", "value": first }, { "label": "bob", "value": 1.0 }], "labels": labels });
    wait_for(&mut events, "lines-by-key", "bars", &bars(2.0, 3));
    // Somebody who comes later sees everything, too, from the same followers.
    let mut late = Events::of(&scene, "/api/live/stream");
    wait_for(&mut late, "all-lines", "number", &json!(4.0));
    send(&scene, &[("ada", 5)]);
    for events in [&mut events, &mut late] {
        wait_for(events, "lines-by-key", "bars", &bars(3.0, 3));
    }
    send(&scene, &[("bob", 30), ("bob", 31)]);
    wait_for(&mut events, "ada-then-bob", "funnel", &json!([3.0, 3.0]));
    send(&scene, &[("bob", 32)]);
    wait_for(&mut events, "visits", "table", &json!([["bob", 3.0], ["ada", 3.0], ["eve", 1.0], ["bob", 1.0]]));
    let mut again = Events::of(&scene, "/api/live/stream");
    let values = [vec![2.0, 1.0, 0.0, 1.0, 1.0], vec![0.0; 24], vec![1.0; 3]].concat();
    let chart = json!({ "starts": { "from": 1_000, "step": 1_000 }, "values": [values], "open": 1, "combined": 1 });
    wait_for(&mut again, "lines-per-second", "lines", &chart);
}

#[test]
fn a_picture_says_that_its_application_has_ended() {
    let scene = shown();
    let mut events = Events::of(&scene, "/api/live/stream");
    wait_for(&mut events, "all-lines", "number", &json!(0.0));
    scene.app.handle().stop();
    loop {
        let (_, picture) = events.next();
        if picture["state"] == json!("failed") {
            let message = picture["message"].as_str().unwrap();
            assert!(message.contains("its stores cannot be read"), "{message}");
            return;
        }
    }
}

#[test]
fn an_application_without_tiles_has_none() {
    let scene = crate::support::scene(|http| http);
    assert_eq!(scene.get("/api/live").json(), json!({ "tiles": [], "panels": [] }));
    for path in ["/api/live?x=1", "/api/live/stream?x=1"] {
        assert_eq!(scene.get(path).error_code(), "bad_request", "{path}");
    }
}
