//! `/api/app`, `/api/config`, `/api/tasks` and `/api/topology`.

use std::time::Duration;

use millstream::dsl::handler::{Job, Permanent};
use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{LINES, SHOUTED, eventually, scene, scene_of, topology};

#[test]
fn an_application_says_which_one_it_is() {
    let scene = scene(|http| http);
    let hash = format!("{:016x}", topology().fingerprint().hash());
    assert_eq!(
        scene.get("/api/app").json(),
        json!({
            "application_id": "shouter",
            "state": "RUNNING",
            "is_paused": false,
            "guarantee": "exactly_once_v2",
            "error": null,
            "log": "an embedded log in memory",
            "topology": hash,
            "version": env!("CARGO_PKG_VERSION"),
        })
    );
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let config = Layers::new()
        .set("application.id", "shouter")
        .environment_of([("KSTREAM_COMMIT_INTERVAL_MS", "70")])
        .argument("producer.linger.ms=3")
        .read()
        .unwrap();
    let app = App::configured(&config, topology()).workers(3).quiet();
    let answer = scene_of(app, |http| http).get("/api/config").json();
    let settings = answer["settings"].as_array().unwrap();
    for (name, value, origin) in [
        ("application.id", "shouter", "code"),
        ("num.stream.threads", "3", "code"),
        ("commit.interval.ms", "70ms", "KSTREAM_COMMIT_INTERVAL_MS"),
        ("processing.guarantee", "exactly_once_v2", "decided by the log"),
        ("poll.ms", "100ms", "default"),
        ("producer.linger.ms", "3", "command line"),
    ] {
        let found = settings.iter().find(|setting| setting["name"] == name);
        assert_eq!(found, Some(&json!({ "name": name, "value": value, "origin": origin })));
    }
}

#[test]
fn the_topology_comes_in_four_formats() {
    let scene = scene(|http| http);
    let topology = topology();
    let texts = [("text", topology.describe()), ("mermaid", topology.to_mermaid()), ("dot", topology.to_dot())];
    for (format, text) in texts {
        assert_eq!(scene.get(&format!("/api/topology?format={format}")).body, text, "{format}");
    }
    for path in ["/api/topology", "/api/topology?format=json"] {
        assert_eq!(scene.get(path).json(), topology.to_json(), "{path}");
    }
    let accepting = |accept: &str| scene.ask("GET", "/api/topology", &[("Accept", accept)]);
    let plain = accepting("text/plain");
    assert_eq!(
        (plain.header("content-type"), plain.body.clone()),
        (Some("text/plain; charset=utf-8"), topology.describe())
    );
    assert_eq!(accepting("text/html, */*").json(), topology.to_json());
    // The address says it more clearly than a browser does.
    let asked = scene.ask("GET", "/api/topology?format=dot", &[("Accept", "text/plain")]);
    assert_eq!(asked.body, topology.to_dot());
}

#[test]
fn tasks_say_what_they_have_done_and_what_is_left() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to"), ("b", "be"), ("c", "or"), ("d", "not")]);
    eventually(|| {
        let tasks = scene.get("/api/tasks").json();
        assert_eq!(tasks["lag_unknown"], Json::Null);
        let tasks = tasks["tasks"].as_array().unwrap().clone();
        let sum = |field: &str| tasks.iter().map(|task| task[field].as_u64().unwrap()).sum::<u64>();
        let inputs = tasks.iter().flat_map(|task| task["inputs"].as_array().unwrap().clone()).collect::<Vec<_>>();
        (sum("processed"), sum("uncommitted"), sum("buffered")) == (4, 0, 0)
            && inputs.len() == 3
            && inputs.iter().all(|input| input["lag"] == 0 && input["lag_ms"] == 0 && input["end"] == input["position"])
    });
    let tasks = scene.get("/api/tasks").json();
    let ids: Vec<_> = tasks["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
    assert_eq!(ids, ["0_0", "0_1", "0_2"]);
    assert_eq!(tasks["tasks"][0]["state"], "running");
    // Four lines come in, each goes out in capitals, and each key is counted once.
    let counted = |field: &str, name: &str| {
        let tasks = tasks["tasks"].as_array().unwrap();
        tasks.iter().map(|task| task[field][name].as_u64().unwrap_or_default()).sum::<u64>()
    };
    assert_eq!((counted("received", "lines"), counted("sent", "KSTREAM-SINK-0000000006")), (4, 4));
    eventually(|| {
        let tasks = scene.get("/api/tasks").json();
        let stores = tasks["tasks"].as_array().unwrap().iter();
        let stores: Vec<_> =
            stores.map(|task| task["stores"]["KSTREAM-AGGREGATE-STATE-STORE-0000000001"].clone()).collect();
        let sum = |field: &str| stores.iter().map(|store| store[field].as_u64().unwrap_or_default()).sum::<u64>();
        sum("rows") == 4 && sum("bytes") > 0
    });
}

