//! The client of an [`Admin`](streams_core::log::Admin), which is replaced when it keeps asking the wrong broker for a group.
//!
//! librdkafka remembers which broker coordinates a group, and forgets it only if nobody has asked for a quarter of an hour; it
//! does not learn from the answer that another broker does that now (2.12.1: only `rdkafka_txnmgr.c` calls
//! `rd_kafka_coord_cache_evict`). Nor does it look again while that broker cannot be reached, unless some connection changes. So
//! after a broker was restarted, questions about a group could fail for ever. A new client remembers nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streams_core::log::{Doorbell, LogError};

use crate::errors::Code;
use crate::logging::LogLimit;
use crate::native::{Client, Listener, Role};
use crate::reasons::Reasons;
use crate::settings::{Kafka, Settings};

/// An error code, with librdkafka's or the broker's text.
pub(crate) type Failure = (Code, String);

/// The client that is in use.
pub(crate) struct AdminClient {
    settings: Settings,
    log: Arc<LogLimit>,
    client: Mutex<Arc<Client>>,
}

impl AdminClient {
    pub(crate) fn new(kafka: &Kafka) -> Result<Self, LogError> {
        let (settings, log) = (kafka.admin_settings()?, Arc::clone(kafka.log_limit()));
        let client = Mutex::new(Arc::new(create(&settings, &log)?));
        Ok(Self { settings, log, client })
    }

    /// The client for the next question.
    pub(crate) fn get(&self) -> Arc<Client> {
        Arc::clone(&self.lock())
    }

    /// Asks a question about a group. If the broker that was asked may not be the one that knows, the next question goes
    /// to whoever does.
    pub(crate) fn ask_about_group<T>(&self, ask: impl FnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let client = self.get();
        // Serves the client's own reports, so that they do not accumulate.
        client.poll();
        let answer = ask(&client);
        if answer.as_ref().is_err_and(|(code, _)| code.may_be_from_a_former_coordinator()) {
            self.renew();
        }
        answer
    }

    fn renew(&self) {
        // The old client answered questions a moment ago, so its settings are good. It ends when nobody uses it any more.
        match create(&self.settings, &self.log) {
            Ok(client) => *self.lock() = Arc::new(client),
            Err(error) => tracing::warn!(%error, "the client that looks up groups cannot be replaced"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn create(settings: &Settings, log: &Arc<LogLimit>) -> Result<Client, LogError> {
    // A consumer that reads nothing: when a broker answers that a group's coordinator has moved, librdkafka accesses
    // its own group, and without one it dereferences a null pointer (2.12.1, `rd_kafka_handle_OffsetFetch`).
    Client::create(Role::Consumer, &settings.entries, log, &Doorbell::new(), Arc::<Troubles>::default())
}

/// Why no broker can be reached. Requests fail with it; there is nothing to report in between.
#[derive(Default)]
struct Troubles {
    reasons: Reasons,
    trouble: Mutex<Option<Failure>>,
}

impl Troubles {
    fn lock(&self) -> MutexGuard<'_, Option<Failure>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Troubles {
    fn error(&self, code: Code, reason: &str) {
        let reason = self.reasons.best(code, reason);
        let mut trouble = self.lock();
        match code {
            // A broker that does not let the client in has answered; that all are down then says less.
            Code::ALL_BROKERS_DOWN if trouble.as_ref().is_some_and(|(code, _)| code.is_refusal()) => {}
            Code::ALL_BROKERS_DOWN | Code::RESOLVE | Code::AUTHENTICATION | Code::SSL => {
                *trouble = Some((code, reason))
            }
            // A broker that cannot be reached any more may let the client in when it is back.
            Code::TRANSPORT if trouble.as_ref().is_some_and(|(code, _)| code.is_refusal()) => *trouble = None,
            _ => {}
        }
    }

    fn connection_failed(&self, line: &str) {
        self.reasons.note(line);
    }

    fn trouble(&self) -> Option<Failure> {
        self.lock().clone()
    }

    fn reached(&self) {
        *self.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::{MockCluster, MockCoordinator};
    use streams_core::record::TopicPartition;

    use super::AdminClient;
    use crate::Kafka;
    use crate::errors::Code;
    use crate::native::PartitionList;

    /// Regression: a coordinator that came back after questions had timed out aborted the process, in librdkafka.
    #[test]
    fn a_coordinator_may_come_back_after_questions_have_timed_out() {
        let cluster = MockCluster::new(2).unwrap();
        cluster.coordinator(MockCoordinator::Group("one".into()), 2).unwrap();
        let asking = AdminClient::new(&Kafka::at(cluster.bootstrap_servers())).unwrap();
        cluster.broker_down(2).unwrap();
        // The client that asks stays in use, as it may while it is replaced.
        let client = asking.get();
        let partitions = PartitionList::of(&[TopicPartition::new("events", 0)]).unwrap();
        for _ in 0..3 {
            assert_eq!(client.group_members("one", 300).unwrap_err().0, Code(-185));
            assert_eq!(client.group_offsets("one", &partitions, 300).unwrap_err().0, Code(-185));
        }
        cluster.broker_up(2).unwrap();
        assert_eq!(client.group_offsets("one", &partitions, 15_000).unwrap().len(), 1);
    }
}
