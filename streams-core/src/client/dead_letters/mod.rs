//! The dead letters of an application, for those who look at them and put them back one by one.
//!
//! `letter.rs` is what a letter says, `adding.rs` writes one, `unreplayed.rs` reads those that no replay has seen, `way_back.rs` decides whether and how a record goes back, and `putting_back.rs` writes it. All letters at
//! once, each once, are put back by [`Replay`](crate::dead_letters::Replay).

use std::ops::Range;

use bytes::Bytes;

use super::{Client, ClientError, Newest, NewestPage};
use crate::record::{Offset, Partition, TopicPartition};
use crate::topic::Topic;

mod adding;
mod letter;
mod putting_back;
mod unreplayed;
mod way_back;

pub use letter::{DeadLetter, Origin};
pub use putting_back::PutBackError;
pub use way_back::Stays;
pub(crate) use way_back::WayBack;

type Field = Option<Bytes>;

/// A topic with dead letters.
///
/// ```
/// use millstream::client::Newest;
/// use millstream::config::OnError;
/// use millstream::prelude::*;
///
/// const PRICES: Topic<String, String> = Topic::new("prices");
/// const CENTS: Topic<String, i64> = Topic::new("cents");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(PRICES).try_map_values(|price| price.parse::<i64>()).named("parse").to(CENTS);
/// let app = App::new("prices", builder.build()?).on_processing_error(OnError::DeadLetter);
/// let log = Embedded::in_memory();
/// log.send(&PRICES, "pen", "cheap")?;
/// app.dead_letters_to("dead-letters").run_until_idle(log.clone())?;
///
/// let client = Client::new(log)?;
/// let letters = client.dead_letters("dead-letters")?;
/// let page = letters.newest(&Newest { limit: 10, ..Newest::default() })?;
/// let letter = &page.records[0];
/// assert_eq!((letter.node(), letter.reason()), ("parse", "failed"));
/// assert_eq!(letter.origin().map(|origin| origin.to_string()), Some("prices/0@0".to_owned()));
///
/// // The data is mended, and the record is tried again: once, unless somebody says otherwise.
/// let (partition, offset) = letters.put_back(letter, 1)?;
/// assert_eq!((partition.to_string(), offset.0), ("prices-0".to_owned(), 1));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
    topic: Topic<Field, Field>,
}

impl Client {
    /// The dead letters in a topic. Nothing is asked yet.
    ///
    /// # Errors
    /// When there can be no topic of that name.
    pub fn dead_letters(&self, topic: &str) -> Result<DeadLetters, ClientError> {
        Ok(DeadLetters { client: self.clone(), topic: self.raw(topic)? })
    }
}

impl DeadLetters {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topic.name()
    }

    /// The letter at that place; `None` if there is none.
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn get(&self, partition: Partition, offset: Offset) -> Result<Option<DeadLetter>, ClientError> {
        let partitions = self.client.partitions(self.topic())?;
        let Some(at) = partitions.into_iter().find(|known| known.partition == partition) else { return Ok(None) };
        let (start, end) = self.client.bounds(std::slice::from_ref(&at))?.swap_remove(0);
        if !(start..end).contains(&offset) {
            return Ok(None);
        }
        // Nothing, if there is only a transaction's marker.
        self.between(vec![(at, offset..offset.next())])?.next().transpose()
    }

    /// The newest letters, or those before another page's; see [`Client::newest`].
    ///
    /// # Errors
    /// As [`Client::newest`].
    pub fn newest(&self, wanted: &Newest) -> Result<NewestPage<DeadLetter>, ClientError> {
        Ok(self.client.newest(self.topic(), wanted)?.map(DeadLetter::from))
    }

    /// All letters that are there now, in order within each partition.
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<DeadLetter, ClientError>> + use<>, ClientError> {
        let partitions = self.client.partitions(self.topic())?;
        let bounds = self.client.bounds(&partitions)?;
        self.between(
            partitions.into_iter().zip(bounds).map(|(partition, (start, end))| (partition, start..end)).collect(),
        )
    }

    /// The letters in those ranges.
    fn between(
        &self,
        ranges: Vec<(TopicPartition, Range<Offset>)>,
    ) -> Result<impl Iterator<Item = Result<DeadLetter, ClientError>> + use<>, ClientError> {
        Ok(self.client.records_in(&self.topic, ranges)?.map(|received| received.map(DeadLetter::from)))
    }
}
