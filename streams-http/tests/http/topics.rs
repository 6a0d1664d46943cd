//! Topics over HTTP: which there are, their records, and writing some.

use std::time::{Duration, Instant};

use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{Scene, eventually, post, scene_of};

const NUMBERS: Topic<String, i64> = Topic::new("lines");
const TOTALS: Topic<String, i64> = Topic::new("totals");

/// Sums numbers by their keys, with production's defaults and three partitions.
fn summing(serve: impl FnOnce(millstream::http::Http) -> millstream::http::Http) -> Scene {
    let builder = StreamsBuilder::new();
    builder.stream(NUMBERS).group_by_key().reduce(|sum, number| sum + number).to_stream().to(TOTALS);
    let app = App::new("sums", builder.build().unwrap()).workers(2).quiet().dead_letters_to("dead-numbers");
    let scene = scene_of(app, serve);
    scene.log.create_topic("others", 1).unwrap();
    scene
}

fn acting() -> Scene {
    summing(|http| http.allow_actions(true))
}

fn send(scene: &Scene, numbers: impl IntoIterator<Item = (String, i64)>) {
    Client::new(scene.log.clone()).unwrap().send_all(&NUMBERS, numbers).unwrap();
}

/// The records of an answer, as keys and values.
fn records(answer: &Json) -> Vec<(String, i64)> {
    let record = |record: &Json| (record["key"].as_str().unwrap().to_owned(), record["value"].as_i64().unwrap());
    answer["records"].as_array().unwrap().iter().map(record).collect()
}

#[test]
fn topics_say_what_they_are_and_where_they_end() {
    let scene = summing(|http| http);
    send(&scene, [("ada".to_owned(), 1)]);
    let topics = || scene.get("/api/topics").json()["topics"].as_array().unwrap().clone();
    let found: Vec<_> = topics()
        .iter()
        .map(|topic| {
            let partitions = topic["partitions"].as_array().unwrap().len();
            let text = |field: &str| topic[field].as_str().unwrap().to_owned();
            (text("name"), text("purpose"), text("key_type"), text("value_type"), partitions)
        })
        .collect();
    let expected = [
        ("dead-numbers", "dead letters", "Option<Bytes>", "Option<Bytes>", 3),
        ("lines", "input", "String", "i64", 3),
        ("sums-KSTREAM-REDUCE-STATE-STORE-0000000001-changelog", "changelog", "String", "i64", 3),
        ("totals", "output", "String", "i64", 3),
    ];
    let expected = expected.map(|(name, purpose, key, value, partitions)| {
        (name.to_owned(), purpose.to_owned(), key.to_owned(), value.to_owned(), partitions)
    });
    assert_eq!(found, expected);
    eventually(|| {
        let partitions = topics()[1]["partitions"].as_array().unwrap().clone();
        let sum = |field: &str| partitions.iter().map(|partition| partition[field].as_i64().unwrap_or(0)).sum::<i64>();
        assert_eq!((sum("start"), sum("end")), (0, 1));
        sum("committed") == 1
    });

    let topic = scene.get("/api/topics/KSTREAM-REDUCE-STATE-STORE-0000000001-changelog").json();
    assert_eq!(topic["name"], "sums-KSTREAM-REDUCE-STATE-STORE-0000000001-changelog");
    assert_eq!((&topic["settings"]["cleanup.policy"], &topic["value_example"]), (&json!("compact"), &json!("42")));
    let at = |time: i64| scene.get(&format!("/api/topics/lines?time={time}")).json()["at_time"].clone();
    assert_eq!(at(0), json!([0, 0, 0]));
    assert_eq!(at(i64::MAX).as_array().unwrap().iter().map(|offset| offset.as_i64().unwrap()).sum::<i64>(), 1);
}

