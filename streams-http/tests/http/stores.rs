//! Stores over HTTP: what there is, rows, and how they change.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{CONNECTIONS, Events, LINES, STREAMS, Scene, scene_of, with_few_files};

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");

/// Counts lines per key, and per key and minute.
fn counting() -> Scene {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES).group_by_key();
    lines.count().stored_as(COUNTS);
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(600));
    lines.windowed_by(minutes).count().stored_as(PER_MINUTE);
    let topology = builder.build().unwrap();
    scene_of(App::new("counting", topology).workers(2).quiet(), |http| http)
}

/// Sends a line, and returns the position behind it.
fn send(scene: &Scene, key: &str, second: i64) -> String {
    let (partition, offset) = scene.log.send_at(&LINES, key, "line", Timestamp(second * 1_000)).unwrap();
    format!("{partition}:{}", offset.0 + 1)
}

#[test]
fn stores_are_listed_with_their_types_and_an_example() {
    let answer = counting().get("/api/stores").json();
    let stores = answer["stores"].as_array().unwrap();
    let found: Vec<_> = stores
        .iter()
        .map(|store| ["name", "kind", "key_type", "value_type"].map(|field| store[field].as_str().unwrap()))
        .collect();
    assert_eq!(found, [["counts", "table", "String", "i64"], ["per-minute", "window", "String", "i64"]]);
    assert!(stores.iter().all(|store| store["is_logged"] == json!(true) && store["subtopology"] == json!(0)));
}

#[test]
fn stores_are_listed_with_the_number_of_their_entries() {
    let scene = counting();
    for number in 0..5 {
        send(&scene, &format!("key {number}"), 7);
    }
    send(&scene, "key 0", 100);
    let entries = || -> Vec<Option<u64>> {
        let stores = scene.get("/api/stores").json();
        stores["stores"].as_array().unwrap().iter().map(|store| store["entries"].as_u64()).collect()
    };
    // Each window is an entry.
    crate::support::eventually(|| entries() == [Some(5), Some(6)]);
}

#[test]
fn rows_are_found_by_key_in_ranges_and_page_by_page() {
    let scene = counting();
    let mut position = Vec::new();
    for number in 0..25 {
        position.push(send(&scene, &format!("key {number:02}"), 7));
    }
    let headers = [("X-KStream-Min-Position", &*position.join(","))];
    let row = scene.ask("GET", "/api/stores/counts/key%2007?wait=10s", &headers);
    assert_eq!(row.json(), json!({ "key": "key 07", "value": 1, "timestamp": 7_000 }));
    assert!(row.header("x-kstream-position").unwrap().contains("lines-"), "{row:?}");
    let mut path = "/api/stores/counts?from=key%2005&to=key%2020&limit=6&wait=10s".to_owned();
    let mut found = Vec::new();
    loop {
        let page = scene.ask("GET", &path, &headers).json();
        found.extend(page["rows"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/stores/counts?from=key%2005&to=key%2020&limit=6&cursor={next}");
    }
    assert_eq!(found, (5..=20).map(|number| format!("key {number:02}")).collect::<Vec<_>>());
    let last = scene.get("/api/stores/counts?reverse=true&limit=1&prefix=key%201").json();
    assert_eq!(last["rows"][0]["key"], json!("key 19"));
    let windows = scene.ask("GET", "/api/stores/per-minute?key=key%2003&wait=10s", &headers).json();
    let expected = json!([{ "key": { "key": "key 03", "start": 0, "end": 60_000 }, "value": 1, "timestamp": 7_000 }]);
    assert_eq!((&windows["rows"], &windows["next"]), (&expected, &Json::Null));
    assert_eq!(scene.get("/api/stores/per-minute?window_from=1").json()["rows"], json!([]));
}

#[test]
fn what_cannot_be_answered_says_why() {
    let scene = counting();
    for (path, status, code) in [
        ("/api/stores/nothing", 404, "unknown_store"),
        ("/api/stores/nothing/key", 404, "unknown_store"),
        ("/api/stores/nothing/stream", 404, "unknown_store"),
        ("/api/stores/counts/nobody", 404, "no_row"),
        ("/api/stores/counts?limit=0", 400, "bad_request"),
        ("/api/stores/counts?limit=10001", 400, "bad_request"),
        ("/api/stores/counts?limit=many", 400, "bad_request"),
        ("/api/stores/counts?cursor=%21", 400, "bad_request"),
        ("/api/stores/counts?key=a&prefix=b", 400, "bad_request"),
        ("/api/stores/counts?wait=31s", 400, "bad_request"),
        ("/api/stores/counts?wait=soon", 400, "bad_request"),
        ("/api/stores/counts?colour=red", 400, "bad_request"),
        ("/api/stores/..%2F..%2Fetc%2Fpasswd", 404, "unknown_store"),
        ("/api/stores/counts/a/b", 404, "not_found"),
    ] {
        let answer = scene.get(path);
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}: {answer:?}"
        );
    }
    let position = |text| scene.ask("GET", "/api/stores/counts/a", &[("X-KStream-Min-Position", text)]);
    let behind = position("lines-0:1");
    assert_eq!((behind.status, behind.header("retry-after")), (503, Some("1")), "{behind:?}");
    assert_eq!(behind.json()["error"]["code"], json!("behind"));
    assert_eq!(position("lines").json()["error"]["code"], json!("bad_request"));
    assert_eq!(position("elsewhere-0:1").json()["error"]["code"], json!("not_an_input"));
}

