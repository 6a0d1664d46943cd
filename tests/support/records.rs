//! Topics, written and read through the log port, on Kafka as well as on the embedded log.

use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{
    Admin, Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, Log, LogError, NewTopic, OutgoingRecord,
    Producer, ProducerOptions, RecordRef, Reply, SendError, TopicHandle,
};
use streams_core::record::{Headers, Offset, Partition, Timestamp, TopicPartition};

use crate::PATIENCE;

/// A topic of a log.
pub struct TopicOf<'a> {
    log: &'a dyn Log,
    name: String,
    partitions: u32,
}

impl<'a> TopicOf<'a> {
    /// A topic that exists.
    #[must_use]
    pub fn new(log: &'a dyn Log, name: &str, partitions: u32) -> Self {
        Self { log, name: name.to_owned(), partitions }
    }

    /// Creates a topic.
    ///
    /// # Panics
    /// When it cannot be created.
    #[must_use]
    pub fn create(log: &'a dyn Log, name: &str, partitions: u32) -> Self {
        Self::create_with(log, name, partitions, &[])
    }

    /// Creates a topic with settings.
    ///
    /// # Panics
    /// When it cannot be created.
    #[must_use]
    pub fn create_with(log: &'a dyn Log, name: &str, partitions: u32, configs: &[(&str, &str)]) -> Self {
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let new = NewTopic { name: name.to_owned(), partitions, replication: None, configs };
        let admin = log.admin(Doorbell::new()).expect("an admin client");
        let answers = admin.create_topics(vec![new]).wait().expect("an answer").expect("topics");
        answers.into_iter().for_each(|answer| answer.expect("a new topic"));
        Self::new(log, name, partitions)
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All partitions of the topic.
    #[must_use]
    pub fn partitions(&self) -> Vec<TopicPartition> {
        let numbers = 0..i32::try_from(self.partitions).unwrap_or(0);
        numbers.map(|partition| TopicPartition::new(self.name.as_str(), partition)).collect()
    }

    /// The end offset of each partition.
    ///
    /// # Panics
    /// When the log does not answer.
    #[must_use]
    pub fn ends(&self) -> Vec<i64> {
        let ends = self.ask(|admin| admin.end_offsets(self.partitions(), Isolation::ReadUncommitted));
        ends.into_iter().map(|end| end.0).collect()
    }

    /// The offset that a group has committed for each partition; 0 if it has committed none.
    ///
    /// # Panics
    /// When the log does not answer.
    #[must_use]
    pub fn committed(&self, group: &str) -> Vec<i64> {
        let committed = self.ask(|admin| admin.committed(group, self.partitions()));
        committed.into_iter().map(|position| position.map_or(0, |position| position.offset.0)).collect()
    }

    /// Asks until there is an answer: in some suites brokers are killed meanwhile.
    fn ask<T>(&self, question: impl Fn(&dyn Admin) -> Reply<Result<T, LogError>>) -> T {
        let admin = self.log.admin(Doorbell::new()).expect("an admin client");
        let began = Instant::now();
        loop {
            match question(&*admin).wait().expect("an answer") {
                Ok(answer) => return answer,
                Err(error) if error.is_transient() && began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Calls `each` for every current record, partition by partition.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(&self, isolation: Isolation, mut each: impl FnMut(&RecordRef<'_>)) {
        self.read_partitions(isolation, |_, record| each(record));
    }

    /// As [`TopicOf::read`]; `each` also gets the number of the record's partition.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read_partitions(&self, isolation: Isolation, mut each: impl FnMut(i32, &RecordRef<'_>)) {
        let bell = Doorbell::new();
        let options = ConsumerOptions { client_id: "reader".into(), isolation, ..ConsumerOptions::default() };
        let mut consumer = self.log.consumer(options, bell.clone()).expect("a consumer");
        for (partition, end) in self.partitions().into_iter().zip(self.ends()) {
            if end > 0 {
                consumer.add(&partition, Offset(0));
                let number = partition.partition.0;
                read_partition(&mut *consumer, &bell, Offset(end), &mut |record: &RecordRef<'_>| each(number, record));
                consumer.remove(&partition);
            }
        }
    }
}

/// Reads the consumer's only partition to this end. It seems to end earlier while a transaction is open or ending.
fn read_partition(consumer: &mut dyn Consumer, bell: &Doorbell, end: Offset, each: &mut impl FnMut(&RecordRef<'_>)) {
    let mut last_news = Instant::now();
    let mut events = Vec::new();
    loop {
        consumer.fetch(10_000, &mut events);
        for event in events.drain(..) {
            last_news = Instant::now();
            match event {
                FetchEvent::Records { batch, .. } => batch.iter().for_each(|record| each(&record)),
                FetchEvent::End { position, .. } if end <= position => return,
                FetchEvent::End { .. } => {}
                FetchEvent::Error { error, .. } if error.is_transient() => {}
                event => panic!("{event:?}"),
            }
        }
        assert!(last_news.elapsed() < PATIENCE, "a partition does not end");
        bell.wait(Duration::from_millis(1));
    }
}

/// Writes records to a topic, whatever happens to the log.
pub struct Writer {
    producer: Box<dyn Producer>,
    bell: Doorbell,
    topic: TopicHandle,
}

impl Writer {
    /// A writer to a topic.
    ///
    /// # Panics
    /// When the producer cannot be created.
    #[must_use]
    pub fn new(topic: &TopicOf<'_>) -> Self {
        let bell = Doorbell::new();
        let options = ProducerOptions { client_id: "writer".into(), ..ProducerOptions::default() };
        let mut producer = topic.log.producer(options, bell.clone()).expect("a producer");
        Self { topic: producer.topic(&topic.name), producer, bell }
    }

    /// Sends a record, and waits first if too many are in flight.
    ///
    /// # Panics
    /// When it is refused.
    pub fn send(&mut self, partition: i32, key: &str, value: &[u8], timestamp: Timestamp) {
        self.send_bytes(partition, key.as_bytes(), value, timestamp);
    }

    /// As [`Writer::send`], with any key.
    ///
    /// # Panics
    /// When it is refused.
    pub fn send_bytes(&mut self, partition: i32, key: &[u8], value: &[u8], timestamp: Timestamp) {
        let headers = Headers::new();
        let record = OutgoingRecord { key: Some(key), value: Some(value), timestamp, headers: &headers };
        let began = Instant::now();
        loop {
            match self.producer.send(self.topic, Partition(partition), record) {
                Ok(()) => return,
                Err(SendError::Full) => self.producer.poll().expect("nothing is lost"),
                Err(SendError::Refused(error)) => panic!("{error}"),
            }
            assert!(began.elapsed() < PATIENCE, "no record is taken any more");
            self.bell.wait(Duration::from_millis(5));
        }
    }

    /// Waits until every record is acknowledged.
    ///
    /// # Panics
    /// When one is lost.
    pub fn flush(&mut self) {
        let began = Instant::now();
        loop {
            match self.producer.flush() {
                Poll::Ready(flushed) => return flushed.expect("nothing is lost"),
                Poll::Pending => assert!(began.elapsed() < PATIENCE, "records are not acknowledged"),
            }
            self.bell.wait(Duration::from_millis(5));
        }
    }
}
