//! The description of the routes.

use millstream::config::OnError;
use millstream::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{LINES, eventually, post, scene, scene_of};

#[test]
fn every_route_is_described_and_every_description_is_of_a_route() {
    let scene = scene(|http| http.allow_actions(true));
    let document = scene.get("/api/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    let described: Vec<(&str, &str)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.as_str(), path.as_str())))
        .collect();
    let routes = [
        ("get", "/api/app"),
        ("post", "/api/app/pause"),
        ("post", "/api/app/resume"),
        ("post", "/api/app/stop"),
        ("get", "/api/config"),
        ("get", "/api/dead-letters"),
        ("post", "/api/dead-letters/replay"),
        ("get", "/api/dead-letters/{partition}/{offset}"),
        ("post", "/api/dead-letters/{partition}/{offset}/replay"),
        ("get", "/api/instances"),
        ("get", "/api/live"),
        ("get", "/api/live/stream"),
        ("get", "/api/openapi.json"),
        ("get", "/api/stores"),
        ("get", "/api/stores/{store}"),
        ("get", "/api/stores/{store}/stream"),
        ("get", "/api/stores/{store}/{key}"),
        ("get", "/api/tasks"),
        ("get", "/api/topics"),
        ("post", "/api/topics"),
        ("get", "/api/topics/{topic}"),
        ("get", "/api/topics/{topic}/records"),
        ("post", "/api/topics/{topic}/records"),
        ("get", "/api/topology"),
        ("get", "/api/topology/drawing"),
        ("get", "/livez"),
        ("get", "/metrics"),
        ("get", "/readyz"),
    ];
    assert_eq!(described, routes);
    // That one has no end.
    for (method, path) in routes.into_iter().filter(|(_, path)| *path != "/api/live/stream") {
        let answer = scene.ask(&method.to_uppercase(), path, &[]);
        let responses = &document["paths"][path][method]["responses"];
        assert!(
            responses.get(answer.status.to_string()).is_some(),
            "{method} {path}: {} is not described",
            answer.status
        );
    }
}

/// The names of an answer's fields are those of its description.
#[test]
fn answers_have_the_fields_that_are_described() {
    let scene = scene(|http| http);
    let document = scene.get("/api/openapi.json").json();
    for (path, schema) in [
        ("/api/app", "AppAnswer"),
        ("/api/config", "ConfigAnswer"),
        ("/api/instances", "InstancesAnswer"),
        ("/api/live", "LiveAnswer"),
        ("/api/tasks", "TasksAnswer"),
        ("/api/topics", "TopicsAnswer"),
        ("/api/topology/drawing", "Drawing"),
        ("/readyz", "Verdict"),
    ] {
        let of = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(*of, format!("#/components/schemas/{schema}"), "{path}");
        let described = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let answer = scene.get(path).json();
        let mut fields: Vec<&String> = answer.as_object().unwrap().keys().collect();
        let mut expected: Vec<&String> = described.keys().collect();
        fields.sort();
        expected.sort();
        assert_eq!(fields, expected, "{path}");
    }
}

/// What the description says of stores, keys and topics is there, and every reference in it leads somewhere.
#[test]
fn the_description_has_the_applications_own_names_and_examples() {
    let scene = scene(|http| http.allow_actions(true));
    scene.process(&[("a key/with % signs", "to be")]);
    let document = scene.get("/api/openapi.json").json();
    let parameter = |path: &str, name: &str| {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap().clone()
    };
    let store = parameter("/api/stores/{store}/{key}", "store");
    assert_eq!(store["schema"]["enum"], serde_json::json!(["KSTREAM-AGGREGATE-STATE-STORE-0000000001"]));
    assert_eq!(parameter("/api/stores/{store}/{key}", "key")["example"], "a key/with % signs");
    let topic = parameter("/api/topics/{topic}", "topic");
    assert_eq!(topic["example"], "lines");
    assert!(topic["schema"]["enum"].as_array().is_some_and(|names| names.contains(&"lines".into())), "{topic}");
    let path = "/api/stores/KSTREAM-AGGREGATE-STATE-STORE-0000000001/a%20key%2Fwith%20%25%20signs";
    assert_eq!(scene.get(path).json()["value"], 1);

    let body = &document["paths"]["/api/topics/{topic}/records"]["post"]["requestBody"]["content"]["application/json"];
    let record = body["example"].to_string();
    let request = format!(
        "POST /api/topics/lines/records HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{record}",
        record.len()
    );
    let answer = crate::support::send(scene.address(), request.as_bytes()).unwrap();
    assert!((200..300).contains(&answer.status), "{record}: {answer:?}");

    let text = document.to_string();
    for reference in text.split("\"#/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(&format!("/{reference}")).is_some(), "#/{reference} leads nowhere");
    }
}

/// Regression: a parameter was said to be in the path.
#[test]
fn parameters_are_where_they_are_said_to_be() {
    let document = scene(|http| http).get("/api/openapi.json").json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters {
                let name = parameter["name"].as_str().unwrap();
                let is_in_path = path.contains(&format!("{{{name}}}"));
                assert_eq!(parameter["in"] == "path", is_in_path, "{method} {path}: {parameter}");
                assert_eq!(parameter["required"] == true, is_in_path, "{method} {path}: {parameter}");
            }
        }
    }
}

