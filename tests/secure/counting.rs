//! What is written through TLS by users with passwords is counted through TLS by users with passwords.

use millstream::config::Layers;
use millstream::prelude::*;

use crate::broker::{Broker, Process};

/// The lines, and how often each word is in them.
const LINES: [&str; 3] = ["to be or not to be", "that is the question", "to be is to do"];
const COUNTS: [(&str, i64); 9] =
    [("be", 3), ("do", 1), ("is", 2), ("not", 1), ("or", 1), ("question", 1), ("that", 1), ("the", 1), ("to", 4)];

/// Alice has the rights that an application needs, and no others.
#[test]
fn words_are_counted_exactly_once_over_tls_by_every_sort_of_password() {
    let broker = Broker::shared();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let id = broker.application();
        let chosen = format!("sasl.mechanism={mechanism}");
        let guarantee = "processing.guarantee=exactly_once_v2";
        let process = Process::start(&id, &broker.settings_of("alice"), &["--set", &chosen, "--set", guarantee]);
        write(&broker, &id, &chosen);
        broker.until_counted(&id, &process, &COUNTS);
        process.stopped();
    }
}

fn write(broker: &Broker, id: &str, mechanism: &str) {
    let settings = Layers::new().set("application.id", id).file(broker.settings_of("alice"));
    let config = settings.argument(mechanism).read().expect("settings");
    let client = Client::new(Kafka::configured(&config).expect("a cluster")).expect("a client");
    let lines = Topic::<(), String>::named(format!("{id}-lines")).expect("a name");
    assert_eq!(client.send_all(&lines, LINES.map(|line| ((), line.to_owned()))).expect("sent"), LINES.len());
}
