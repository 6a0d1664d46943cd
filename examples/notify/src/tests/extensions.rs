//! What the original does not have: a stream of new notifications, unread ones, followers, and dead letters that are counted.

use std::io::{BufRead as _, BufReader};

use super::*;
use crate::inbox::KEPT;
use crate::notification::{Notification, user};
use crate::topics::{NOTIFICATIONS, READS};

/// Somebody who follows a user's notifications.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn connect(instance: &Instance, user: u32, after: Option<u64>) -> Self {
        let mut connection = TcpStream::connect(instance.consumer.address()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let after = after.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!("GET /notifications/{user}/stream HTTP/1.1\r\nHost: localhost\r\n{after}\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        Self(BufReader::new(connection))
    }

    /// From then on it hears of everything that is new.
    fn wait_until_listening(&mut self) {
        let mut line = String::new();
        while line.trim_end() != ": listening" {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
        }
    }

    /// The ids and messages of the next events.
    fn next(&mut self, count: usize) -> Vec<(u64, String)> {
        let (mut events, mut id) = (Vec::new(), 0);
        let mut line = String::new();
        while events.len() < count {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended after {events:?}");
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim().parse().unwrap();
            } else if let Some(json) = line.strip_prefix("data: ") {
                let json: serde_json::Value = serde_json::from_str(json).unwrap();
                events.push((id, json["message"].as_str().unwrap().to_owned()));
            }
        }
        // The order of an event's fields is not said anywhere.
        events
    }
}

fn message(number: u64) -> String {
    format!("fromID=2&toID=1&message=n{number}")
}

#[test]
fn whoever_listens_gets_what_is_new_and_on_return_what_was_missed() {
    let instance = Instance::start(&Embedded::in_memory());
    instance.send(&message(0));
    instance.get_until("/notifications/1", |body| body.contains("n0"));
    let mut all = Listener::connect(&instance, 1, None);
    all.wait_until_listening();
    let mut other = Listener::connect(&instance, 1, Some(0));
    for number in 1..=3 {
        instance.send(&message(number));
    }
    let expected: Vec<_> = (1..=3).map(|number| (number, format!("n{number}"))).collect();
    assert_eq!(all.next(3), expected, "what was there is not new");
    assert_eq!(other.next(3), expected);
    drop((all, other));
    instance.send("fromID=2&toID=4&message=for somebody else");
    instance.send(&message(4));
    assert_eq!(Listener::connect(&instance, 1, Some(2)).next(2), [(3, "n3".to_owned()), (4, "n4".to_owned())]);
}

#[test]
fn reading_is_remembered_and_new_ones_are_unread_again() {
    let instance = Instance::start(&Embedded::in_memory());
    let unread = |count: u64| format!(r#"{{"unread":{count}}}"#);
    assert_eq!(instance.get("/notifications/1/unread").text(), unread(0));
    let read = || ask(instance.consumer.address(), "POST", "/notifications/1/read", &[], b"").text();
    assert_eq!(read(), unread(0));
    for number in 0..3 {
        instance.send(&message(number));
    }
    assert_eq!(instance.get_until("/notifications/1/unread", |body| body == unread(3)), unread(3));
    // The answer knows of it, although the application takes its time, and so does every later one.
    instance.app.pause();
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(read);
        let sent = || instance.client.read(&READS).unwrap().len();
        while sent() == 0 {}
        Doorbell::new().wait(Duration::from_millis(100));
        instance.app.resume();
        asking.join().unwrap()
    });
    assert_eq!(answer, unread(0));
    assert_eq!(instance.get("/notifications/1/unread").text(), unread(0));
    instance.send(&message(3));
    assert_eq!(instance.get_until("/notifications/1/unread", |body| body == unread(1)), unread(1));
    assert_eq!(instance.get("/notifications/2/unread").text(), unread(0));
}

