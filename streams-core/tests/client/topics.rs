//! Creating topics.

use std::process::Command;

use super::*;

/// Set for a child process.
const CHILD: &str = "CLIENT_TOPICS_CHILD";

fn configs(log: &Embedded, name: &str) -> Vec<(String, String)> {
    log.admin(Doorbell::new()).expect("an admin").topic_configs(name).wait().expect("an answer").expect("settings")
}

#[test]
fn a_topic_is_created_with_its_settings_and_only_once() {
    let (log, client) = client();
    let topic = || client.create_topic(&NUMBERS).partitions(4).set("retention.ms", "86400000");
    assert_eq!(topic().create(), Ok(()));
    assert!(configs(&log, "numbers").contains(&("retention.ms".into(), "86400000".into())));
    let error = topic().create().expect_err("it exists").to_string();
    let expected =
        "topic `numbers` already exists on an embedded log in memory; add `.if_missing()` to leave it as it is";
    assert_eq!(error, expected);
    assert_eq!(topic().if_missing().create(), Ok(()));
    assert_eq!(client.create_topic(&NUMBERS).if_missing().create(), Ok(()), "any number of partitions will do");
    let error = client.create_topic(&NUMBERS).partitions(8).if_missing().create().expect_err("it has 4").to_string();
    let expected = "topic `numbers` already exists with 4 partitions, not 8; ask for 4, or delete it or choose another \
                    name: a topic's keys stay in their partitions only as long as their number stays";
    assert_eq!(error, expected);
    assert_eq!(client.create_topic(&NUMBERS).partitions(4).set("retention.ms", "1").if_missing().create(), Ok(()));
    assert!(configs(&log, "numbers").contains(&("retention.ms".into(), "86400000".into())), "it is left as it is");
}

#[test]
fn what_a_topic_cannot_have_is_refused() {
    let (_, client) = client();
    let error = client.create_topic(&NUMBERS).set("retention.ms", "soon").create().expect_err("no number").to_string();
    assert!(error.contains("retention.ms") && error.contains("soon"), "{error}");
    let error = client.create_topic(&NUMBERS).set("retention", "1").create().expect_err("no setting").to_string();
    assert!(error.contains("retention"), "{error}");
    let error = client.create_topic(&NUMBERS).partitions(0).create().expect_err("none").to_string();
    assert!(error.contains("numbers") && error.contains("partition"), "{error}");
}

/// A subscriber is set for a whole process, so the program runs in one of its own.
#[test]
fn a_program_without_a_subscriber_is_told_of_settings_that_differ() {
    if std::env::var_os(CHILD).is_some() {
        let (_, client) = client();
        let topic =
            |retention: &str| client.create_topic(&NUMBERS).set("retention.ms", retention).if_missing().create();
        assert_eq!((topic("1000"), topic("2000"), topic("1000")), (Ok(()), Ok(()), Ok(())));
        return;
    }
    let name = "topics::a_program_without_a_subscriber_is_told_of_settings_that_differ";
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().expect("it ran");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    let expected =
        "millstream: warning: topic `numbers` exists with retention.ms = `1000`, not `2000`; it is left as it is\n";
    assert_eq!(said, expected);
}
