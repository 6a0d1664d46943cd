//! Writing records, through the low-level client: no future, no allocation and no name per record.

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
use crate::native::{Client, Listener, ProduceError, Role, TopicRef};
use crate::settings::Kafka;
use crate::transaction::{Hazards, NewClient, Transactions};

/// A producer on Kafka.
pub(crate) struct KafkaProducer {
    /// Before the client, so that they go first.
    topics: Vec<Topic>,
    client: Arc<Client>,
    handles: HashMap<String, TopicHandle>,
    deliveries: Arc<Deliveries>,
    transactions: Option<Transactions>,
    doorbell: Doorbell,
    /// When the flush that is under way began.
    flush_began: Option<Instant>,
}

/// A flush is pushed for so long; what takes longer waits for a broker, not for a push.
const PUSH_TIME: Duration = Duration::from_millis(200);

struct Topic {
    name: String,
    /// The topic in librdkafka, or why there is none.
    native: Result<TopicRef, LogError>,
}

impl KafkaProducer {
    pub(crate) fn new(kafka: &Kafka, options: &ProducerOptions, doorbell: &Doorbell) -> Result<Self, LogError> {
        let settings = kafka.producer_settings(options)?;
        let (deliveries, hazards) = (Arc::<Deliveries>::default(), Arc::<Hazards>::default());
        let listener: Arc<dyn Listener> =
            Arc::new(Reports { deliveries: Arc::clone(&deliveries), hazards: Arc::clone(&hazards) });
        let (log, bell) = (Arc::clone(kafka.log_limit()), doorbell.clone());
        let new_client: NewClient = Arc::new(move || {
            let listener = Arc::clone(&listener);
            Client::create(Role::Producer, &settings.entries, &log, &bell, listener).map(Arc::new)
        });
        let transactions = match &options.transactional_id {
            Some(id) => {
                let timeout_ms = options.transaction_timeout_ms;
                Some(Transactions::new(id, timeout_ms, hazards, Arc::clone(&new_client), doorbell)?)
            }
            None => None,
        };
        Ok(Self {
            topics: Vec::new(),
            client: new_client()?,
            handles: HashMap::new(),
            deliveries,
            transactions,
            doorbell: doorbell.clone(),
            flush_began: None,
        })
    }

    /// Goes on with another client.
    fn replace_client(&mut self, client: Arc<Client>) {
        for topic in &mut self.topics {
            topic.native = TopicRef::new(&client, &topic.name);
        }
        self.client = client;
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
            // Says only that there was a fatal error before; that one is worth telling.
            Code::FATAL => {
                let (code, reason) = self.client.fatal_error().unwrap_or((Code::FATAL, error.reason));
                SendError::Refused(code.about(format!("a record for {name}-{partition}: {reason}")))
            }
            code => SendError::Refused(code.about(format!("a record for {name}-{partition}: {}", error.reason))),
        }
    }
}

impl Producer for KafkaProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        if let Some(handle) = self.handles.get(name) {
            return *handle;
        }
        let index = self.deliveries.add_topic(name);
        let handle = TopicHandle(u32::try_from(index).unwrap_or(u32::MAX));
        self.topics.push(Topic { name: name.to_owned(), native: TopicRef::new(&self.client, name) });
        self.handles.insert(name.to_owned(), handle);
        handle
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        if partition.0 < 0 {
            // librdkafka would choose one itself.
            let name = self.topics.get(topic.0 as usize).map_or("?", |topic| &topic.name);
            let message = format!("there is no partition {partition} of topic `{name}`");
            return Err(SendError::Refused(LogError::new(LogErrorKind::UnknownTopic, message)));
        }
        let index = topic.0 as usize;
        match self.topics.get(index).map(|topic| &topic.native) {
            Some(Ok(native)) => {
                native.produce(index, partition.0, &record).map_err(|error| self.refused(topic, partition, error))
            }
            Some(Err(error)) => Err(SendError::Refused(error.clone())),
            None => Err(SendError::Refused(LogError::new(LogErrorKind::Invalid, "the handle is another producer's"))),
        }
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.client.poll();
        self.deliveries.take_failure().map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        self.client.push_out();
        if self.in_flight() > 0 {
            // Records that wait for their partition to join the transaction would linger again.
            if self.flush_began.get_or_insert_with(Instant::now).elapsed() < PUSH_TIME {
                self.doorbell.ring();
            }
            return Poll::Pending;
        }
        self.flush_began = None;
        Poll::Ready(self.deliveries.take_failure().map_or(Ok(()), Err))
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
        decided.map(|(outcome, renewed)| {
            if let Some(client) = renewed {
                self.replace_client(client);
            }
            outcome
        })
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        let deliveries = Arc::clone(&self.deliveries);
        match self.transactions() {
            Ok((transactions, client)) => transactions.abort(client, &deliveries),
            Err(error) => Poll::Ready(CommitOutcome::Fatal(error)),
        }
    }
}

/// Enters what the client tells into the producer's books.
struct Reports {
    deliveries: Arc<Deliveries>,
    hazards: Arc<Hazards>,
}

impl Listener for Reports {
    fn error(&self, code: Code, _reason: &str) {
        self.hazards.note(code);
    }

    fn delivered(&self, topic: usize, partition: i32, offset: i64, failure: Option<Code>) {
        self.deliveries.report(topic, partition, offset, failure);
    }
}
