//! `POST /api/app/pause`, `resume` and `stop`.

use millstream::prelude::*;

use crate::support::{LINES, eventually, scene};

#[test]
fn actions_are_off_unless_they_are_allowed() {
    let scene = scene(|http| http);
    for action in ["pause", "resume", "stop"] {
        let refused = scene.ask("POST", &format!("/api/app/{action}"), &[]);
        assert_eq!((refused.status, refused.error_code().as_str()), (403, "actions_off"), "{action}");
    }
    scene.process(&[("a", "to be")]);
    assert_eq!((scene.app.state(), scene.app.is_paused()), (AppState::Running, false));
}

#[test]
fn an_application_is_paused_resumed_and_stopped() {
    let scene = scene(|http| http.allow_actions(true));
    let act = |action: &str| {
        let answer = scene.ask("POST", &format!("/api/app/{action}"), &[]);
        assert_eq!((answer.status, answer.json()["asked"].as_str()), (202, Some(action)));
    };
    act("pause");
    assert_eq!(scene.get("/api/app").json()["is_paused"], true);
    scene.log.send(&LINES, "a", "to be").unwrap();
    assert_eq!(scene.app.tasks().values().map(|task| task.processed).sum::<u64>(), 0);
    act("resume");
    eventually(|| scene.app.tasks().values().map(|task| task.processed).sum::<u64>() == 1);
    act("stop");
    eventually(|| scene.get("/api/app").json()["state"] == "NOT_RUNNING");
}

#[test]
fn a_page_of_another_server_changes_nothing() {
    let scene = scene(|http| http.allow_actions(true));
    let host = scene.address().to_string();
    let ours = format!("http://{host}");
    for (headers, status) in [
        (vec![("Origin", "http://evil.example.org")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Origin", "http://evil.example.org"), ("Content-Type", "text/plain")], 403),
        (vec![("Origin", ours.as_str())], 202),
        (vec![], 202),
    ] {
        let answer = scene.ask("POST", "/api/app/pause", &headers);
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(scene.app.is_paused(), status == 202, "{headers:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        scene.app.resume();
    }
    // Reading needs no such check: without CORS headers, a page cannot see the answer.
    let read = scene.ask("GET", "/api/app", &[("Origin", "http://evil.example.org")]);
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None));
}
