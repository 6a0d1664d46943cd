//! Writes records through the low-level client: no future, no allocation and no name per record.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{
    CommitOutcome, Doorbell, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, OutgoingRecord, Producer,
    ProducerOptions, SendError, TopicHandle,
};
use streams_core::record::{Offset, Partition};

use crate::delivery::Deliveries;
use crate::errors::Code;
use crate::native::{Client, Listener, NotDelivered, ProduceError, Role, TopicRef};
use crate::settings::Kafka;
use crate::sizes::SizeLimits;
use crate::transaction::{NewClient, Transactions};

/// A producer on Kafka.
pub(crate) struct KafkaProducer {
    /// Before the client, so that they are dropped first.
    topics: Vec<TargetTopic>,
    client: Arc<Client>,
    handles: HashMap<String, TopicHandle>,
    deliveries: Arc<Deliveries>,
    transactions: Option<Transactions>,
    sizes: Arc<SizeLimits>,
    doorbell: Doorbell,
    /// When the current flush began.
    flush_began: Option<Instant>,
}

/// How long a flush makes librdkafka send at once; a flush that takes longer is waiting for a broker.
const PUSH_TIME: Duration = Duration::from_millis(200);

struct TargetTopic {
    name: String,
    /// librdkafka's topic, or why there is none.
    native: Result<TopicRef, LogError>,
}

impl KafkaProducer {
    pub(crate) fn new(kafka: &Kafka, options: &ProducerOptions, doorbell: &Doorbell) -> Result<Self, LogError> {
        let settings = kafka.producer_settings(options)?;
        let deliveries = Arc::<Deliveries>::default();
        let listener: Arc<dyn Listener> = Arc::new(Reports(Arc::clone(&deliveries)));
        let request_timeout = settings.request_timeout();
        let (log, bell) = (Arc::clone(kafka.log_limit()), doorbell.clone());
        let new_client: NewClient = Arc::new(move || {
            let listener = Arc::clone(&listener);
            Client::create(Role::Producer, &settings.entries, &log, &bell, listener).map(Arc::new)
        });
        let transactions = match &options.transactional_id {
            Some(id) => {
                let timeout = Duration::from_millis(u64::from(options.transaction_timeout_ms));
                // The requests of a transactional producer time out just before the transaction does.
                let timeout = request_timeout.map_or(timeout, |shorter| shorter.min(timeout));
                Some(Transactions::new(id, timeout, Arc::clone(&new_client), doorbell)?)
            }
            None => None,
        };
        Ok(Self {
            topics: Vec::new(),
            client: new_client()?,
            handles: HashMap::new(),
            deliveries,
            transactions,
            sizes: Arc::clone(kafka.sizes()),
            doorbell: doorbell.clone(),
            flush_began: None,
        })
    }

    /// Returns the outcome of a transaction, and switches to the new client if there is one.
    fn ended(&mut self, (outcome, renewed): (CommitOutcome, Option<Arc<Client>>)) -> CommitOutcome {
        if let Some(client) = renewed {
            for topic in &mut self.topics {
                topic.native = TopicRef::new(&client, &topic.name);
            }
            self.client = client;
        }
        outcome
    }

    fn transactions(&mut self) -> Result<(&mut Transactions, &Arc<Client>), LogError> {
        let transactions = self.transactions.as_mut().ok_or_else(|| {
            LogError::new(LogErrorKind::Invalid, "this producer has no transactional id, so it has no transactions")
        })?;
        Ok((transactions, &self.client))
    }

    fn refused(&self, topic: TopicHandle, partition: Partition, error: ProduceError) -> SendError {
        let name = self.topics.get(topic.0 as usize).map_or("?", |topic| &topic.name);
        match error.code {
            Code::QUEUE_FULL => SendError::Full,
            // The code says only that there was a fatal error before; report that one.
            Code::FATAL => {
                let (code, reason) = self.client.fatal_error().unwrap_or((Code::FATAL, error.reason));
                SendError::Refused(code.about(format!("a record for {name}-{partition}: {reason}")))
            }
            Code::STATE if self.transactions.is_some() => self.in_failed_transaction(name, partition, &error.reason),
            code => SendError::Refused(code.about(format!("a record for {name}-{partition}: {}", error.reason))),
        }
    }

