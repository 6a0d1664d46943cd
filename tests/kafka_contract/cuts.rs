//! Clients that are cut off from their broker in the middle of a rebalance, while others continue.

use std::time::{Duration, Instant};

use millstream_tests::kafka::OwnCluster;
use millstream_tests::proxy::{Proxy, RequestKind};
use streams_core::log::{Doorbell, Log, LogError};
use streams_core::record::TopicPartition;
use streams_core::runtime::{App, AppState, Guarantee, Running, Settings};
use streams_core::testing::log_contract::{self, LogUnderTest, unique_prefix};
use streams_core::topology::Topology;
use streams_kafka::Kafka;

use crate::bench::{Reader, count, counts, decide, send, topic, wait_for, writer};

/// A broker that some clients reach directly and others through a proxy.
struct DistantKafka {
    // The proxy's clients are dropped first and the broker last.
    distant: Kafka,
    near: Kafka,
    proxy: Proxy,
    prefix: String,
    started: Instant,
    _cluster: OwnCluster,
}

impl DistantKafka {
    fn start(name: &str) -> Self {
        let proxy = Proxy::new();
        let cluster = OwnCluster::start_behind(&proxy, name);
        Self {
            distant: Kafka::at(proxy.address()),
            near: Kafka::at(cluster.bootstrap_servers()),
            proxy,
            prefix: unique_prefix(),
            started: Instant::now(),
            _cluster: cluster,
        }
    }
}

impl LogUnderTest for DistantKafka {
    fn log(&self) -> &dyn Log {
        &self.near
    }

    fn distant_log(&self) -> &dyn Log {
        &self.distant
    }

    fn cut(&self, is_cut: bool) -> bool {
        if is_cut {
            self.proxy.cut()
        } else {
            self.proxy.heal()
        }
        true
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn pass(&self, time: Duration, doorbell: &Doorbell) {
        doorbell.wait(time);
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn eager_compaction(&self) -> Option<Vec<(String, String)>> {
        None
    }
}

#[test]
fn who_is_cut_off_between_giving_up_and_getting_can_tell() -> Result<(), LogError> {
    log_contract::who_missed_an_owner_of_its_tasks_can_tell(&DistantKafka::start("cut-member"))
}

#[test]
fn a_static_member_that_is_cut_off_between_giving_up_and_getting_can_tell() -> Result<(), LogError> {
    let kafka = DistantKafka::start("cut-static-member");
    log_contract::a_static_member_that_missed_an_owner_of_its_tasks_can_tell(&kafka)
}

/// An instance; tasks go to the one with the first name.
fn start(name: &str, session: Duration, id: &str, topology: Topology, log: &Kafka) -> Running {
    let settings = Settings {
        client_id: Some(name.to_owned()),
        guarantee: Some(Guarantee::ExactlyOnce),
        session_timeout: session,
        cache_bytes: 0,
        ..Settings::default()
    };
    App::new(id, topology).settings(settings).start(log.clone()).expect("it starts")
}

/// An instance gives up its tasks and is cut off before it learns who gets them. Meanwhile another instance owns them,
/// continues counting and leaves. Then the first one comes back.
fn count_on_after_a_cut(kafka: &DistantKafka, session: Duration) -> Result<Vec<String>, LogError> {
    let bell = Doorbell::new();
    let [from, to] = [topic(&kafka.near, 1)?, topic(&kafka.near, 1)?];
    let mut producer = writer(&kafka.near, &bell)?;
    let mut write_five = || -> Result<(), LogError> {
        for _ in 0..5 {
            send(&mut *producer, &bell, &TopicPartition::new(from.as_str(), 0), "line")?;
        }
        decide("flush", &bell, || producer.flush())
    };
    let id = unique_prefix();
    let mut reader = Reader::new(&kafka.near, &TopicPartition::new(to.as_str(), 0), None)?;
    let start = |name, log| start(name, session, &id, count(&from, &to), log);
    let is_running = |running: &Running| running.state() == AppState::Running;
    let has_tasks = |running: &Running| is_running(running) && !running.assignment().is_empty();

    // The first to join leads the group, so the others get their tasks even while one is cut off.
    let leader = start("z", &kafka.near);
    wait_for("the leader", &bell, || is_running(&leader).then_some(()));
    let distant = start("m", &kafka.distant);
    wait_for("the first tasks", &bell, || has_tasks(&distant).then_some(()));
    write_five()?;
    reader.until("the first counts", |reader| reader.values.len() >= 5);

    kafka.proxy.cut_after(RequestKind::JOIN_GROUP);
    let near = start("a", &kafka.near);
    kafka.proxy.wait_until_cut();
    wait_for("the other to have the tasks", &bell, || has_tasks(&near).then_some(()));
    write_five()?;
    reader.until("the other's counts", |reader| reader.values.len() >= 10);
    near.close().expect("no error");
    if session < LONG_SESSION {
        wait_for("the group to give it up", &bell, || has_tasks(&leader).then_some(()));
    }

    kafka.proxy.heal();
    wait_for("the tasks to come back", &bell, || has_tasks(&distant).then_some(()));
    write_five()?;
    reader.until("the last counts", |reader| reader.values.len() >= 15);
    distant.close().expect("no error");
    leader.close().expect("no error");
    reader.until("the end", |reader| reader.end.is_some());
    Ok(reader.values)
}

/// A session timeout that is longer than any cut.
const LONG_SESSION: Duration = Duration::from_secs(300);

/// Regression: an instance that was cut off continued with its suspended tasks, although another had owned them meanwhile:
/// the counts were 1 to 5, 6 to 10, 6 to 10 instead of 1 to 15. It comes back with a new member id if its session is over,
/// otherwise with the same one.
#[test]
fn tasks_that_another_had_during_a_cut_are_opened_again() -> Result<(), LogError> {
    let kafka = DistantKafka::start("cut-app");
    for session in [Duration::from_secs(6), LONG_SESSION] {
        assert_eq!(count_on_after_a_cut(&kafka, session)?, counts(15), "session of {session:?}");
    }
    Ok(())
}