#[test]
fn what_was_dropped_is_told_by_node_and_reason() {
    let builder = StreamsBuilder::new();
    let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
    let counts = builder.stream(LINES).group_by_key().windowed_by(windows).count();
    _ = counts.stored_as(WindowStore::new("counts"));
    let scene = scene_of(App::new("counter", builder.build().unwrap()).quiet(), |http| http);
    assert_eq!(scene.get("/api/tasks").json()["dropped"], json!([]));
    let now = scene.app.about().clock().now().0;
    for at in [now, now - 5_000, now - 6_000, now - 7_000] {
        scene.log.send_at(&LINES, "a", "to be", Timestamp(at)).unwrap();
    }
    let dropped = || scene.get("/api/tasks").json()["dropped"].clone();
    eventually(|| dropped()[0]["records"] == 3);
    let mut dropped = dropped();
    let last = dropped[0].as_object_mut().unwrap().remove("last").unwrap();
    assert!(last.as_i64().is_some_and(|last| (now..now + 90_000).contains(&last)), "{last}");
    assert_eq!(
        dropped,
        json!([{
            "node": "KSTREAM-AGGREGATE-0000000001",
            "subtopology": 0,
            "reason": "late",
            "explanation": "they came after their window was closed; a longer grace keeps it open",
            "records": 3,
        }])
    );
}

/// The age of the oldest record that waits is known as soon as that is fetched.
#[test]
fn lag_is_told_in_records_and_in_time() {
    let scene = scene(|http| http);
    scene.app.pause();
    let old = Timestamp(scene.app.about().clock().now().0 - 60_000);
    scene.log.send_at(&LINES, "a", "to be", old).unwrap();
    scene.log.send(&LINES, "a", "or not").unwrap();
    let lag = || {
        let tasks = scene.get("/api/tasks").json();
        let inputs =
            tasks["tasks"].as_array().unwrap().iter().flat_map(|task| task["inputs"].as_array().unwrap().clone());
        inputs.max_by_key(|input| input["lag"].as_u64()).unwrap()
    };
    eventually(|| lag()["lag"] == 2 && !lag()["lag_ms"].is_null());
    let ms = lag()["lag_ms"].as_u64().unwrap();
    assert!((60_000..90_000).contains(&ms), "{ms}");
    scene.app.resume();
    eventually(|| lag()["lag"] == 0 && lag()["lag_ms"] == 0);
}

#[test]
fn handlers_are_told_by_their_names() {
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .handle("mail", |job: Job<String, String>| async move { Ok::<_, Permanent>(job.value().clone()) })
        .to(SHOUTED);
    let scene = scene_of(App::new("mailer", builder.build().unwrap()).quiet(), |http| http);
    for line in ["to be", "or not"] {
        scene.log.send(&LINES, "a", line).unwrap();
    }
    eventually(|| {
        let tasks = scene.get("/api/tasks").json();
        let succeeded = |task: &Json| task["handlers"]["mail"]["succeeded"].as_u64().unwrap_or_default();
        tasks["tasks"].as_array().unwrap().iter().map(succeeded).sum::<u64>() == 2
    });
}

#[test]
fn what_is_not_known_is_said_once_the_application_has_ended() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to be")]);
    scene.app.stop();
    eventually(|| scene.app.state() == AppState::NotRunning);
    let answer = scene.get("/api/tasks").json();
    assert_eq!(answer["lag_unknown"], "the application has ended");
    let tasks = answer["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 3);
    for task in tasks {
        let input = &task["inputs"][0];
        let found = [&task["state"], &input["end"], &input["lag"], &input["lag_ms"]];
        assert_eq!(found, [&json!("closed"), &Json::Null, &Json::Null, &Json::Null]);
    }
}
