//! Several instances: any of them answers for all.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use millstream::prelude::*;
use millstream::runtime::{AppState, Running};
use serde_json::{Value as Json, json};

use crate::support::{Answer, Events, LINES, PATIENCE, ask, connect, eventually, topology, topology_with_a_tile};

const STORE: &str = "KSTREAM-AGGREGATE-STATE-STORE-0000000001";

/// Two instances, each with some of the tasks.
struct Two {
    log: Embedded,
    first: (millstream::http::HttpServer, Running),
    second: (millstream::http::HttpServer, Running),
}

fn start(log: &Embedded, serve: impl FnOnce(Http) -> Http) -> (millstream::http::HttpServer, Running) {
    let app = App::new("shouter", topology_with_a_tile())
        .workers(2)
        .quiet()
        .session_timeout(std::time::Duration::from_secs(2));
    let app = app.start(log.clone()).expect("it starts");
    let http = serve(Http::of(&app).bind("127.0.0.1:0")).start().expect("it is served");
    (http, app)
}

fn two(serve: impl Fn(Http) -> Http) -> Two {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let (first, second) = (start(&log, &serve), start(&log, &serve));
    divided(&first.1, &second.1);
    Two { log, first, second }
}

fn divided(first: &Running, second: &Running) {
    eventually(|| first.assignment().len() == 2 && second.assignment().len() == 2);
    eventually(|| [first, second].iter().all(|app| app.state() == AppState::Running));
}

impl Two {
    fn get(&self, second: bool, path: &str) -> Answer {
        let (http, _) = if second { &self.second } else { &self.first };
        ask(http.address(), "GET", path, &[])
    }

    fn send(&self, times: usize) {
        for key in keys() {
            for _ in 0..times {
                self.log.send(&LINES, key.clone(), "to be").expect("sent");
            }
        }
    }
}

fn keys() -> Vec<String> {
    (0..20).map(|number| format!("key-{number}")).collect()
}

/// The counts in an answer with rows.
fn counts(answer: &Answer) -> BTreeMap<String, i64> {
    let json = answer.json();
    let rows = json["rows"].as_array().unwrap_or_else(|| panic!("no rows: {answer:?}"));
    let count = |row: &Json| (row["key"].as_str().expect("a key").to_owned(), row["value"].as_i64().expect("a count"));
    rows.iter().map(count).collect()
}

fn all(count: i64) -> BTreeMap<String, i64> {
    keys().into_iter().map(|key| (key, count)).collect()
}

#[test]
fn any_instance_answers_for_all_and_says_who_is_there() {
    let two = two(|http| http.token("s3cret"));
    let headers = [("Authorization", "Bearer s3cret")];
    let get = |http: &millstream::http::HttpServer, path: &str| ask(http.address(), "GET", path, &headers);
    two.send(3);
    for http in [&two.first.0, &two.second.0] {
        let path = format!("/api/stores/{STORE}?wait=20s");
        eventually(|| counts(&get(http, &path)) == all(3));
        for key in keys() {
            let answer = get(http, &format!("/api/stores/{STORE}/{key}?wait=20s"));
            assert_eq!((answer.status, &answer.json()["value"]), (200, &json!(3)), "{key}: {answer:?}");
            assert!(answer.header("x-kstream-position").is_some_and(|at| at.contains("lines-")), "{answer:?}");
        }
        assert_eq!(get(http, &format!("/api/stores/{STORE}/nobody?wait=20s")).status, 404);
        // Page by page, in the order of the keys.
        let (mut found, mut next) = (Vec::new(), Some(String::new()));
        while let Some(cursor) = next {
            let cursor = if cursor.is_empty() { cursor } else { format!("&cursor={cursor}") };
            let page = get(http, &format!("/api/stores/{STORE}?limit=7&wait=20s{cursor}"));
            found.extend(counts(&page).into_keys());
            next = page.json()["next"].as_str().map(str::to_owned);
        }
        let mut sorted = keys();
        sorted.sort();
        assert_eq!(found, sorted);
        // Those of one instance only.
        let own = counts(&get(http, &format!("/api/stores/{STORE}?local=true")));
        assert!(!own.is_empty() && own.len() < keys().len(), "{own:?}");

        let instances = get(http, "/api/instances?tasks=true&app=true").json();
        let instances = instances["instances"].as_array().expect("instances").clone();
        assert_eq!(instances.iter().filter(|instance| instance["is_self"] == true).count(), 1);
        let mut tasks: Vec<_> =
            instances.iter().flat_map(|it| it["assigned"].as_array().expect("ids").clone()).collect();
        tasks.sort_by_key(ToString::to_string);
        assert_eq!(tasks, ["0_0", "0_1", "0_2", "0_3"].map(Json::from));
        for instance in &instances {
            let told = instance["tasks"]["tasks"].as_array().unwrap_or_else(|| panic!("it is silent: {instance}"));
            let told: Vec<_> = told.iter().map(|task| task["id"].clone()).collect();
            assert_eq!(Json::from(told), instance["assigned"]);
            assert_eq!(instance["app"]["topology"], get(http, "/api/app").json()["topology"]);
            assert_eq!(instance["app"]["version"], env!("CARGO_PKG_VERSION"));
        }
        // Nobody is asked what was not wanted.
        let listed = get(http, "/api/instances").json();
        let is_bare = |instance: &Json| instance["tasks"].is_null() && instance["app"].is_null();
        assert!(listed["instances"].as_array().expect("instances").iter().all(is_bare), "{listed}");
    }
    // The token is asked of other instances, too.
    assert_eq!(ask(two.first.0.address(), "POST", "/peer/rows", &[]).status, 401);
}

