//! What users say of a sink.

use std::sync::Arc;
use std::time::Duration;

use streams_core::log::Log;
use streams_core::topic::{NAME_LENGTH_MAX, Topic, check_name};

use super::running::RunningSink;
use super::{SinkError, Target};

/// How many records are written at once, unless [`Sink::batch`] says otherwise.
const BATCH: usize = 1_000;

/// How long a member may be silent, unless [`Sink::session_timeout`] says otherwise.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// What becomes of a record that the target refuses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnRefused {
    /// The sink ends with an error that names the record. Nothing after it in its partition is written.
    #[default]
    Fail,
    /// It is left out, counted and logged.
    Skip,
    /// It goes to this topic, with headers that say where it was and why it was refused (KIP-1034), and the sink goes on. After a
    /// crash at that moment it may be there twice.
    DeadLetter(String),
}

/// Carries a topic's committed records to a [`Target`]; see the [module's page](super).
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use millstream::connect::sink::{Sink, Target, TargetError};
/// use millstream::log::RecordRef;
/// use millstream::prelude::*;
/// use millstream::record::{Offset, TopicPartition};
///
/// const EVENTS: Topic<String, String> = Topic::new("events");
///
/// /// Collects values.
/// struct Collected(Arc<Mutex<Vec<String>>>);
///
/// impl Target for Collected {
///     fn describe(&self) -> String {
///         "a list".to_owned()
///     }
///
///     fn take(&mut self, _: &TopicPartition, begin: Offset) -> Result<Offset, TargetError> {
///         Ok(begin)
///     }
///
///     fn write(&mut self, _: &TopicPartition, _: Offset, records: &[RecordRef<'_>], _: Offset) -> Result<(), TargetError> {
///         let text = |record: &RecordRef<'_>| String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
///         self.0.lock().expect("nobody panics").extend(records.iter().map(text));
///         Ok(())
///     }
///
///     fn release(&mut self, _: &TopicPartition) {}
/// }
///
/// let log = Embedded::in_memory();
/// let (partition, offset) = Client::new(log.clone())?.send(&EVENTS, "a", "to be")?;
///
/// let values = Arc::new(Mutex::new(Vec::new()));
/// let sink = Sink::new("events-list", &EVENTS, Collected(Arc::clone(&values))).start(log)?;
/// futures::executor::block_on(sink.has_passed(&partition, offset))?;
/// sink.close()?;
/// assert_eq!(*values.lock().expect("nobody panics"), ["to be"]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is carried before `.start(log)`"]
pub struct Sink {
    pub(super) name: String,
    pub(super) topic: Arc<str>,
    pub(super) target: Box<dyn Target>,
    pub(super) on_refused: OnRefused,
    pub(super) batch: usize,
    pub(super) session_timeout: Duration,
}

impl Sink {
    /// A sink of that name, which is also the name of its group and must stay the same from start to start.
    pub fn new<K, V>(name: impl Into<String>, topic: &Topic<K, V>, target: impl Target + 'static) -> Self {
        Self {
            name: name.into(),
            topic: topic.name().into(),
            target: Box::new(target),
            on_refused: OnRefused::default(),
            batch: BATCH,
            session_timeout: SESSION_TIMEOUT,
        }
    }

    /// What becomes of records that the target refuses, or that are not of the types it expects. The default is
    /// [`OnRefused::Fail`].
    pub fn on_refused(self, on_refused: OnRefused) -> Self {
        Self { on_refused, ..self }
    }

    /// How many records are written at once at most; 1,000 otherwise, and at least one.
    pub fn batch(self, records: usize) -> Self {
        Self { batch: records.max(1), ..self }
    }

    /// After this time without a sign of life, others of the same name take this one's partitions over; 10 seconds otherwise.
    pub fn session_timeout(self, session_timeout: Duration) -> Self {
        Self { session_timeout, ..self }
    }

    /// Starts to carry records, on a thread of its own. It waits for the topic if there is none yet.
    ///
    /// # Errors
    /// When the name is not one, or the log's settings are not valid.
    pub fn start(self, log: impl Log) -> Result<RunningSink, SinkError> {
        check_name(self.name.as_bytes(), NAME_LENGTH_MAX)
            .map_err(|error| SinkError::Name { name: self.name.clone(), reason: error.to_string() })?;
        RunningSink::start(self, Arc::new(log))
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("name", &self.name).field("topic", &self.topic).finish_non_exhaustive()
    }
}
