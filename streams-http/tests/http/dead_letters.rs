//! Dead letters over HTTP: the newest first, one of them, and how they go back.

use millstream::config::OnError;
use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Scene, eventually, scene, scene_of};

const PRICES: Topic<String, String> = Topic::new("lines");
const CENTS: Topic<String, i64> = Topic::new("cents");

/// Parses prices, with production's defaults and three partitions. What is no price becomes a dead letter.
fn parsing(allows_actions: bool) -> Scene {
    let builder = StreamsBuilder::new();
    builder.stream(PRICES).try_map_values(|price| price.parse::<i64>()).named("parse").to(CENTS);
    let app = App::new("parser", builder.build().unwrap()).workers(2).quiet();
    let app = app.on_processing_error(OnError::DeadLetter).dead_letters_to("dead-prices");
    scene_of(app, |http| http.allow_actions(allows_actions))
}

/// Sends prices that are none, a second after one another, and waits until they are dead letters.
fn fail(scene: &Scene, prices: &[(&str, &str)]) {
    let letters = || scene.get("/api/dead-letters?limit=1000").json()["letters"].as_array().map_or(0, Vec::len);
    let expected = letters() + prices.len();
    for (second, (key, price)) in (0..).zip(prices) {
        let mut headers = Headers::new();
        headers.push("trace", format!("trace of {key}"));
        let (key, value) = ((*key).to_owned(), (*price).to_owned());
        let record = Record { key, value, timestamp: Timestamp(second * 1_000), headers };
        Client::new(scene.log.clone()).unwrap().send_record(&PRICES, record, None).unwrap();
    }
    eventually(|| letters() == expected);
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.error_code())
}

#[test]
fn letters_say_what_they_are_and_where_they_come_from() {
    let scene = parsing(false);
    fail(&scene, &[("pen", "cheap")]);
    let answer = scene.get("/api/dead-letters").json();
    assert_eq!((&answer["topic"], &answer["total"], &answer["next"]), (&json!("dead-prices"), &json!(1), &Json::Null));
    let letter = &answer["letters"][0];
    let (partition, offset) = (letter["source"]["partition"].clone(), letter["source"]["offset"].clone());
    for (field, expected) in [
        ("key", json!("pen")),
        ("value", json!("cheap")),
        ("timestamp", json!(0)),
        ("reason", json!("failed")),
        ("node", json!("parse")),
        ("exception", json!("millstream::OperatorError::Refused")),
        ("source", json!({ "topic": "lines", "partition": partition, "offset": 0 })),
        ("attempts", Json::Null),
        ("replays", json!(0)),
    ] {
        assert_eq!(letter[field], expected, "{field}");
    }
    assert!(offset == 0 && letter["message"].as_str().unwrap().contains("invalid digit"), "{letter}");
    assert_eq!(letter["headers"]["trace"], json!(["trace of pen"]));
    assert_eq!(letter["headers"]["__streams.errors.topic"], json!(["lines"]));

    let one = scene.get(&format!("/api/dead-letters/{}/{}", letter["partition"], letter["offset"])).json();
    assert_eq!(&one, letter);
}

#[test]
fn the_newest_letters_come_first_page_by_page() {
    let scene = parsing(false);
    let prices: Vec<_> = (0..25).map(|number| format!("price {number:02}")).collect();
    fail(&scene, &prices.iter().map(|price| (price.as_str(), "free")).collect::<Vec<_>>());
    let (mut found, mut path) = (Vec::new(), "/api/dead-letters?limit=7".to_owned());
    loop {
        let page = scene.get(&path).json();
        let keys = page["letters"].as_array().unwrap().iter().map(|letter| letter["key"].as_str().unwrap().to_owned());
        found.extend(keys);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/dead-letters?limit=7&from={next}");
    }
    assert_eq!(found, prices.into_iter().rev().collect::<Vec<_>>());
    let of_partition = |partition| {
        let answer = scene.get(&format!("/api/dead-letters?partition={partition}")).json();
        answer["letters"].as_array().unwrap().len()
    };
    assert_eq!((0..3).map(of_partition).sum::<usize>(), 25);
}

