//! Planted secrets are in no answer.

use millstream::prelude::*;

use crate::support::{LINES, eventually, scene_of};

/// No other text looks like that.
const CANARY: &str = "canary-6f1d2c";

#[test]
fn no_answer_has_a_secret() {
    let config = Layers::new()
        .set("application.id", "shouter")
        .set("sasl.password", format!("{CANARY}-sasl"))
        .set("ssl.key.password", format!("{CANARY}-key"))
        .set("query.server.token", format!("{CANARY}-other-token"))
        .set("ssl.key.pem", format!("{CANARY}-pem"))
        .set("consumer.sasl.oauthbearer.client.secret", format!("{CANARY}-oauth"))
        .read()
        .unwrap();
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .map_values(|line| if line == "panic" { panic!("a panic without the record") } else { line })
        .to(Topic::<String, String>::new("out"));
    let app = App::configured(&config, builder.build().unwrap()).quiet();
    let token = format!("{CANARY}-token");
    let scene = scene_of(app, |http| http.token(&token).allow_actions(true));
    let authorization = format!("Bearer {token}");
    let wrong = format!("Bearer {CANARY}-wrong");
    let look = || {
        for path in [
            "/livez",
            "/readyz",
            "/metrics",
            "/api/app",
            "/api/config",
            "/api/live",
            "/",
            "/page/app.js",
            "/api/topology/drawing",
            "/api/tasks",
            "/api/topology",
            "/api/topology?format=text",
            "/api/topology?format=x",
            "/api/openapi.json",
            "/api/nothing",
        ] {
            for authorization in [authorization.as_str(), wrong.as_str()] {
                for method in ["GET", "POST"] {
                    let answer = scene.ask(method, path, &[("Authorization", authorization)]);
                    assert!(
                        !answer.head.contains(CANARY) && !answer.body.contains(CANARY),
                        "{method} {path}: {answer:?}"
                    );
                    assert!(!answer.body.contains("stack backtrace"), "{method} {path}: {answer:?}");
                }
            }
        }
    };
    look();
    // The settings are there, only their values are not.
    let config = scene.ask("GET", "/api/config", &[("Authorization", &authorization)]);
    let hidden = [
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "consumer.sasl.oauthbearer.client.secret",
        "query.server.token",
    ];
    for name in hidden {
        assert!(
            config.body.contains(&format!(r#"{{"name":"{name}","value":"********","origin":"code"}}"#)),
            "{config:?}"
        );
    }
    // The same when the application has ended with an error.
    scene.log.send(&LINES, CANARY, "panic").unwrap();
    eventually(|| scene.app.state() == AppState::Error);
    look();
    let debug = format!("{:?} {:?}", scene.http, millstream::http::Http::of(&scene.app).token(&token));
    assert!(!debug.contains(CANARY), "{debug}");
}