#[test]
fn records_are_read_bit_by_bit_and_each_once() {
    let scene = summing(|http| http);
    let numbers: Vec<_> = (0..40).map(|number| (format!("key {number:02}"), number)).collect();
    send(&scene, numbers.clone());
    let (mut found, mut from) = (Vec::new(), "beginning".to_owned());
    loop {
        let page = scene.get(&format!("/api/topics/lines/records?limit=7&from={from}")).json();
        found.extend(records(&page));
        from = page["next"].as_str().unwrap().to_owned();
        if page["is_end"] == true {
            break;
        }
    }
    found.sort();
    assert_eq!(found, numbers);
    // Whoever goes on there sees what comes next, and nothing twice.
    send(&scene, [("new".to_owned(), 99)]);
    let page = scene.get(&format!("/api/topics/lines/records?from={from}")).json();
    assert_eq!(records(&page), [("new".to_owned(), 99)]);

    let of_one = |partition: i32| {
        let page = scene.get(&format!("/api/topics/lines/records?partition={partition}")).json();
        assert!(page["records"].as_array().unwrap().iter().all(|record| record["partition"] == partition));
        page["records"].as_array().unwrap().len()
    };
    assert_eq!((0..3).map(of_one).sum::<usize>(), 41);
    let of_two = scene.get("/api/topics/lines/records?partition=0,2&from=0:0,2:0").json();
    assert_eq!(of_two["records"].as_array().unwrap().len(), of_one(0) + of_one(2));
    // Regression: an offset of a partition was refused if another partition had fewer.
    let longest = (0..3).max_by_key(|partition| of_one(*partition)).unwrap();
    let last = of_one(longest) - 1;
    assert!((0..3).any(|partition| of_one(partition) < last));
    let of_last = scene.get(&format!("/api/topics/lines/records?partition={longest}&from={last}")).json();
    assert_eq!((of_last["records"].as_array().unwrap().len(), &of_last["records"][0]["offset"]), (1, &json!(last)));
    let from_end = scene.get("/api/topics/lines/records?from=end").json();
    assert_eq!((records(&from_end), &from_end["is_end"]), (Vec::new(), &json!(true)));
}

#[test]
fn the_newest_records_come_first_if_that_is_wished() {
    let scene = summing(|http| http);
    for number in 0..30 {
        let (key, at) = (format!("key {number:02}"), Timestamp(number * 1_000));
        scene.log.send_at(&NUMBERS, key, number, at).unwrap();
    }
    let (mut found, mut path) = (Vec::new(), "/api/topics/lines/records?newest=true&limit=7".to_owned());
    loop {
        let page = scene.get(&path).json();
        found.extend(records(&page).into_iter().map(|(_, number)| number));
        assert_eq!(page["is_end"], page["next"].is_null());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/topics/lines/records?newest=true&limit=7&from={next}");
    }
    assert_eq!(found, (0..30).rev().collect::<Vec<_>>());
    let of_one = scene.get("/api/topics/lines/records?newest=true&partition=1").json();
    assert!(of_one["records"].as_array().unwrap().iter().all(|record| record["partition"] == 1));
}

/// Behind the last record of an exactly-once application there is the mark of its transaction.
#[test]
fn the_end_of_a_topic_is_reached_behind_marks_of_transactions() {
    let scene = summing(|http| http);
    send(&scene, [("ada".to_owned(), 1)]);
    eventually(|| records(&scene.get("/api/topics/totals/records").json()) == [("ada".to_owned(), 1)]);
    let page = scene.get("/api/topics/totals/records").json();
    let topic = scene.get("/api/topics/totals").json();
    let ends = topic["partitions"].as_array().unwrap().iter();
    let ends: Vec<_> = ends.map(|partition| format!("{}:{}", partition["partition"], partition["end"])).collect();
    assert_eq!(page["next"], ends.join(","));
    assert_eq!(page["is_end"], true);
    assert_ne!(page["next"], format!("{}:1", page["records"][0]["partition"]), "there is a mark");
}

#[test]
fn a_record_that_is_still_to_come_is_waited_for() {
    let scene = summing(|http| http);
    let began = Instant::now();
    let nothing = scene.get("/api/topics/lines/records?wait=300ms").json();
    assert_eq!(records(&nothing), []);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let address = scene.address();
    let waiting =
        std::thread::spawn(move || crate::support::ask(address, "GET", "/api/topics/lines/records?wait=30s", &[]));
    send(&scene, [("ada".to_owned(), 7)]);
    assert_eq!(records(&waiting.join().unwrap().json()), [("ada".to_owned(), 7)]);
}

/// Those who wait leave room for those who ask.
#[test]
fn not_all_places_are_for_those_who_wait() {
    let scene = summing(|http| http);
    let address = scene.address();
    let waiting = move || crate::support::ask(address, "GET", "/api/topics/lines/records?wait=30s", &[]);
    let threads: Vec<_> = (0..60).map(|_| std::thread::spawn(waiting)).collect();
    // Those who have no place hear that at once.
    eventually(|| threads.iter().filter(|thread| thread.is_finished()).count() == 28);
    assert_eq!(scene.get("/api/topics").status, 200);
    send(&scene, [("ada".to_owned(), 1)]);
    let mut statuses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 32].as_slice(), &[503; 28]].concat());
}

/// Nobody who waits keeps an application, or its log, from ending.
#[test]
fn who_waits_is_answered_when_the_application_ends() {
    let scene = summing(|http| http);
    let address = scene.address();
    let waiting =
        std::thread::spawn(move || crate::support::ask(address, "GET", "/api/topics/lines/records?wait=30s", &[]));
    // By then it waits, as a rule; it is answered even if it does not.
    millstream::log::Doorbell::new().wait(Duration::from_millis(500));
    scene.app.stop();
    let began = Instant::now();
    let answer = waiting.join().unwrap();
    assert!(matches!(answer.status, 200 | 503) && began.elapsed() < Duration::from_secs(20), "{answer:?}");
}

