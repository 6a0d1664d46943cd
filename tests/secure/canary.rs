//! Secrets are shown nowhere: not in what a program says at its loudest, whether all goes well or not, and not in what it
//! leaves on disk.

use std::fs;
use std::path::Path;

use crate::broker::{Broker, Process};

/// Everything secret here begins with this. Secrets are the passwords of the users and of the keys.
const CANARY: &str = "canary-";

#[test]
fn secrets_are_shown_nowhere() {
    let broker = Broker::shared();
    let settings = fs::read_to_string(broker.settings_of("alice")).expect("settings");
    let zero = settings.replace("sasl.password=", "sasl.password=\\u0000");
    fs::write(broker.settings_of("zero"), zero).expect("written");
    let mut all = 0;
    for (what, settings, last_words) in [
        ("it runs", vec!["ssl.key.password=canary-key", "admin.sasl.oauthbearer.config=canary-config"], "ended"),
        ("a wrong password", vec!["sasl.password=canary-wrong", "sasl.mechanism=PLAIN"], "error in full: "),
        ("a wrong password of the keys", vec!["ssl.keystore.password=canary-wrong"], "error in full: "),
        ("a setting that does not exist", vec!["producer.some.later.password=canary-later"], "error in full: "),
        ("one that this build lacks", vec!["sasl.oauthbearer.client.secret=canary-client"], "error in full: "),
        ("keys in the wrong place", vec!["ssl.key.pem=canary-pem", "ssl.ca.pem=canary-pem"], "error in full: "),
        ("a password with a zero byte", vec![], "error in full: "),
        ("a panic", vec![], "error in full: "),
    ] {
        let id = broker.application();
        let mut arguments: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        for client in ["consumer.debug=all", "producer.debug=all", "admin.debug=all"] {
            arguments.extend(["--set", client]);
        }
        arguments.push("--loud");
        let user = if what == "a password with a zero byte" { "zero" } else { "alice" };
        let process = Process::start(&id, &broker.settings_of(user), &arguments);
        let said = match what {
            "it runs" => {
                broker.write(&id, &["a b", "c"]);
                broker.until_counted(&id, &process, &[("a", 1), ("b", 1), ("c", 1)]);
                process.stopped()
            }
            "a panic" => {
                broker.write(&id, &["panic"]);
                process.failed()
            }
            _ => process.failed(),
        };
        assert!(said.iter().any(|line| line.contains(last_words)), "{what}: it says nothing");
        let shown: Vec<_> = said.iter().filter(|line| line.contains(CANARY)).collect();
        assert!(shown.is_empty(), "{what}: {shown:#?}");
        look_into(process.folder.path(), what);
        all += said.len();
    }
    assert!(all > 10_000, "only {all} lines were said: this was not loud");
}

/// Looks for secrets in all files of a folder.
fn look_into(folder: &Path, what: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            look_into(&path, what);
        } else {
            let bytes = fs::read(&path).expect("a file");
            let is_shown = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!is_shown, "{what}: {}", path.display());
        }
    }
}