    /// A transaction that has failed takes no more records. If some record's report says why, the next poll tells that, and
    /// this record waits for it; it is not at fault. Otherwise it can only be done again.
    fn in_failed_transaction(&self, name: &str, partition: Partition, reason: &str) -> SendError {
        self.client.poll();
        if self.deliveries.has_failure() {
            return SendError::Full;
        }
        let message =
            format!("a record for {name}-{partition} was not sent, because its transaction has failed: {reason}");
        SendError::Refused(LogError::new(LogErrorKind::Unavailable, message))
    }
}

impl Producer for KafkaProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        if let Some(handle) = self.handles.get(name) {
            return *handle;
        }
        let index = self.deliveries.add_topic(name);
        let handle = TopicHandle(u32::try_from(index).unwrap_or(u32::MAX));
        self.topics.push(TargetTopic { name: name.to_owned(), native: TopicRef::new(&self.client, name) });
        self.handles.insert(name.to_owned(), handle);
        handle
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        if partition.0 < 0 {
            // Otherwise, librdkafka would choose one itself.
            let name = self.topics.get(topic.0 as usize).map_or("?", |topic| &topic.name);
            let message = format!("there is no partition {partition} of topic `{name}`");
            return Err(SendError::Refused(LogError::new(LogErrorKind::UnknownTopic, message)));
        }
        let index = topic.0 as usize;
        if let Some(topic) = self.topics.get(index)
            && let Some(refused) = self.sizes.refuses(&topic.name, || bytes_of(&record))
        {
            return Err(SendError::Refused(too_large(&topic.name, partition, bytes_of(&record), refused)));
        }
        match self.topics.get(index).map(|topic| &topic.native) {
            Some(Ok(native)) => {
                native.produce(index, partition.0, &record).map_err(|error| self.refused(topic, partition, error))
            }
            Some(Err(error)) => Err(SendError::Refused(error.clone())),
            None => Err(SendError::Refused(LogError::new(
                LogErrorKind::Invalid,
                "this topic handle is from another producer",
            ))),
        }
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.client.poll();
        self.deliveries.take_failure(&self.sizes).map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        self.client.push_out();
        if self.in_flight() > 0 {
            // Otherwise, records that wait for their partition to join the transaction would linger again.
            if self.flush_began.get_or_insert_with(Instant::now).elapsed() < PUSH_TIME {
                self.doorbell.ring();
            }
            return Poll::Pending;
        }
        self.flush_began = None;
        Poll::Ready(self.deliveries.take_failure(&self.sizes).map_or(Ok(()), Err))
    }

    fn in_flight(&self) -> usize {
        self.client.outstanding()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.deliveries.acknowledged(topic, partition)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        match self.transactions() {
            Ok((transactions, client)) => transactions.init(client),
            Err(error) => Poll::Ready(CommitOutcome::Fatal(error)),
        }
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        let (transactions, client) = self.transactions()?;
        transactions.begin(client)
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        match self.transactions() {
            Ok((transactions, client)) => transactions.send_offsets(client, offsets, group),
            Err(error) => Poll::Ready(CommitOutcome::Fatal(error)),
        }
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        let is_asked = self.transactions.as_ref().is_some_and(Transactions::is_asked);
        match if is_asked { Poll::Ready(Ok(())) } else { self.flush() } {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(CommitOutcome::AbortRequired(error)),
            Poll::Ready(Ok(())) => {}
        }
        let decided = match self.transactions() {
            Ok((transactions, client)) => transactions.commit(client),
            Err(error) => return Poll::Ready(CommitOutcome::Fatal(error)),
        };
        decided.map(|ended| self.ended(ended))
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        let deliveries = Arc::clone(&self.deliveries);
        let decided = match self.transactions() {
            Ok((transactions, client)) => transactions.abort(client, &deliveries),
            Err(error) => return Poll::Ready(CommitOutcome::Fatal(error)),
        };
        decided.map(|ended| self.ended(ended))
    }
}