/// Regression: clients that were made of the description asked for what is refused, and could not send a list of records.
#[test]
fn bounds_are_described() {
    let document = scene(|http| http).get("/api/openapi.json").json();
    let limit = |path: &str| {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let limit = parameters.iter().find(|parameter| parameter["name"] == "limit").unwrap();
        (limit["schema"]["minimum"].clone(), limit["schema"]["maximum"].clone())
    };
    for (path, maximum) in [
        ("/api/dead-letters", 1_000),
        ("/api/stores/{store}", 10_000),
        ("/api/stores/{store}/stream", 10_000),
        ("/api/topics/{topic}/records", 10_000),
    ] {
        assert_eq!(limit(path), (json!(1), json!(maximum)), "{path}");
    }
    let records = &document["components"]["schemas"]["NewRecords"]["oneOf"];
    assert_eq!((&records[0]["$ref"], &records[1]["type"]), (&json!("#/components/schemas/NewRecord"), &json!("array")));
}

/// What the guards answer is said of every operation, and that it needs the token if there is one.
#[test]
fn what_any_operation_may_be_refused_with_is_described() {
    let described = |token: Option<&str>| {
        let scene = scene(|http| token.into_iter().fold(http, millstream::http::Http::token));
        scene.ask("GET", "/api/openapi.json", &[("Authorization", "Bearer s3cret")]).json()
    };
    let (open, closed) = (described(None), described(Some("s3cret")));
    assert_eq!((&open["security"], &closed["security"]), (&Json::Null, &json!([{ "token": [] }])));
    assert_eq!(closed["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    for (path, methods) in closed["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_probe = matches!(path.as_str(), "/livez" | "/readyz");
            let has = |status: &str| operation["responses"].get(status).is_some();
            assert_eq!(["400", "401", "421"].map(has), [true, !is_probe, !is_probe], "{method} {path}");
            assert_eq!(["408", "413"].map(has), [method != "get"; 2], "{method} {path}");
            assert!(has("503"), "{method} {path}");
            assert_eq!(operation["security"], if is_probe { json!([]) } else { Json::Null }, "{method} {path}");
            assert!(open["paths"][path][method]["responses"].get("401").is_none(), "{method} {path}");
        }
    }
}

/// Whoever sends what the description has as examples gets answers.
#[test]
fn examples_of_dead_letters_and_topics_are_there() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).try_map_values(|line| line.parse::<i64>()).to(Topic::<String, i64>::new("numbers"));
    let app = App::new("parser", builder.build().unwrap()).workers(2).quiet();
    let app = app.on_processing_error(OnError::DeadLetter).dead_letters_to("dead-lines");
    let scene = scene_of(app, |http| http.allow_actions(true).all_topics(true));
    let described = || scene.get("/api/openapi.json").json();
    let letter = "/api/dead-letters/{partition}/{offset}";
    let examples = |document: &Json| {
        let parameters = document["paths"][letter]["get"]["parameters"].as_array().unwrap().iter();
        parameters.map(|parameter| parameter["example"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(examples(&described()), [Json::Null, Json::Null]);
    scene.log.send(&LINES, "a", "no number").unwrap();
    eventually(|| examples(&described()).iter().all(Json::is_number));
    let document = described();
    let [partition, offset] = &examples(&document)[..] else { panic!("{document}") };
    assert_eq!(scene.get(&format!("/api/dead-letters/{partition}/{offset}")).json()["key"], "a");
    // Where others are open, too, these are not all that may be named.
    let topics = &document["paths"]["/api/topics/{topic}"]["get"]["parameters"][0]["schema"];
    let own = json!({ "type": "string", "enum": ["dead-lines", "lines", "numbers"] });
    assert_eq!(*topics, json!({ "anyOf": [own, { "type": "string" }] }));
    let topic = document["components"]["schemas"]["WantedTopic"]["example"].to_string();
    assert_eq!(post(scene.address(), "/api/topics", &topic).status, 200);
}
