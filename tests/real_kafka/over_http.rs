//! An application on a real broker, asked over HTTP for what it asks its log: topics, records, dead letters, its group, its lag.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millstream::config::OnError;
use millstream::http::HttpServer;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;
use millstream::runtime::Running;
use millstream_tests::PATIENCE;
use millstream_tests::http::{Answer, get, post};
use millstream_tests::kafka::bootstrap_servers;
use serde_json::{Value as Json, json};
use streams_core::testing::log_contract::unique_prefix;

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

const PARTITIONS: usize = 3;

/// The application, and its server.
struct Scene {
    // Fields are dropped in this order.
    http: HttpServer,
    app: Running,
    prefix: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Counts numbers by their keys. Negative ones become dead letters, and so does what is no number.
    fn open() -> Self {
        let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
        let topic = |name: &str| Topic::<String, i64>::named(format!("{prefix}-{name}")).expect("a name");
        let client = Client::new(kafka.clone()).expect("a client");
        for name in ["numbers", "totals", "dead"] {
            let partitions = u32::try_from(PARTITIONS).expect("few");
            client.create_topic(&topic(name)).partitions(partitions).create().expect("a topic");
        }
        let builder = StreamsBuilder::new();
        let numbers = builder.stream(topic("numbers"));
        let good = numbers.try_map_values(|number| if number < 0 { Err("it is negative") } else { Ok(number) });
        good.named("check").group_by_key().count().stored_as(COUNTS).to_stream().to(topic("totals"));
        let folder = tempfile::tempdir().expect("a folder");
        let app = App::new(format!("{prefix}-app"), builder.build().expect("a topology"))
            .exactly_once()
            .workers(2)
            .quiet()
            .state_in(RocksDb::default())
            .state_dir(folder.path())
            .on_undecodable(OnError::DeadLetter)
            .on_processing_error(OnError::DeadLetter)
            .dead_letters_to(format!("{prefix}-dead"))
            .start(kafka)
            .expect("an application");
        app.wait_until_running().expect("it runs");
        let http = Http::of(&app).bind("127.0.0.1:0").allow_actions(true).all_topics(true).start().expect("a server");
        Self { http, app, prefix, _folder: folder }
    }

    fn get(&self, path: &str) -> Answer {
        get(self.http.address(), path, "").unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    fn post(&self, path: &str, body: &Json) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        post(self.http.address(), path, &body).unwrap_or_else(|| panic!("no answer to POST {path}"))
    }

    /// A topic's path.
    fn topic(&self, name: &str) -> String {
        format!("/api/topics/{}-{name}", self.prefix)
    }

    /// Writes a record over HTTP, and returns its partition and offset.
    fn write(&self, record: &Json) -> (i64, i64) {
        let answer = self.post(&format!("{}/records", self.topic("numbers")), record);
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        (answer["partition"].as_i64().expect("a partition"), answer["offset"].as_i64().expect("an offset"))
    }

    fn letters(&self) -> Vec<Json> {
        self.get("/api/dead-letters?limit=100").json()["letters"].as_array().cloned().unwrap_or_default()
    }

