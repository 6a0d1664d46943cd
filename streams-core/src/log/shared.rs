//! A log whose kind is known only at run time is a log, too.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Admin, ClientMemory, Consumer, ConsumerOptions, Doorbell, Log, LogError, Member, MemberOptions, Producer,
    ProducerOptions,
};
use crate::clock::SharedClock;

/// ```
/// use std::sync::Arc;
///
/// use millstream::log::Log;
/// use millstream::prelude::*;
///
/// let log: Arc<dyn Log> = Arc::new(Embedded::in_memory()); // or Kafka, as the settings say
/// assert_eq!(Client::new(log)?.create_topic(&Topic::<(), String>::new("lines")).create(), Ok(()));
/// # Ok::<_, millstream::client::ClientError>(())
/// ```
impl Log for Arc<dyn Log> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        (**self).consumer(options, doorbell)
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        (**self).producer(options, doorbell)
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        (**self).member(options, doorbell)
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        (**self).admin(doorbell)
    }

    fn creates_output_topics(&self) -> bool {
        (**self).creates_output_topics()
    }

    fn is_exactly_once_by_default(&self) -> bool {
        (**self).is_exactly_once_by_default()
    }

    fn commits_at_once(&self) -> bool {
        (**self).commits_at_once()
    }

    fn topic_interval(&self) -> Duration {
        (**self).topic_interval()
    }

    fn client_memory(&self) -> ClientMemory {
        (**self).client_memory()
    }

    fn clock(&self) -> SharedClock {
        (**self).clock()
    }
}