#[test]
fn raw_records_are_bytes_in_base64() {
    let scene = acting();
    let body = json!({ "key": "ada", "value": 1, "headers": { "trace": "t1" }, "timestamp": 5 });
    assert_eq!(post(scene.address(), "/api/topics/lines/records", &body.to_string()).status, 200);
    let record = scene.get("/api/topics/lines/records?raw=true").json()["records"][0].clone();
    assert_eq!((&record["key"], &record["value"]), (&json!("YWRh"), &json!("AAAAAAAAAAE=")));
    assert_eq!((&record["headers"], &record["timestamp"]), (&json!([["trace", "dDE="]]), &json!(5)));
}

#[test]
fn records_are_written_as_the_topics_types_and_processed() {
    let scene = acting();
    let write = |body: Json| post(scene.address(), "/api/topics/lines/records", &body.to_string());
    let one = write(json!({ "key": "ada", "value": 1 })).json();
    assert_eq!((&one["written"], &one["offset"]), (&json!(1), &json!(0)));
    // Where its key goes with any other client.
    let (at, _) = Client::new(scene.log.clone()).unwrap().send(&NUMBERS, "ada", 2).unwrap();
    assert_eq!(one["partition"], at.partition.0);
    let several = json!([
        { "key": "bob", "value": 3, "partition": 2, "timestamp": 77, "headers": { "a": ["1", null, { "base64": "/w==" }] } },
        { "key_base64": "Ym9i", "value_base64": "AAAAAAAAAAQ=" },
    ]);
    assert_eq!(write(several).json(), json!({ "topic": "lines", "written": 2, "partition": null, "offset": null }));
    let found = scene.log.read(&NUMBERS).unwrap();
    let bob: Vec<_> = found.iter().filter(|record| record.key == "bob").collect();
    assert_eq!(bob.iter().map(|record| record.value).collect::<std::collections::BTreeSet<_>>(), [3, 4].into());
    let first = bob.iter().find(|record| record.value == 3).unwrap();
    let headers: Vec<_> = first.headers.iter().map(|header| header.value.as_deref()).collect();
    assert_eq!((first.timestamp, headers), (Timestamp(77), vec![Some(&b"1"[..]), None, Some(&b"\xff"[..])]));
    // Also what no type of the topic allows.
    let raw = post(scene.address(), "/api/topics/dead-numbers/records", &json!({ "raw": true }).to_string());
    assert_eq!((raw.status, raw.json()["written"].as_i64()), (200, Some(1)));
    eventually(|| {
        let totals = records(&scene.get("/api/topics/totals/records?limit=1000").json());
        totals.contains(&("ada".to_owned(), 3))
    });
}

#[test]
fn records_that_are_wrong_say_which_field_and_nothing_is_written() {
    let scene = acting();
    let good = json!({ "key": "ada", "value": 1 });
    for (body, status, expected) in [
        ("".to_owned(), 400, "the body is no record as JSON"),
        ("{".to_owned(), 400, "the body is no record as JSON"),
        (json!({ "key": "ada", "value": "one" }).to_string(), 400, "the value is not a value of type i64"),
        (json!({ "key": 1, "value": 1 }).to_string(), 400, "the key is not a value of type String"),
        (json!({ "key": "ada" }).to_string(), 400, "the value is not a value of type i64"),
        (json!({ "key": "ada", "value": 1, "colour": "red" }).to_string(), 400, "unknown field `colour`"),
        (json!([good, { "key": "ada", "value": 1.5 }]).to_string(), 400, "record 1: the value is not"),
        (json!([good, { "key": "ada", "value": 1, "timestamp": -1 }]).to_string(), 400, "record 1: the timestamp -1"),
        (
            json!({ "key": "ada", "value": 1, "value_base64": "AA==" }).to_string(),
            400,
            "both `value` and `value_base64`",
        ),
        (json!({ "key": "ada", "value_base64": "*" }).to_string(), 400, "`value_base64` is no base64"),
        (json!({ "key": "ada", "raw": true }).to_string(), 400, "there is a `key` in a raw record"),
        (json!({ "key": "ada", "value": 1, "headers": { "a": { "base64": "*" } } }).to_string(), 400, "the header `a`"),
        (json!({ "key": "ada", "value": 1, "partition": 3 }).to_string(), 400, "numbered from 0: not 3"),
        (json!({ "key": "ada", "value": 1, "partition": -1 }).to_string(), 400, "numbered from 0: not -1"),
    ] {
        let answer = post(scene.address(), "/api/topics/lines/records", &body);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{body}: {message}");
        assert!(message.contains(expected), "{body}: {message}");
    }
    assert_eq!(scene.log.read(&NUMBERS).unwrap(), []);
}