#[test]
fn a_stream_has_all_rows_first_and_then_each_that_changes() {
    let scene = counting();
    let position = send(&scene, "ada", 1);
    scene.ask("GET", "/api/stores/counts/ada?wait=10s", &[("X-KStream-Min-Position", &position)]).json();
    let mut events = Events::of(&scene, "/api/stores/counts/stream?from=a&to=b");
    let row = |count: i64, second: i64| json!({ "key": "ada", "value": count, "timestamp": second * 1_000 });
    let event = |name: &str, data: Json| (name.to_owned(), data);
    assert_eq!(events.next(), event("snapshot", json!({})));
    assert_eq!(events.next(), event("upsert", row(1, 1)));
    assert_eq!(events.next(), event("complete", json!({})));
    send(&scene, "zoe", 2);
    send(&scene, "ada", 3);
    assert_eq!(events.next(), event("upsert", row(2, 3)));
    scene.app.handle().stop();
    // Its tasks go before it ends.
    assert!((0..3).any(|_| events.next().0 == "error"));
}

#[test]
fn a_stream_goes_on_behind_the_last_event_that_has_arrived() {
    let scene = counting();
    let position = ["ada", "bob"].map(|key| send(&scene, key, 1)).join(",");
    scene.ask("GET", "/api/stores/counts/ada?wait=10s", &[("X-KStream-Min-Position", &position)]).json();
    let path = "/api/stores/counts/stream?from=a&to=c";
    let mut events = Events::of(&scene, path);
    while events.next().0 != "complete" {}
    // The id is a line of the last event, or one of its own.
    while events.last_id().is_none() {
        events.line();
    }
    let id = events.last_id().unwrap().to_owned();
    drop(events);
    let position = send(&scene, "bob", 2);
    scene.ask("GET", "/api/stores/counts/bob?wait=10s", &[("X-KStream-Min-Position", &position)]).json();
    let mut events = Events::at(scene.address(), path, &format!("Last-Event-ID: {id}\r\n"));
    assert_eq!(events.next(), ("resumed".to_owned(), json!({})));
    assert_eq!(events.next(), ("upsert".to_owned(), json!({ "key": "bob", "value": 2, "timestamp": 2_000 })));
    // Of something else it says nothing.
    for (path, id) in [("/api/stores/counts/stream", &*id), (path, "0"), (path, "\u{fc}")] {
        let mut events = Events::at(scene.address(), path, &format!("Last-Event-ID: {id}\r\n"));
        assert_eq!(events.next(), ("snapshot".to_owned(), json!({})));
    }
}

#[test]
fn a_global_table_is_followed_like_any_other_store() {
    const NAMES: Topic<String, String> = Topic::new("names");
    const KNOWN: KeyValueStore<String, String> = KeyValueStore::new("known");
    let builder = StreamsBuilder::new();
    let names = builder.global_table(NAMES).stored_as(KNOWN);
    let greeted = builder.stream(LINES).join_global(names, |key, _| key.clone(), |_, name| name);
    greeted.to(Topic::<String, String>::new("greeted"));
    let log = millstream::log::Embedded::in_memory();
    for topic in ["lines", "names"] {
        log.create_topic(topic, 3).unwrap();
    }
    let app = App::new("global", builder.build().unwrap()).quiet().start(log.clone()).unwrap();
    app.wait_until_running().unwrap();
    let http = millstream::http::Http::of(&app).bind("127.0.0.1:0").start().unwrap();
    let mut events = Events::at(http.address(), "/api/stores/known/stream", "");
    assert_eq!((events.next().0, events.next().0), ("snapshot".to_owned(), "complete".to_owned()));
    log.send_at(&NAMES, "ada", "Ada", Timestamp(1_000)).unwrap();
    let (event, row) = events.next();
    assert_eq!((&*event, &row["key"], &row["value"]), ("upsert", &json!("ada"), &json!("Ada")));
}