/// The size of a record's key, value and headers.
fn bytes_of(record: &OutgoingRecord<'_>) -> usize {
    let headers =
        record.headers.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, |value| value.len()));
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers.sum::<usize>()
}

fn too_large(topic: &str, partition: Partition, bytes: usize, refused: usize) -> LogError {
    let message = format!(
        "a record for {topic}-{partition} was not written: it has {bytes} bytes, and the topic has just refused one of \
         {refused}; raise its `max.message.bytes`, or send less"
    );
    LogError::new(LogErrorKind::TooLarge, message)
}

/// Enters the client's reports in the producer's ledger.
struct Reports(Arc<Deliveries>);

impl Listener for Reports {
    fn delivered(&self, topic: usize, partition: i32, offset: i64, failure: Option<NotDelivered>) {
        self.0.report(topic, partition, offset, failure);
    }

    fn not_in_transaction(&self, line: &str) {
        self.0.refuse(line);
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientContext;
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use streams_core::record::{Headers, Timestamp};

    use super::*;

    /// Repeats the call until it is decided. CI may be slow.
    fn wait<T>(bell: &Doorbell, mut ask: impl FnMut() -> Poll<T>) -> T {
        for _ in 0..1_200 {
            if let Poll::Ready(decided) = ask() {
                return decided;
            }
            bell.wait(Duration::from_millis(100));
        }
        panic!("not decided")
    }

    fn transactional(cluster: &MockCluster<'_, impl ClientContext>, timeout_ms: u32, bell: &Doorbell) -> KafkaProducer {
        cluster.create_topic("t", 1, 1).unwrap();
        let mut producer = unregistered(cluster, timeout_ms, bell);
        assert_eq!(wait(bell, || producer.init_transactions()), CommitOutcome::Done);
        producer
    }

    fn unregistered(cluster: &MockCluster<'_, impl ClientContext>, timeout_ms: u32, bell: &Doorbell) -> KafkaProducer {
        let options = ProducerOptions {
            client_id: "p".into(),
            transactional_id: Some("id".into()),
            transaction_timeout_ms: timeout_ms,
            ..ProducerOptions::default()
        };
        KafkaProducer::new(&Kafka::at(cluster.bootstrap_servers()), &options, bell).unwrap()
    }

    /// Regression: librdkafka leaves the group's generation out of commits to such a broker, and says nothing.
    #[test]
    fn a_broker_that_cannot_check_who_commits_is_refused() {
        for (version, is_refused) in [(2, true), (3, false), (4, false)] {
            let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
            cluster.apiversion(RDKafkaApiKey::InitProducerId, Some(0), Some(version)).unwrap();
            let mut producer = unregistered(&cluster, 600_000, &bell);
            match wait(&bell, || producer.init_transactions()) {
                CommitOutcome::Fatal(error) if is_refused => {
                    assert_eq!(error.kind, LogErrorKind::Invalid);
                    for part in ["`id`", "older than Kafka 2.5", "at_least_once"] {
                        assert!(error.message.contains(part), "{part} in {error}");
                    }
                }
                outcome => assert_eq!((outcome, is_refused), (CommitOutcome::Done, false), "{version}"),
            }
        }
    }

    /// Starts a transaction and writes a record in it.
    fn begin(producer: &mut KafkaProducer, bell: &Doorbell) {
        producer.begin_transaction().unwrap();
        let topic = producer.topic("t");
        let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp: Timestamp(1), headers: &Headers::new() };
        producer.send(topic, Partition(0), record).unwrap();
        wait(bell, || producer.flush()).unwrap();
    }

