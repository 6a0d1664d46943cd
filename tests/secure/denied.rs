//! Whoever may not do something is told what, where and why, and waits for nothing.

use crate::broker::{Broker, Process};

/// The error with which an application ends.
fn error(broker: &Broker, id: &str, user: &str, settings: &[&str]) -> String {
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let said = Process::start(id, &broker.settings_of(user), &settings).failed();
    let error = said.iter().find_map(|line| line.strip_prefix("error: "));
    error.unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

#[test]
fn who_is_not_let_in_is_told_where_and_why() {
    let broker = Broker::shared();
    let (id, address) = (broker.application(), broker.address());
    let strange = format!("ssl.ca.location={}", broker.strange_certificate().display());
    let password = "check `sasl.mechanism`, the user and the password";
    for (settings, why, advice) in [
        (["sasl.password=canary-wrong"].as_slice(), "invalid credentials with SASL mechanism SCRAM-SHA-256", password),
        (&["sasl.password=canary-wrong", "sasl.mechanism=PLAIN"], "Invalid username or password", password),
        (&["sasl.username=carol"], "invalid credentials with SASL mechanism SCRAM-SHA-256", password),
        (&[&strange], "certificate verify failed", "check the certificates and `ssl.ca.location`"),
    ] {
        let error = error(&broker, &id, "alice", settings);
        for part in [&*address, why, advice] {
            assert!(error.contains(part), "{settings:?}, {part}: {error}");
        }
    }
}

#[test]
fn what_is_not_allowed_is_told_with_the_right_that_is_missing() {
    const NO_TOPIC: &str = "on the topic";
    let broker = Broker::shared();
    for (resource, name, right, expected) in [
        ("--topic", "-lines", "Describe", ["-lines`", "`Describe`", NO_TOPIC]),
        ("--topic", "-lines", "Read", ["reading ", "`Read`", NO_TOPIC]),
        ("--topic", "-counts", "Write", ["-counts\" [", "`Write`", NO_TOPIC]),
        ("--topic", "-KSTREAM", "Create", ["creating topic `", "`Create`", NO_TOPIC]),
        ("--topic", "-KSTREAM", "Write", ["-repartition\" [", "`Write`", NO_TOPIC]),
        ("--group", "", "Describe", ["looking up positions of group `", "`Read`", "on the group"]),
        ("--group", "", "Read", ["group `", "`Read`", "on the group"]),
        ("--transactional-id", "-", "Write", ["transaction of `", "`Write`", "on the transactional id"]),
    ] {
        let id = broker.application();
        // Internal topics and transactional ids have names that begin like this.
        let pattern = if ["-KSTREAM", "-"].contains(&name) { "prefixed" } else { "literal" };
        let named = format!("{id}{name}");
        broker.deny("bob", &["--operation", right, "--resource-pattern-type", pattern, resource, &named]);
        broker.write(&id, &["to be"]);
        let error = error(&broker, &id, "bob", &["processing.guarantee=exactly_once_v2"]);
        for part in [&*id].into_iter().chain(expected) {
            assert!(error.contains(part), "{resource} {name} {right}, {part}: {error}");
        }
    }
}
