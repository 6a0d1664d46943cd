//! Routes of the program's own, beside those of the server.

use axum::Router;
use axum::routing::{get, post};

use crate::support::{Answer, Scene, ask, scene, send};

fn serve() -> Scene {
    scene(|http| {
        let own =
            Router::new().route("/mine", post(async |body: String| format!("got {body}"))).route("/livez", get("no"));
        http.routes(own).routes(Router::new().route("/other", post("other"))).open_to_pages("/mine").token("s3cret")
    })
}

const TOKEN: (&str, &str) = ("Authorization", "Bearer s3cret");
const STRANGER: (&str, &str) = ("Origin", "http://shop.example.org");

fn say(scene: &Scene, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(scene.address(), "POST", path, headers)
}

#[test]
fn own_routes_are_behind_the_same_guards() {
    let scene = serve();
    assert_eq!(say(&scene, "/other", &[TOKEN]).body, "other");
    assert_eq!(say(&scene, "/other", &[]).status, 401);
    assert_eq!(say(&scene, "/other", &[TOKEN, STRANGER]).error_code(), "cross_origin");
    assert_eq!(scene.ask("GET", "/other", &[TOKEN]).error_code(), "method_not_allowed");
    assert_eq!(say(&scene, "/nothing", &[TOKEN]).error_code(), "not_found");
    assert_ne!(scene.get("/livez").body, "no", "the server's own routes come first");
    let request = format!(
        "POST /mine HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 2000000\r\n{}: {}\r\n\r\n{}",
        scene.address(),
        TOKEN.0,
        TOKEN.1,
        "x".repeat(2_000_000)
    );
    assert_eq!(send(scene.address(), request.as_bytes()).map(|answer| answer.status), Some(413));
}

#[test]
fn a_page_of_another_server_may_use_what_is_open_to_it_and_nothing_else() {
    let scene = serve();
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let answer = say(&scene, "/mine", &[TOKEN, STRANGER, ("Sec-Fetch-Site", "cross-site")]);
    assert_eq!((answer.status, answer.body.as_str(), allowed(&answer)), (200, "got ", Some("*".to_owned())));
    let refused = say(&scene, "/mine", &[STRANGER]);
    assert_eq!((refused.status, allowed(&refused)), (401, Some("*".to_owned())), "the page can read why");

    let preflight = [STRANGER, ("Access-Control-Request-Method", "POST")];
    let answer = scene.ask("OPTIONS", "/mine", &preflight);
    assert_eq!((answer.status, allowed(&answer)), (204, Some("*".to_owned())));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, content-type"));
    let answer = scene.ask("OPTIONS", "/other", &preflight);
    assert_eq!((answer.status, allowed(&answer)), (401, None));
    let elsewhere = [STRANGER, ("Host", "rebound.example.org"), ("Access-Control-Request-Method", "POST")];
    assert_eq!(scene.ask("OPTIONS", "/mine", &elsewhere).status, 204, "with a token, any name will do");
    assert_eq!(allowed(&scene.ask("GET", "/api/app", &[TOKEN, STRANGER])), None);
}