/// Regression: whoever is alone in its group has not told the group where it can be asked, and said that it cannot be.
#[test]
fn an_instance_that_is_alone_says_where_it_can_be_asked() {
    let scene = crate::support::scene(|http| http);
    let listed = scene.get("/api/instances").json();
    assert_eq!(listed["instances"][0]["endpoint"], scene.address().to_string());
    assert_eq!(listed["instances"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_stream_hears_of_all_instances_and_outlives_one_of_them() {
    let two = two(|http| http);
    two.send(1);
    let mut stream = connect(two.first.0.address());
    write!(stream, "GET /api/stores/{STORE}/stream?wait=20s HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut lines = BufReader::new(stream).lines();
    let (mut rows, mut is_whole, mut event) = (BTreeMap::new(), false, String::new());
    let mut until = |expected: &BTreeMap<String, i64>| {
        while !is_whole || rows != *expected {
            let line = lines.next().expect("it does not end").expect("a line");
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event);
            }
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let data: Json = serde_json::from_str(data).expect("JSON");
            let key = || data["key"].as_str().expect("a key").to_owned();
            match &*event {
                "snapshot" => (rows, is_whole) = (BTreeMap::new(), false),
                "upsert" => drop(rows.insert(key(), data["value"].as_i64().expect("a count"))),
                "delete" => drop(rows.remove(&key())),
                "complete" => is_whole = true,
                other => panic!("{other}: {data}"),
            }
        }
    };
    until(&all(1));
    two.send(2);
    until(&all(3));
    let Two { log, first, second } = two;
    second.1.kill();
    drop(second.0);
    for key in keys() {
        log.send(&LINES, key, "to be").expect("sent");
    }
    until(&all(4));
    let path = format!("/api/stores/{STORE}?wait=20s");
    assert_eq!(counts(&ask(first.0.address(), "GET", &path, &[])), all(4));
}

/// While nobody has a task, the answer says that it is worth trying again.
#[test]
fn an_instance_that_does_not_answer_makes_its_rows_unavailable_for_a_while() {
    let two = two(|http| http);
    two.send(1);
    eventually(|| counts(&two.get(false, &format!("/api/stores/{STORE}?wait=20s"))) == all(1));
    let Two { second, first, .. } = two;
    second.1.kill();
    drop(second.0);
    let statuses: Vec<_> = keys()
        .iter()
        .map(|key| {
            let answer = ask(first.0.address(), "GET", &format!("/api/stores/{STORE}/{key}"), &[]);
            match answer.status {
                200 => {}
                503 => assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}"),
                _ => panic!("{answer:?}"),
            }
            answer.status
        })
        .collect();
    assert!(statuses.contains(&200), "its own rows are there: {statuses:?}");
    assert!(statuses.contains(&503), "half of the rows are with the other one: {statuses:?}");
    eventually(|| {
        let answer = ask(first.0.address(), "GET", &format!("/api/stores/{STORE}"), &[]);
        answer.status == 200 && counts(&answer) == all(1)
    });
}

/// An address comes from the group, where anybody may have written it.
#[test]
fn questions_and_the_token_go_to_nobody_whom_the_operator_has_not_named() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let first = start(&log, |http| http.token("s3cret"));
    // Listens at an address of this machine that is none of its loopback ones, as far as the name tells.
    let second = start(&log, |http| http.token("s3cret").endpoint("metadata.internal:80"));
    divided(&first.1, &second.1);
    let headers = [("Authorization", "Bearer s3cret")];
    let answers: Vec<_> = keys()
        .iter()
        .map(|key| ask(first.0.address(), "GET", &format!("/api/stores/{STORE}/{key}?wait=1s"), &headers))
        .collect();
    let misdirected: Vec<_> = answers.iter().filter(|answer| answer.status == 421).collect();
    assert!(!misdirected.is_empty(), "{answers:?}");
    for answer in misdirected {
        assert_eq!(answer.error_code(), "not_here");
        assert_eq!(answer.header("x-kstream-owner"), Some("metadata.internal:80"), "{answer:?}");
        assert!(answer.body.contains("at metadata.internal:80"), "{answer:?}");
    }
    let rows = ask(first.0.address(), "GET", &format!("/api/stores/{STORE}"), &headers);
    assert_eq!((rows.status, &*rows.error_code()), (421, "not_here"));
}