    /// The inputs of all tasks.
    fn inputs(&self) -> Vec<Json> {
        let tasks = self.get("/api/tasks").json()["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().flat_map(|task| task["inputs"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// How many records are not processed; `None` if that is not known of each partition.
    fn lag(&self) -> Option<u64> {
        let inputs = self.inputs();
        (inputs.len() == PARTITIONS).then(|| inputs.iter().map(|input| input["lag"].as_u64()).sum::<Option<u64>>())?
    }
}

fn until(what: &str, is_reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_reached() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}, in vain");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn records_are_written_read_and_waited_for_over_http() {
    let scene = Scene::open();
    let records = format!("{}/records", scene.topic("numbers"));
    let many: Vec<Json> = (0..30).map(|number| json!({ "key": format!("key {number:02}"), "value": number })).collect();
    assert_eq!(scene.post(&records, &json!(many)).json()["written"], 30);
    let (partition, offset) = scene.write(
        &json!({ "key": "key 07", "value": 7, "headers": { "trace": "t1" }, "timestamp": 1_700_000_000_000_i64 }),
    );

    // What was written is in the store, where somebody asks for that.
    let position = format!("X-KStream-Min-Position: {}-numbers-{partition}:{}\r\n", scene.prefix, offset + 1);
    let row = get(scene.http.address(), "/api/stores/counts/key%2007?wait=20s", &position).expect("an answer");
    assert_eq!((row.status, &row.json()["value"]), (200, &json!(2)), "{row:?}");

    let (mut found, mut path) = (Vec::new(), format!("{records}?limit=7"));
    loop {
        let page = scene.get(&path).json();
        found.extend(page["records"].as_array().expect("records").clone());
        if page["is_end"] == true {
            break;
        }
        path = format!("{records}?limit=7&from={}", page["next"].as_str().expect("a place"));
    }
    let keys: BTreeSet<&str> = found.iter().map(|record| record["key"].as_str().expect("a key")).collect();
    assert_eq!((found.len(), keys.len()), (31, 30));
    let last = found.iter().find(|record| record["headers"]["trace"] == json!(["t1"])).expect("its headers");
    assert_eq!((&last["timestamp"], &last["partition"]), (&json!(1_700_000_000_000_i64), &json!(partition)));
    let newest = scene.get(&format!("{records}?newest=true&partition={partition}&limit=1")).json();
    assert_eq!(newest["records"][0]["offset"], offset);

    let (address, waited) = (scene.http.address(), format!("{records}?from=end&wait=30s"));
    let waiting = std::thread::spawn(move || get(address, &waited, "").expect("an answer").json());
    std::thread::sleep(Duration::from_secs(1));
    scene.write(&json!({ "key": "late", "value": 1 }));
    assert_eq!(waiting.join().expect("no panic")["records"][0]["key"], "late");
    for (body, expected) in [
        (json!({ "key": "a", "value": "no number" }), (400, "bad_request")),
        (json!({ "key": "a", "value": 1, "partition": 3 }), (400, "refused")),
        // The broker takes no record of the far future, unless it is told to.
        (json!({ "key": "a", "value": 1, "timestamp": i64::MAX }), (400, "refused")),
    ] {
        let answer = scene.post(&records, &body);
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{body}: {answer:?}");
    }
}

#[test]
fn topics_are_listed_created_and_described_over_http() {
    let scene = Scene::open();
    scene.write(&json!({ "key": "a", "value": 1 }));
    let topics = |path: &str| scene.get(path).json()["topics"].as_array().cloned().expect("topics");
    let own: Vec<_> =
        topics("/api/topics").iter().map(|topic| (topic["name"].clone(), topic["purpose"].clone())).collect();
    let name = |name: &str| json!(format!("{}-{name}", scene.prefix));
    let expected = [
        (name("app-counts-changelog"), json!("changelog")),
        (name("dead"), json!("dead letters")),
        (name("numbers"), json!("input")),
        (name("totals"), json!("output")),
    ];
    assert_eq!(own, expected);
    until("the record to be committed", || {
        let numbers =
            topics("/api/topics").into_iter().find(|topic| topic["name"] == name("numbers")).expect("it is there");
        let partitions = numbers["partitions"].as_array().cloned().expect("partitions");
        let sum = |field: &str| partitions.iter().map(|partition| partition[field].as_i64().unwrap_or(0)).sum::<i64>();
        assert_eq!((partitions.len(), sum("start"), sum("end")), (PARTITIONS, 0, 1));
        sum("committed") == 1
    });
    let changelog = scene.get(&scene.topic("app-counts-changelog")).json();
    assert_eq!((&changelog["settings"]["cleanup.policy"], &changelog["replicas"]), (&json!("compact"), &json!(1)));

    let wanted = json!({ "name": name("by-hand"), "partitions": 4, "settings": { "retention.ms": "3600000" } });
    assert_eq!(scene.post("/api/topics", &wanted).json(), json!({ "created": name("by-hand") }));
    until("it to be there", || scene.get(&scene.topic("by-hand")).status == 200);
    let described = scene.get(&scene.topic("by-hand")).json();
    assert_eq!(described["partitions"].as_array().map(Vec::len), Some(4));
    assert_eq!(described["settings"]["retention.ms"], "3600000");
    assert!(topics("/api/topics?all=true").iter().any(|topic| topic["name"] == name("by-hand")));
    for (body, expected) in [
        (wanted, (409, "topic_exists")),
        (json!({ "name": name("vast"), "partitions": 20_000 }), (400, "refused")),
        (json!({ "name": name("copied"), "replication": 7 }), (400, "refused")),
        (json!({ "name": name("odd"), "settings": { "retention.ms": "soon" } }), (400, "refused")),
        (json!({ "name": name("odd"), "settings": { "colour": "red" } }), (400, "refused")),
        (json!({ "name": "a/b" }), (400, "bad_request")),
    ] {
        let answer = scene.post("/api/topics", &body);
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{body}: {answer:?}");
    }
    assert_eq!(code(&scene.get(&scene.topic("nothing"))), (404, "unknown_topic".to_owned()));
}

#[test]
fn dead_letters_are_found_and_put_back_over_http() {
    let scene = Scene::open();
    let failed = scene.write(&json!({ "key": "pen", "value": -1, "headers": { "trace": "t1" } }));
    let undecodable = scene.write(&json!({ "key": "ink", "value_base64": "AAE=" }));
    until("both dead letters", || scene.letters().len() == 2);
    let letters = scene.letters();
    let letter =
        |key: &str| letters.iter().find(|letter| letter["key"] == key).unwrap_or_else(|| panic!("{letters:?}"));
    for (key, reason, (partition, offset)) in [("pen", "failed", failed), ("ink", "undecodable", undecodable)] {
        let letter = letter(key);
        let source = json!({ "topic": format!("{}-numbers", scene.prefix), "partition": partition, "offset": offset });
        assert_eq!((&letter["reason"], &letter["source"]), (&json!(reason), &source), "{letter}");
    }
    let pen = letter("pen");
    assert_eq!((&pen["value"], &pen["headers"]["trace"]), (&json!(-1), &json!(["t1"])));
    let place = format!("/api/dead-letters/{}/{}", pen["partition"], pen["offset"]);
    assert_eq!(scene.get(&place).json(), *pen);
    assert_eq!(code(&scene.get("/api/dead-letters/0/9999")), (404, "no_letter".to_owned()));

    let back = scene.post(&format!("{place}/replay"), &Json::Null).json();
    assert_eq!((&back["topic"], &back["partition"]), (&pen["source"]["topic"], &pen["source"]["partition"]), "{back}");
    assert_eq!(code(&scene.post(&format!("{place}/replay"), &Json::Null)), (409, "put_back_before".to_owned()));
    // It fails again, and stays.
    until("the third", || scene.letters().len() == 3);
    let again = scene.letters().into_iter().find(|letter| letter["replays"] == 1).expect("one that was put back");
    assert_eq!(again["source"]["offset"], back["offset"]);
    let stays = format!("/api/dead-letters/{}/{}/replay", again["partition"], again["offset"]);
    assert_eq!(code(&scene.post(&stays, &Json::Null)), (409, "stays".to_owned()));

    let replay = |parameters: &str| scene.post(&format!("/api/dead-letters/replay{parameters}"), &Json::Null).json();
    // Otherwise they could fail again while it goes on.
    scene.app.pause();
    assert_eq!(replay("?dry_run=true"), json!({ "put_back": 2, "left": 1, "dry_run": true }));
    assert_eq!(replay(""), json!({ "put_back": 2, "left": 1, "dry_run": false }));
    assert_eq!(replay(""), json!({ "put_back": 0, "left": 0, "dry_run": false }));
    scene.app.resume();
    until("both to fail again", || scene.letters().len() == 5);
    assert_eq!(scene.get("/api/app").json()["state"], "RUNNING");
    let description = scene.get("/api/openapi.json").json();
    let example = &description["paths"]["/api/dead-letters/{partition}/{offset}"]["get"]["parameters"][1]["example"];
    assert!(example.is_i64(), "{example}");
}

#[test]
fn the_group_the_lag_and_metrics_are_told_over_http() {
    let scene = Scene::open();
    scene.write(&json!({ "key": "a", "value": 1 }));
    until("nothing to be left", || scene.lag() == Some(0));
    assert!(scene.inputs().iter().all(|input| input["lag_ms"] == 0), "{:?}", scene.inputs());

    assert_eq!(scene.post("/api/app/pause", &Json::Null).status, 202);
    let records: Vec<Json> = (0..60).map(|number| json!({ "key": format!("key {number}"), "value": 1 })).collect();
    assert_eq!(scene.post(&format!("{}/records", scene.topic("numbers")), &json!(records)).status, 200);
    until("the lag to be told", || scene.lag() == Some(60));
    let metric = format!("kstream_consumer_lag{{topic=\"{}-numbers\"}} 60", scene.prefix);
    until("the lag among the metrics", || scene.get("/metrics").body.contains(&metric));
    // How long a record waits is known once it is fetched, and grows.
    let longest = PATIENCE.as_millis();
    let waits = |input: &Json| input["lag_ms"].as_u64().is_some_and(|ms| (2_000..longest).contains(&u128::from(ms)));
    until("the records to have waited for some time", || scene.inputs().iter().all(waits));
    assert_eq!(scene.post("/api/app/resume", &Json::Null).status, 202);
    until("nothing to be left again", || scene.lag() == Some(0));
    until("no time to be left", || scene.inputs().iter().all(|input| input["lag_ms"] == 0));

    let instances = scene.get("/api/instances?tasks=true").json();
    let [instance] = &instances["instances"].as_array().expect("instances")[..] else { panic!("{instances}") };
    assert_eq!(instance["is_self"], true);
    assert_eq!(instance["endpoint"], scene.http.address().to_string());
    assert_eq!(instance["assigned"], json!(["0_0", "0_1", "0_2"]));
    assert_eq!(instance["tasks"]["tasks"].as_array().map(Vec::len), Some(PARTITIONS), "{instance}");
    assert_eq!(scene.get("/readyz").status, 200);
}