/// Nobody keeps others from following, and those who ask have places of their own.
#[test]
fn streams_beyond_the_limit_are_refused() {
    let _alone = with_few_files();
    let scene = counting();
    let mut streams: Vec<_> = (0..STREAMS).map(|_| Events::of(&scene, "/api/stores/counts/stream")).collect();
    for events in &mut streams {
        assert_eq!(events.next().0, "snapshot");
    }
    assert_eq!(scene.get("/api/stores/counts").status, 200);
    let told = format!("\nkstream_live_view_clients {STREAMS}\n");
    assert!(scene.get("/metrics").body.contains(&told));
    let refused = scene.get("/api/stores/counts/stream");
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (503, Some("busy")));
    drop(streams);
    crate::support::eventually(|| {
        let mut events = Events::of(&scene, "/api/stores/counts/stream");
        events.line().contains("200")
    });
}

/// Regression: a stream between two events was taken for an idle connection, and had to make room.
#[test]
fn a_stream_without_news_is_not_idle() {
    let _alone = with_few_files();
    let scene = counting();
    let mut events = Events::of(&scene, "/api/stores/counts/stream");
    while events.next().0 != "complete" {}
    let idle: Vec<TcpStream> = (0..CONNECTIONS + 110).map(|_| crate::support::connect(scene.address())).collect();
    let is_closed = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    crate::support::eventually(|| idle.iter().take(100).all(is_closed));
    send(&scene, "ada", 1);
    assert_eq!(events.next().0, "upsert");
}

#[test]
fn a_stream_ends_with_its_server() {
    let scene = counting();
    let mut events = Events::of(&scene, "/api/stores/counts/stream");
    while events.next().0 != "complete" {}
    let crate::support::Scene { http, app, log } = scene;
    let began = Instant::now();
    drop(http);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // Nothing hangs on it.
    app.close().unwrap();
    drop((events, log));
}

/// Rows by number, and by number and minute.
fn numbered() -> Scene {
    let builder = StreamsBuilder::new();
    let numbers = builder.stream(Topic::<i64, String>::new("lines")).group_by_key();
    numbers.count().stored_as(KeyValueStore::<i64, i64>::new("counts"));
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(600));
    numbers.windowed_by(minutes).count().stored_as(WindowStore::<i64, i64>::new("per-minute"));
    scene_of(App::new("numbered", builder.build().unwrap()).workers(2).quiet(), |http| http)
}

#[test]
fn a_key_that_is_none_is_refused_with_what_a_key_looks_like() {
    let scene = numbered();
    let refusal = "`x` is not such a number: invalid digit found in string; write one such as `42`";
    for path in [
        "/api/stores/counts/x",
        "/api/stores/counts?key=x",
        "/api/stores/counts?from=x",
        "/api/stores/counts?to=x",
        "/api/stores/counts/stream?key=x",
        "/api/stores/per-minute?key=x",
        "/api/stores/per-minute?from=x&to=3",
        "/api/stores/per-minute/stream?to=x",
    ] {
        let answer = scene.get(path);
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "bad_request"), "{path}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(refusal), "{path}: {message}");
    }
    for (path, expected) in [
        ("/api/stores/counts/9223372036854775808", "number too large"),
        ("/api/stores/counts?prefix=4", "its keys are i64 and no texts, so they have no beginning"),
        ("/api/stores/counts/", "there is nothing here"),
        ("/api/stores/nothing", "there is no store `nothing`"),
        ("/api/stores/nothing/4", "there is no store `nothing`"),
        ("/api/stores/nothing/stream", "there is no store `nothing`"),
    ] {
        let message = scene.get(path).json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{path}: {message}");
    }
}

#[test]
fn a_range_without_a_limit_is_answered_page_by_page() {
    let scene = counting();
    let lines = (0..250).map(|number| (format!("key {number:03}"), "line".to_owned()));
    Client::new(scene.log.clone()).unwrap().send_all(&LINES, lines).unwrap();
    let count = |path: &str| scene.get(path).json()["rows"].as_array().unwrap().len();
    crate::support::eventually(|| count("/api/stores/counts?limit=10000") == 250);
    for path in ["/api/stores/counts", "/api/stores/counts?from=a&to=z", "/api/stores/per-minute"] {
        let page = scene.get(path).json();
        assert_eq!(page["rows"].as_array().unwrap().len(), 100, "{path}");
        assert!(page["next"].is_string(), "{path}");
    }
    let page = scene.get("/api/topics/lines/records").json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["is_end"]), (100, &json!(false)));
    let page = scene.get("/api/topics/lines/records?newest=true").json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["is_end"]), (100, &json!(false)));
}