/// The picture of the tile, as soon as it is as wanted.
fn picture(events: &mut Events, is_wanted: impl Fn(&Json) -> bool) -> Json {
    let until = std::time::Instant::now() + PATIENCE;
    let mut last = Json::Null;
    while let Some((_, picture)) = events.next_before(until) {
        if picture["state"] == json!("live") && is_wanted(&picture) {
            return picture;
        }
        last = picture;
    }
    panic!("it stays {last}");
}

#[test]
fn a_tile_shows_the_rows_of_all_instances_and_outlives_one_of_them() {
    let two = two(|http| http);
    two.send(1);
    let servers = [&two.first.0, &two.second.0];
    let mut pages = servers.map(|http| Events::at(http.address(), "/api/live/stream", ""));
    for page in &mut pages {
        assert_eq!(picture(page, |picture| picture["number"] == json!(20.0))["missing"], Json::Null);
    }
    two.send(2);
    for page in &mut pages {
        picture(page, |picture| picture["number"] == json!(60.0));
    }
    let Two { log, first, second } = two;
    second.1.kill();
    drop(second.0);
    for key in keys() {
        log.send(&LINES, key, "to be").expect("sent");
    }
    picture(&mut pages[0], |picture| picture["number"] == json!(80.0));
    drop(first);
}

#[test]
fn a_tile_that_may_not_ask_others_shows_its_own_rows_and_says_so() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let serve = |http: Http| http.token("s3cret").endpoint("metadata.internal:80");
    let (first, second) = (start(&log, serve), start(&log, serve));
    divided(&first.1, &second.1);
    for key in keys() {
        log.send(&LINES, key, "to be").expect("sent");
    }
    let headers = "Authorization: Bearer s3cret\r\n";
    let shown = [&first, &second].map(|(http, _)| {
        let mut page = Events::at(http.address(), "/api/live/stream", headers);
        let own = picture(&mut page, |picture| {
            let is_told = picture["missing"].as_str().is_some_and(|why| why.contains("metadata.internal:80"));
            is_told && picture["number"] != json!(0.0)
        });
        own["number"].as_f64().expect("a number")
    });
    assert!(shown.iter().all(|lines| *lines > 0.0 && *lines < 20.0), "{shown:?}");
    // Its tasks come, and with them all rows.
    second.1.close().expect("it ends");
    drop(second.0);
    let mut page = Events::at(first.0.address(), "/api/live/stream", headers);
    assert_eq!(picture(&mut page, |picture| picture["number"] == json!(20.0))["missing"], Json::Null);
}