    /// Regression: a connection that broke while the request to end a transaction was in flight was noticed late or never,
    /// because it is no error to librdkafka; after an abort, nothing checked.
    #[test]
    fn a_connection_that_breaks_at_the_end_of_a_transaction_renews_the_producer() {
        let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
        let mut producer = transactional(&cluster, 600_000, &bell);
        for (commits, breaks) in [(true, false), (true, true), (true, false), (false, true), (false, false)] {
            let before = Arc::clone(&producer.client);
            begin(&mut producer, &bell);
            if breaks {
                cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT]);
            }
            let ended =
                wait(&bell, || if commits { producer.commit_transaction() } else { producer.abort_transaction() });
            assert_eq!(ended, CommitOutcome::Done, "commits: {commits}, breaks: {breaks}");
            let is_renewed = !Arc::ptr_eq(&before, &producer.client);
            assert_eq!(is_renewed, breaks, "commits: {commits}, breaks: {breaks}");
        }
    }

    /// Regression: whoever wrote the next record ended the application, because librdkafka's reason for refusing it says
    /// nothing of why the transaction has failed.
    #[test]
    fn the_next_record_of_a_transaction_that_has_failed_is_not_at_fault() {
        let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
        let mut producer = transactional(&cluster, 1_000, &bell);
        begin(&mut producer, &bell);
        cluster.broker_down(1).unwrap();
        let topic = producer.topic("t");
        let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp: Timestamp(1), headers: &Headers::new() };
        // The first of these times out, and the transaction fails with it.
        let refused = wait(&bell, || match producer.send(topic, Partition(0), record) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        });
        assert_eq!(refused, SendError::Full);
        let told = producer.poll().unwrap_err();
        assert!(told.kind == LogErrorKind::Timeout && told.message.contains("t-0"), "{told}");
        // Nobody tells it again.
        let refused = producer.send(topic, Partition(0), record).unwrap_err();
        assert!(matches!(&refused, SendError::Refused(error) if error.is_transient()), "{refused}");
    }

    /// Regression: librdkafka's producers ask for topics in a way that creates them, on a broker with Kafka's default
    /// `auto.create.topics.enable=true`. A changelog that had been deleted came back, empty and with one partition.
    #[test]
    fn a_topic_is_not_created_by_writing_to_it() {
        let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
        let kafka = Kafka::at(cluster.bootstrap_servers()).set("topic.metadata.propagation.max.ms", "100");
        let mut producer = KafkaProducer::new(&kafka, &ProducerOptions::default(), &bell).unwrap();
        let topic = producer.topic("nowhere");
        let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp: Timestamp(1), headers: &Headers::new() };
        producer.send(topic, Partition(0), record).unwrap();
        let written = wait(&bell, || producer.flush());
        assert_eq!(written.map_err(|error| error.kind), Err(LogErrorKind::UnknownTopic));
    }

    /// Regression: the time was measured per slice of the call, and no slice lasts as long as a request may.
    #[test]
    fn a_commit_that_takes_long_in_all_renews_the_producer() {
        let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
        let mut producer = transactional(&cluster, 5_000, &bell);
        let before = Arc::clone(&producer.client);
        begin(&mut producer, &bell);
        cluster.broker_round_trip_time(1, Duration::from_millis(4_500)).unwrap();
        let mut slices = 0;
        let ended = wait(&bell, || match producer.commit_transaction() {
            Poll::Ready(CommitOutcome::Retriable(_)) => {
                slices += 1;
                if slices == 2 {
                    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
                }
                bell.ring();
                Poll::Pending
            }
            decided => decided,
        });
        assert_eq!(ended, CommitOutcome::Done);
        assert!(slices > 1 && !Arc::ptr_eq(&before, &producer.client), "{slices}");
    }
}
