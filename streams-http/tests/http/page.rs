//! The files of the dashboard: how they are served, and to whom.

use millstream::http::{Http, HttpError};
use millstream::prelude::*;

use crate::support::{Scene, scene, scene_of, topology};

const FILES: [(&str, &str); 4] = [
    ("/", "text/html; charset=utf-8"),
    ("/page/app.js", "text/javascript; charset=utf-8"),
    ("/page/style.css", "text/css; charset=utf-8"),
    ("/page/icon.svg", "image/svg+xml"),
];

#[test]
fn files_say_what_they_are_and_that_nothing_else_may_be_loaded() {
    let scene = scene(|http| http);
    for (path, media_type) in FILES {
        let answer = scene.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("cache-control", "no-cache"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(!answer.body.is_empty(), "{path}");
    }
    let page = scene.get("/").body;
    for inline in ["<style", "style=", "onclick", "<script>"] {
        assert!(!page.contains(inline), "{inline} would not be obeyed");
    }
    let posted = scene.ask("POST", "/", &[]);
    assert_eq!((posted.status, &*posted.error_code()), (405, "method_not_allowed"));
    // Answers with data are not kept, as before.
    assert_eq!(scene.get("/api/app").header("cache-control"), Some("no-store"));
}

#[test]
fn a_browser_that_has_a_file_is_told_so() {
    let scene = scene(|http| http);
    let asked = |path: &str, tag: &str| scene.ask("GET", path, &[("If-None-Match", tag)]);
    let tag = scene.get("/page/app.js").header("etag").unwrap().to_owned();
    assert_ne!(scene.get("/page/dom.js").header("etag"), Some(&*tag), "each file has its own");
    for (given, status) in [(&*tag, 304), (&format!("\"other\", W/{tag}"), 304), ("\"other\"", 200), ("", 200)] {
        let answer = asked("/page/app.js", given);
        assert_eq!((answer.status, answer.body.is_empty()), (status, status == 304), "{given}");
        assert_eq!(answer.header("etag"), Some(&*tag), "{given}");
    }
}

#[test]
fn files_need_no_token_and_everything_else_does() {
    let scene = scene(|http| http.token("s3cret").panel("buttons", "export function show() {}"));
    let status = |method: &str, path: &str| scene.ask(method, path, &[]).status;
    for (path, _) in FILES {
        assert_eq!(status("GET", path), 200, "{path}");
    }
    assert_eq!((status("GET", "/panels/buttons.js"), status("HEAD", "/")), (200, 200));
    for path in ["/api/live", "/api/live/stream", "/api/topology/drawing", "/page/other.js", "/panels/other.js", "//"] {
        assert_eq!(status("GET", path), 401, "{path}");
    }
    assert_eq!(status("POST", "/"), 401);
}

#[test]
fn a_page_that_is_left_out_is_not_there() {
    let left_out = scene(|http| http.dashboard(false).panel("buttons", ""));
    let config = Layers::new().set("application.id", "shouter").set("ui.enabled", "false").read().unwrap();
    let switched_off = scene_of(App::configured(&config, topology()).quiet(), |http| http);
    let none = |scene: &Scene| {
        for path in ["/", "/page/app.js", "/panels/buttons.js"] {
            assert_eq!((scene.get(path).status, &*scene.get(path).error_code()), (404, "not_found"), "{path}");
        }
        assert_eq!(scene.get("/api/live").json()["panels"].as_array().map(Vec::len), Some(0));
    };
    none(&left_out);
    none(&switched_off);
    // What the program serves there itself needs its token, too.
    let own = axum::Router::new().route("/", axum::routing::get("its own data"));
    let scene = scene(|http| http.dashboard(false).routes(own).token("s3cret"));
    assert_eq!(scene.get("/").status, 401);
    assert_eq!(scene.ask("GET", "/", &[("Authorization", "Bearer s3cret")]).body, "its own data");
}

#[test]
fn panels_are_served_by_their_names() {
    let scene = scene(|http| http.panel("buttons", "export function show() {}").panel("more-2", "// nothing"));
    assert_eq!(scene.get("/api/live").json()["panels"], serde_json::json!(["buttons", "more-2"]));
    let answer = scene.get("/panels/buttons.js");
    assert_eq!(answer.body, "export function show() {}");
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    for names in [&["Buttons"][..], &["a/b"], &["{x}"], &[""], &["twice", "twice"]] {
        let http = names.iter().fold(Http::of(&scene.app).bind("127.0.0.1:0"), |http, name| http.panel(*name, ""));
        let error = http.start().unwrap_err();
        assert!(matches!(error, HttpError::Panel { .. }), "{names:?}: {error}");
    }
}
