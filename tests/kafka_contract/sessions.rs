//! Session timeouts that the broker does not accept.

use std::time::Duration;

use millstream_tests::kafka::bootstrap_servers;
use streams_core::log::LogError;
use streams_core::runtime::App;
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::bench::{count, topic};

#[test]
fn a_session_timeout_beyond_the_brokers_limits_is_refused_with_their_names() -> Result<(), LogError> {
    let kafka = Kafka::at(bootstrap_servers());
    let [from, to] = [topic(&kafka, 1)?, topic(&kafka, 1)?];
    let app = App::new(unique_prefix(), count(&from, &to)).session_timeout(Duration::from_secs(31 * 60));
    let error = app.start(kafka).and_then(|running| running.wait()).expect_err("the broker refuses it");
    let said = error.to_string();
    for part in ["being a member of the group", "`session.timeout.ms`", "`group.max.session.timeout.ms`"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    Ok(())
}