#[test]
fn the_last_thousand_are_kept() {
    let instance = Instance::start(&Embedded::in_memory());
    let (from, to) = (user(2).unwrap(), user(1).unwrap());
    let notification =
        |number: u64| Notification { from: from.clone(), to: to.clone(), message: format!("n{number}.") };
    let all = (0..KEPT + 2).map(|number| ("1", notification(number)));
    instance.client.send_all(&NOTIFICATIONS, all).unwrap();
    // Also while they arrive: a list never has more.
    let list = instance.get_until("/notifications/1", |body| {
        assert!(count(body, "\"message\":\"n") <= 1_000);
        body.contains("n1001.")
    });
    assert_eq!(count(&list, "\"message\""), 1_000);
    assert!(!list.contains("\"n1.") && list.contains("\"n2."), "{}", &list[..300]);
    assert_eq!(instance.get("/notifications/1/unread").text(), r#"{"unread":1000}"#);
}

#[test]
fn a_post_goes_to_those_who_follow_its_author() {
    let instance = Instance::start(&Embedded::in_memory());
    for (path, json, status, answer) in [
        ("/posts", r#"{"author":1,"text":"too early"}"#, 200, r#"{"message":"Post published successfully!"}"#),
        ("/follow", r#"{"follower":2,"followee":1}"#, 200, r#"{"message":"Bruno follows Emma now"}"#),
        ("/follow", r#"{"follower":2,"followee":1}"#, 200, r#"{"message":"Bruno follows Emma now"}"#),
        ("/follow", r#"{"follower":4,"followee":1}"#, 200, r#"{"message":"Lena follows Emma now"}"#),
        ("/follow", r#"{"follower":1,"followee":1}"#, 400, r#"{"message":"nobody can follow themselves"}"#),
        ("/follow", r#"{"follower":5,"followee":1}"#, 404, r#"{"message":"User not found"}"#),
        ("/posts", r#"{"author":0,"text":"x"}"#, 404, r#"{"message":"User not found"}"#),
        ("/posts", r#"{"author":1,"text":" "}"#, 400, r#"{"message":"a post needs a text"}"#),
        (
            "/posts",
            r#"{"author":1,"text":"My weekend getaway!"}"#,
            200,
            r#"{"message":"Post published successfully!"}"#,
        ),
    ] {
        let found = instance.post(path, json);
        assert_eq!((found.status, &*found.text()), (status, answer), "{json}");
    }
    for json in ["", "{}", "[]", r#"{"follower":"2","followee":1}"#, r#"{"follower":2,"followee":1,"more":1}"#] {
        let refused = instance.post("/follow", json);
        assert_eq!(refused.status, 400, "{json}");
        assert!(refused.text().starts_with(r#"{"message":"the body is JSON such as {"#), "{}", refused.text());
    }
    let told = r#""message":"Emma posted: 'My weekend getaway!'"}]}"#;
    for (user, name) in [(2, "Bruno"), (4, "Lena")] {
        let list = instance.get_until(&format!("/notifications/{user}"), |body| body.contains("weekend"));
        let to =
            format!(r#"{{"notifications":[{{"from":{{"id":1,"name":"Emma"}},"to":{{"id":{user},"name":"{name}"}},"#);
        assert_eq!(list, format!("{to}{told}"));
    }
    assert!(instance.get("/notifications/3").text().contains("No notifications"));
}

#[test]
fn dead_letters_are_counted_where_it_can_be_seen() {
    let instance = Instance::start(&Embedded::in_memory());
    let raw = Topic::<String, Option<Vec<u8>>>::new("notifications");
    for (key, value) in [("1", Some(b"{".to_vec())), ("1", None)] {
        instance.client.send(&raw, key, value).unwrap();
    }
    instance.send(&message(0));
    instance.get_until("/notifications/1", |body| body.contains("n0"));
    let metrics = instance.get_until("/metrics", |body| body.lines().any(|line| dead(line) == Some("2")));
    let counts: Vec<_> = metrics.lines().filter_map(dead).collect();
    assert_eq!(counts, ["2"], "{metrics}");
    let summary = running::summary(&instance.app);
    assert_eq!(summary, "notifications: 3, posts: 0, dead letters: 2");
}

fn dead(line: &str) -> Option<&str> {
    line.strip_prefix("kstream_dlq_records_total")?.rsplit_once(' ').map(|(_, count)| count)
}