#[test]
fn what_may_not_be_read_or_written_is_refused() {
    let scene = summing(|http| http);
    let changelog = "sums-KSTREAM-REDUCE-STATE-STORE-0000000001-changelog";
    for (path, status, code) in [
        ("/api/topics?all=true", 403, "other_topics_off"),
        ("/api/topics?colour=red", 400, "bad_request"),
        ("/api/topics/others", 404, "unknown_topic"),
        ("/api/topics/nothing", 404, "unknown_topic"),
        ("/api/topics/others/records", 404, "unknown_topic"),
        ("/api/topics/..%2F..%2Fetc%2Fpasswd/records", 404, "unknown_topic"),
        ("/api/topics/lines?time=noon", 400, "bad_request"),
        ("/api/topics/lines/records?limit=0", 400, "bad_request"),
        ("/api/topics/lines/records?limit=10001", 400, "bad_request"),
        ("/api/topics/lines/records?partition=3", 400, "bad_request"),
        ("/api/topics/lines/records?partition=-1", 400, "bad_request"),
        ("/api/topics/lines/records?partition=0,3", 400, "bad_request"),
        ("/api/topics/lines/records?partition=,", 400, "bad_request"),
        ("/api/topics/lines/records?from=yesterday", 400, "bad_request"),
        ("/api/topics/lines/records?from=1", 400, "out_of_range"),
        ("/api/topics/lines/records?from=3:0", 404, "unknown_topic"),
        ("/api/topics/lines/records?wait=31s", 400, "bad_request"),
        ("/api/topics/lines/records?newest=true&wait=1s", 400, "bad_request"),
        ("/api/topics/lines/records?newest=true&from=end", 400, "bad_request"),
    ] {
        let answer = scene.get(path);
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{path}: {answer:?}");
    }
    let good = json!({ "key": "ada", "value": 1 }).to_string();
    let refused = post(scene.address(), "/api/topics/lines/records", &good);
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "actions_off"));

    let open = summing(|http| http.allow_actions(true).all_topics(true));
    assert!(open.get("/api/topics?all=true").body.contains("\"others\""));
    let text = json!({ "value": "a text" }).to_string();
    for (topic, status, code) in [
        (changelog, 403, Some("internal")),
        ("nothing", 404, Some("unknown_topic")),
        ("others", 200, None),
        ("dead-numbers", 200, None),
    ] {
        let answer = post(open.address(), &format!("/api/topics/{topic}/records"), &text);
        let found = code.map(|_| answer.error_code());
        assert_eq!((answer.status, found.as_deref()), (status, code), "{topic}");
    }
    assert_eq!(open.get("/api/topics/others/records").json()["records"][0]["value"], "a text");
    // Nothing was created by asking for it.
    assert!(!open.get("/api/topics?all=true").body.contains("\"nothing\""));
}

#[test]
fn a_topic_is_created_where_the_program_allows_it() {
    let wanted = json!({ "name": "news", "partitions": 4, "settings": { "retention.ms": "1000" } }).to_string();
    for scene in [summing(|http| http.allow_actions(true)), summing(|http| http.all_topics(true))] {
        assert_eq!(post(scene.address(), "/api/topics", &wanted).status, 403);
    }
    let scene = summing(|http| http.allow_actions(true).all_topics(true));
    let create = |body: &str| post(scene.address(), "/api/topics", body);
    assert_eq!(create(&wanted).json(), json!({ "created": "news" }));
    let topic = scene.get("/api/topics/news").json();
    assert_eq!(
        (topic["partitions"].as_array().unwrap().len(), &topic["settings"]["retention.ms"]),
        (4, &json!("1000"))
    );
    for (body, status, code) in [
        (wanted.as_str(), 409, "topic_exists"),
        (r#"{"name": "a/b"}"#, 400, "bad_request"),
        (r#"{"name": "none", "partitions": 0}"#, 400, "refused"),
        // Regression: it was created, and took all memory.
        (r#"{"name": "vast", "partitions": 2147483647}"#, 400, "refused"),
        (r#"{"name": "none", "partitions": -1}"#, 400, "bad_request"),
        (r#"{"name": "none", "partitions": 4294967296}"#, 400, "bad_request"),
        (r#"{"name": "some", "settings": {"retention.ms": "soon"}}"#, 400, "refused"),
        (r#"{"name": "none", "replication": 0}"#, 400, "bad_request"),
        (r#"{"partitions": 3}"#, 400, "bad_request"),
    ] {
        let answer = create(body);
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{body}: {answer:?}");
    }
}