#[test]
fn a_letter_goes_back_once_unless_somebody_insists() {
    let scene = parsing(true);
    fail(&scene, &[("pen", "cheap")]);
    let letter = scene.get("/api/dead-letters").json()["letters"][0].clone();
    let path = format!("/api/dead-letters/{}/{}/replay", letter["partition"], letter["offset"]);
    let before = scene.log.read(&PRICES).unwrap().len();
    let answer = scene.ask("POST", &path, &[]).json();
    assert_eq!((&answer["topic"], &answer["partition"]), (&json!("lines"), &letter["source"]["partition"]));
    assert_eq!(code(&scene.ask("POST", &path, &[])), (409, "put_back_before".to_owned()));
    let records = scene.log.read(&PRICES).unwrap();
    let back = records.iter().find(|record| record.headers.get("millstream.errors.replays").is_some()).unwrap();
    assert_eq!(records.len(), before + 1);
    assert_eq!((&*back.key, &*back.value, back.timestamp), ("pen", "cheap", Timestamp(0)));
    assert_eq!(back.headers.get("trace"), Some(&b"trace of pen"[..]));
    assert_eq!(scene.ask("POST", &format!("{path}?again=true"), &[]).status, 200);

    // It fails again, and becomes a letter that stays.
    eventually(|| scene.get("/api/dead-letters").json()["letters"].as_array().unwrap().len() == 3);
    let newest = scene.get("/api/dead-letters").json()["letters"][0].clone();
    assert_eq!(newest["replays"], 1);
    let path = format!("/api/dead-letters/{}/{}/replay", newest["partition"], newest["offset"]);
    assert_eq!(code(&scene.ask("POST", &path, &[])), (409, "stays".to_owned()));
    // A refusal is not remembered as a replay.
    assert_eq!(scene.ask("POST", &format!("{path}?at_most=2"), &[]).status, 200);
}

#[test]
fn all_letters_go_back_each_once() {
    let scene = parsing(true);
    fail(&scene, &[("pen", "cheap"), ("ink", "free")]);
    let replay = |parameters: &str| scene.ask("POST", &format!("/api/dead-letters/replay{parameters}"), &[]).json();
    let answer = |put_back: u64, left: u64, dry_run| json!({ "put_back": put_back, "left": left, "dry_run": dry_run });
    assert_eq!(replay("?dry_run=true"), answer(2, 0, true));
    assert_eq!(scene.log.read(&PRICES).unwrap().len(), 2);
    // Otherwise they could fail again while it goes on, and be counted once more.
    scene.app.pause();
    assert_eq!(replay(""), answer(2, 0, false));
    scene.app.resume();
    // They have failed again, and stay.
    eventually(|| scene.get("/api/dead-letters").json()["letters"].as_array().unwrap().len() == 4);
    assert_eq!(replay(""), answer(0, 2, false));
    assert_eq!(scene.log.read(&PRICES).unwrap().len(), 4);
}

#[test]
fn what_cannot_be_done_says_why() {
    let scene = parsing(false);
    fail(&scene, &[("pen", "cheap")]);
    for (method, path, status, expected) in [
        ("GET", "/api/dead-letters?limit=0", 400, "bad_request"),
        ("GET", "/api/dead-letters?limit=1001", 400, "bad_request"),
        ("GET", "/api/dead-letters?from=yesterday", 400, "bad_request"),
        ("GET", "/api/dead-letters?from=0:-1", 400, "bad_request"),
        ("GET", "/api/dead-letters?partition=all", 400, "bad_request"),
        ("GET", "/api/dead-letters?partition=-1", 400, "bad_request"),
        ("GET", "/api/dead-letters?colour=red", 400, "bad_request"),
        ("GET", "/api/dead-letters/0/1000", 404, "no_letter"),
        ("GET", "/api/dead-letters/99/0", 404, "no_letter"),
        ("GET", "/api/dead-letters/-1/0", 404, "no_letter"),
        ("GET", "/api/dead-letters/0/-1", 404, "no_letter"),
        ("GET", "/api/dead-letters/a/b", 404, "no_letter"),
        ("POST", "/api/dead-letters/0/0/replay", 403, "actions_off"),
        ("POST", "/api/dead-letters/replay", 403, "actions_off"),
        ("DELETE", "/api/dead-letters", 405, "method_not_allowed"),
    ] {
        let answer = scene.ask(method, path, &[]);
        assert_eq!(code(&answer), (status, expected.to_owned()), "{method} {path}");
    }
    assert_eq!(scene.get("/api/dead-letters?partition=99").json()["letters"], json!([]));
    let acting = parsing(true);
    for place in ["0%0Aevil/0", "0/-1", "a/b", "0/9223372036854775808"] {
        let answer = acting.ask("POST", &format!("/api/dead-letters/{place}/replay"), &[]);
        assert_eq!(code(&answer), (404, "no_letter".to_owned()), "{place}");
    }
    scene.app.stop();
    eventually(|| scene.app.state() == AppState::NotRunning);
    assert_eq!(code(&scene.get("/api/dead-letters")), (503, "not_running".to_owned()));
}

#[test]
fn an_application_without_dead_letters_says_so() {
    let scene = scene(|http| http.allow_actions(true));
    for (method, path) in [
        ("GET", "/api/dead-letters"),
        ("GET", "/api/dead-letters/0/0"),
        ("POST", "/api/dead-letters/0/0/replay"),
        ("POST", "/api/dead-letters/replay"),
    ] {
        assert_eq!(code(&scene.ask(method, path, &[])), (404, "no_dead_letters".to_owned()), "{method} {path}");
    }
}