/// Somebody listens there and never says a word.
#[test]
fn an_instance_that_is_silent_holds_nobody_up_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let first = start(&log, |http| http);
    let second = start(&log, |http| http.endpoint(address.to_string()));
    divided(&first.1, &second.1);
    let began = std::time::Instant::now();
    let answer = ask(first.0.address(), "GET", &format!("/api/stores/{STORE}"), &[]);
    assert_eq!((answer.status, &*answer.error_code()), (503, "elsewhere"), "{answer:?}");
    assert!(answer.body.contains("did not answer within 5 s"), "{answer:?}");
    assert!(began.elapsed() < PATIENCE);
    // It is listed as silent, not as somebody who does nothing.
    let unknown = unknown_of_the_other(&first.0);
    assert!(unknown.contains("did not answer within 5 s"), "{unknown}");
}

#[test]
fn an_instance_at_a_place_that_nobody_has_named_is_not_asked() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let first = start(&log, |http| http);
    let second = start(&log, |http| http.endpoint("198.51.100.7:7070"));
    divided(&first.1, &second.1);
    let unknown = unknown_of_the_other(&first.0);
    assert!(unknown.contains("it may not be asked"), "{unknown}");
}

/// Why the other one does not tell what it does.
fn unknown_of_the_other(http: &millstream::http::HttpServer) -> String {
    let listed = ask(http.address(), "GET", "/api/instances?tasks=true&app=true", &[]).json();
    let instances = listed["instances"].as_array().expect("instances").clone();
    let other = instances.iter().find(|instance| instance["is_self"] == false).expect("another one");
    assert_eq!((&other["tasks"], &other["app"]), (&Json::Null, &Json::Null), "{other}");
    assert_eq!(other["assigned"].as_array().map(Vec::len), Some(2), "{other}");
    other["unknown"].as_str().unwrap_or_else(|| panic!("it is known: {other}")).to_owned()
}

#[test]
fn what_other_instances_ask_is_checked_like_everything_else() {
    let two = two(|http| http);
    let address = two.first.0.address();
    for path in ["/peer/rows", "/peer/news"] {
        let answer = ask(address, "GET", path, &[]);
        assert_eq!(answer.status, 405, "{answer:?}");
        for body in ["", "{}", "not JSON", r#"{"tasks":[[0,0]],"patience_ms":0,"asked":{}}"#] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = crate::support::send(address, request.as_bytes()).expect("an answer");
            assert_eq!((answer.status, &*answer.error_code()), (400, "bad_request"), "{body}: {answer:?}");
        }
        let asked = json!({ "store": "nothing", "committed": false, "at_least": "", "keys": "all", "times": null,
            "descending": false, "after": null, "limit": 5 });
        let body = json!({ "tasks": [[0, 0]], "patience_ms": 0, "asked": asked }).to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = crate::support::send(address, request.as_bytes()).expect("an answer");
        assert_eq!((answer.status, &*answer.error_code()), (404, "unknown_store"), "{answer:?}");
    }
}

/// Regression: an instance that has joined says only a moment later where it can be asked, and whoever followed a store right
/// then was told that nobody can be asked.
#[test]
fn a_stream_waits_for_an_instance_that_has_just_joined() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let first = start(&log, |http| http);
    let app = App::new("shouter", topology()).workers(2).quiet().start(log.clone()).expect("it starts");
    divided(&first.1, &app);
    for key in keys() {
        log.send(&LINES, key, "to be").expect("sent");
    }
    let mut stream = connect(first.0.address());
    write!(stream, "GET /api/stores/{STORE}/stream?wait=20s HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    std::thread::spawn(move || {
        millstream::log::Doorbell::new().wait(std::time::Duration::from_millis(700));
        let http = Http::of(&app).bind("127.0.0.1:0").start().expect("it is served");
        app.wait().map(|_| drop(http))
    });
    let mut found = std::collections::BTreeSet::new();
    for line in BufReader::new(stream).lines() {
        let line = line.expect("a line");
        assert_ne!(line, "event: error", "it does not wait");
        let row = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Json>(data).ok());
        found.extend(row.and_then(|row| row["key"].as_str().map(str::to_owned)));
        if found.len() == keys().len() {
            break;
        }
    }
    first.1.close().expect("a clean end");
}
