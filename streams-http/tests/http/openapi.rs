//! The description of the routes.

use crate::support::scene;

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
    assert_eq!(parameter("/api/topics/{topic}", "topic")["example"], "lines");
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
