//! A broker that restarts answers TLS and passwords for a moment with all sorts of errors. No application ends for that.

use crate::broker::{Broker, Process};

#[test]
fn an_application_outlives_restarts_of_its_broker() {
    const RESTARTS: i64 = 2;
    let broker = Broker::start("secure-restarts");
    let id = broker.application();
    let guarantee = "processing.guarantee=exactly_once_v2";
    let process = Process::start(&id, &broker.settings_of("alice"), &["--set", guarantee]);
    for round in 1..=RESTARTS {
        broker.write(&id, &["again and again"]);
        broker.until_counted(&id, &process, &[("again", 2 * round), ("and", round)]);
        broker.restart();
    }
    broker.write(&id, &["once again"]);
    broker.until_counted(&id, &process, &[("again", 2 * RESTARTS + 1), ("and", RESTARTS), ("once", 1)]);
    process.stopped();
}
