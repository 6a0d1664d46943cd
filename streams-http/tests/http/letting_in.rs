//! Who is let in: by token, by the host that a request was sent to, and by where the server listens.

use millstream::http::{Http, HttpError};
use millstream::prelude::{App, Layers};

use crate::support::{ask, scene, scene_of, send, topology};

#[test]
fn without_the_token_only_probes_are_answered() {
    let scene = scene(|http| http.token("s3cret").allow_actions(true));
    let routes =
        ["/api/app", "/api/config", "/api/tasks", "/api/topology", "/api/openapi.json", "/metrics", "/nothing"];
    for path in routes {
        for headers in [
            vec![],
            vec![("Authorization", "Bearer s3cre")],
            vec![("Authorization", "Bearer s3cret2")],
            vec![("Authorization", "Basic s3cret")],
            vec![("Authorization", "")],
        ] {
            let answer = scene.ask("GET", path, &headers);
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path} {headers:?}");
            assert_eq!(answer.error_code(), "unauthorized", "{path} {headers:?}");
        }
        let with_token = scene.ask("GET", path, &[("Authorization", "Bearer s3cret")]);
        assert_eq!(with_token.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
    }
    assert_eq!(scene.ask("POST", "/api/app/stop", &[]).status, 401);
    for path in ["/livez", "/readyz"] {
        assert_eq!(scene.get(path).status, 200, "{path}");
    }
    // Not everything that looks like a probe is one.
    for path in ["/livez/", "/livez/../api/app", "/LIVEZ", "/%6civez"] {
        assert_eq!(scene.get(path).status, 401, "{path}");
    }
}

#[test]
fn requests_for_somebody_else_are_refused() {
    let (bare, named) = (scene(|http| http), scene(|http| http.allow_host("shop.example.org")));
    for (host, of_bare, of_named) in [
        ("localhost", 200, 200),
        ("localhost:1234", 200, 200),
        ("127.0.0.1", 200, 200),
        ("[::1]:7070", 200, 200),
        ("shop.example.org", 421, 200),
        ("shop.example.org:8443", 421, 200),
        ("evil.example.org", 421, 421),
        ("169.254.169.254", 421, 421),
        ("localhost.evil.example.org", 421, 421),
        ("not a host", 400, 400),
        ("user@localhost", 400, 400),
        ("", 400, 400),
    ] {
        let status = |scene: &crate::support::Scene| scene.ask("GET", "/api/app", &[("Host", host)]).status;
        assert_eq!((status(&bare), status(&named)), (of_bare, of_named), "{host:?}");
    }
    for (request, status) in [
        ("GET /api/app HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET /api/app HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nHost: evil.example.org\r\n\r\n", 400),
        ("GET http://evil.example.org/api/app HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n", 400),
    ] {
        let answer = send(bare.address(), request.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{request}");
        answer.error_code();
    }
    // An orchestrator calls by an address of its own.
    assert_eq!(bare.ask("GET", "/livez", &[("Host", "10.42.0.7:7070")]).status, 200);
    assert_eq!(bare.ask("GET", "/api/app", &[("Host", "10.42.0.7:7070")]).error_code(), "unknown_host");
}

#[test]
fn only_a_token_lets_the_server_listen_for_other_machines() {
    let scene = scene(|http| http);
    let start = |address: &str, token: Option<&str>| {
        let http = Http::of(&scene.app).bind(address);
        let http = token.into_iter().fold(http, Http::token);
        http.start().map(|server| server.address().ip().to_string())
    };
    let refused = start("0.0.0.0:0", None).unwrap_err();
    assert!(matches!(refused, HttpError::Open { .. }), "{refused}");
    assert!(refused.to_string().contains(".token(..)"), "{refused}");
    assert_eq!(format!("{refused:?}"), refused.to_string());
    assert_eq!(start("0.0.0.0:0", Some("s3cret")).unwrap(), "0.0.0.0");
    let empty = start("127.0.0.1:0", Some("")).unwrap_err();
    assert!(matches!(empty, HttpError::Token(_)), "{empty}");
}

#[test]
fn settings_say_who_is_let_in_where_the_program_does_not() {
    let config = Layers::new()
        .set("application.id", "shouter")
        .set("query.server.bind", "127.0.0.1:0")
        .environment_of([("KSTREAM_QUERY_SERVER_TOKEN", "s3cret"), ("KSTREAM_UI_ALLOW_ACTIONS", "true")])
        .read()
        .unwrap();
    let scene = scene_of(App::configured(&config, topology()).quiet(), |http| http);
    let token = [("Authorization", "Bearer s3cret")];
    assert_eq!((scene.get("/api/app").status, scene.ask("GET", "/api/app", &token).status), (401, 200));
    assert_eq!(scene.ask("POST", "/api/app/pause", &token).status, 202);
    let http = Http::of(&scene.app).token("another").allow_actions(false).start().unwrap();
    assert!(!(7070..7170).contains(&http.address().port()), "{http:?}");
    let ask = |method, path, token| ask(http.address(), method, path, &[("Authorization", token)]).status;
    assert_eq!(ask("GET", "/api/app", "Bearer s3cret"), 401);
    assert_eq!(ask("POST", "/api/app/resume", "Bearer another"), 403);
}

#[test]
fn a_port_in_use_is_passed_over() {
    let scene = scene(|http| http);
    let second = Http::of(&scene.app).bind(scene.address().to_string()).start().unwrap();
    assert!(second.address().port() > scene.address().port(), "{second:?}");
    assert_eq!(second.url(), format!("http://{}", second.address()));
    assert_eq!(crate::support::ask(second.address(), "GET", "/livez", &[]).status, 200);
}
