//! Records from the end of a topic: the newest first, a page at a time.
//!
//! A log is read forwards only, so each partition is read in pieces, from its end to its beginning. Within a partition records
//! come in the order of their offsets; of several partitions, the one with the latest time comes first.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Client, ClientError, PartitionOffsets, Received};
use crate::record::{Offset, Partition, Record, TopicPartition};
use crate::topic::Topic;

/// The bytes of a page, and again of what was read for the next one. A single record may have more.
const BYTES_MAX: usize = 4 << 20;

/// The smallest and the largest number of offsets that are read at once in a partition.
const PIECE_MIN: i64 = 16;
const PIECE_MAX: i64 = 1 << 16;

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// How many; a page may have fewer if they are large.
    pub limit: usize,
    /// Only those of these partitions; all, if there are none here.
    pub partitions: Vec<Partition>,
    /// Only those before these offsets, which is where another page has ended.
    pub before: Option<PartitionOffsets>,
}

/// Some records, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewestPage<R> {
    /// The records.
    pub records: Vec<R>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<PartitionOffsets>,
    /// How many records there are in all, in the partitions that were asked for.
    pub total: u64,
    /// Whether that is exact. Otherwise it is the number of their offsets, and there may be fewer: transactions have
    /// offsets, too, and so have records that are deleted.
    pub total_is_exact: bool,
}

type Raw = Received<Option<Bytes>, Option<Bytes>>;

/// What is read of a partition.
struct Column {
    partition: TopicPartition,
    start: Offset,
    /// Everything from here on has been read.
    bound: Offset,
    /// How many offsets to read next.
    piece: i64,
    /// What has been read and is not in the page yet.
    records: VecDeque<Raw>,
    bytes: usize,
    /// The end of what was read and was too much to keep.
    forgotten: Option<Offset>,
}

impl<R> NewestPage<R> {
    /// The same page with something else for each record.
    pub(super) fn map<T>(self, to: impl FnMut(R) -> T) -> NewestPage<T> {
        let Self { records, next, total, total_is_exact } = self;
        NewestPage { records: records.into_iter().map(to).collect(), next, total, total_is_exact }
    }
}

impl Client {
    /// The newest records of a topic, or those before another page's, as bytes. No more than about 8 MB are in memory,
    /// whatever there is.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use millstream::client::Newest;
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<(), String> = Topic::new("clicks");
    ///
    /// let client = Client::new(Embedded::in_memory())?;
    /// client.send_all(&CLICKS, (0..100).map(|click| ((), format!("click {click}"))))?;
    /// let page = client.newest("clicks", &Newest { limit: 2, ..Newest::default() })?;
    /// assert_eq!(page.records[0].record.value, Some(Bytes::from("click 99")));
    ///
    /// let earlier = client.newest("clicks", &Newest { limit: 1, before: page.next, ..Newest::default() })?;
    /// assert_eq!(earlier.records[0].offset.0, 97);
    /// # Ok::<_, millstream::client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer. Partitions that are not there have no records.
    pub fn newest(&self, topic: &str, wanted: &Newest) -> Result<NewestPage<Raw>, ClientError> {
        let topic = self.raw(topic)?;
        let mut columns = self.columns(&topic, wanted)?;
        let of_all = columns.iter().map(|(column, end)| u64::try_from(end.0 - column.start.0).unwrap_or(0)).sum();
        let is_whole = columns.iter().all(|(column, end)| column.bound == *end);
        let mut columns: Vec<Column> = columns.drain(..).map(|(column, _)| column).collect();
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < wanted.limit && (records.is_empty() || bytes < BYTES_MAX) {
            self.fill(&topic, &mut columns)?;
            let time = |column: &&mut Column| column.records.back().map(|received| received.record.timestamp);
            let latest = columns.iter_mut().filter(|column| !column.records.is_empty()).max_by_key(time);
            let Some(record) = latest.and_then(Column::take) else { break };
            bytes += bytes_of(&record.record);
            records.push(record);
        }
        let next: BTreeMap<_, _> = columns.iter().map(|column| (column.partition.partition, column.next())).collect();
        let is_over = columns.iter().all(Column::is_over);
        let total_is_exact = of_all == 0 || (is_whole && is_over);
        let total = if total_is_exact { records.len() as u64 } else { of_all };
        Ok(NewestPage { records, next: (!is_over).then_some(PartitionOffsets(next)), total, total_is_exact })
    }

    /// A topic whose types nobody knows.
    pub(super) fn raw(&self, name: &str) -> Result<Topic<Option<Bytes>, Option<Bytes>>, ClientError> {
        let log = || self.inner.place.to_string();
        Topic::named(name).map_err(|_| ClientError::MissingTopic { topic: name.to_owned(), log: log() })
    }

    /// The partitions, nothing of which has been read yet, and their ends.
    fn columns(
        &self,
        topic: &Topic<Option<Bytes>, Option<Bytes>>,
        wanted: &Newest,
    ) -> Result<Vec<(Column, Offset)>, ClientError> {
        let all = self.partitions(topic.name())?;
        let is_wanted =
            |known: &TopicPartition| wanted.partitions.is_empty() || wanted.partitions.contains(&known.partition);
        let partitions: Vec<_> = all.into_iter().filter(is_wanted).collect();
        let bounds = self.bounds(&partitions)?;
        let piece = i64::try_from(wanted.limit).unwrap_or(PIECE_MAX).clamp(PIECE_MIN, PIECE_MAX);
        let column = |(partition, (start, end)): (TopicPartition, (Offset, Offset))| {
            // A partition that is not named was added after the other page.
            let before = wanted.before.as_ref().and_then(|before| before.0.get(&partition.partition)).copied();
            let bound = before.unwrap_or(end).clamp(start, end.max(start));
            let records = VecDeque::new();
            (Column { partition, start, bound, piece, records, bytes: 0, forgotten: None }, end.max(start))
        };
        Ok(partitions.into_iter().zip(bounds).map(column).collect())
    }

    /// Reads on until every partition has a record, or none that is left.
    fn fill(&self, topic: &Topic<Option<Bytes>, Option<Bytes>>, columns: &mut [Column]) -> Result<(), ClientError> {
        let bytes_max = BYTES_MAX / columns.len().max(1);
        loop {
            let mut empty: BTreeMap<Partition, &mut Column> = BTreeMap::new();
            let is_empty = |column: &&mut Column| column.records.is_empty() && column.start < column.bound;
            for column in columns.iter_mut().filter(is_empty) {
                empty.insert(column.partition.partition, column);
            }
            if empty.is_empty() {
                return Ok(());
            }
            let ranges: Vec<_> =
                empty.values().map(|column| (column.partition.clone(), column.from()..column.bound)).collect();
            for received in self.records_in(topic, ranges)? {
                let received = received?;
                if let Some(column) = empty.get_mut(&received.partition.partition) {
                    column.push(received, bytes_max);
                }
            }
            empty.into_values().for_each(Column::was_read);
        }
    }
}

impl Column {
    /// Where the next piece begins.
    fn from(&self) -> Offset {
        Offset(self.bound.0.saturating_sub(self.piece)).max(self.start)
    }

    /// Adds a record behind the others. What becomes too much is forgotten, the oldest first, and read again later.
    fn push(&mut self, received: Raw, bytes_max: usize) {
        self.bytes += bytes_of(&received.record);
        self.records.push_back(received);
        while self.bytes > bytes_max && self.records.len() > 1 {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= bytes_of(&oldest.record);
            self.forgotten = Some(oldest.offset.next());
        }
    }

    /// A piece has been read.
    fn was_read(&mut self) {
        self.bound = self.forgotten.take().unwrap_or_else(|| self.from());
        // Where there are only the traces of transactions, steps become longer.
        self.piece = self.piece.saturating_mul(2).min(PIECE_MAX);
    }

    /// The latest record.
    fn take(&mut self) -> Option<Raw> {
        let received = self.records.pop_back()?;
        self.bytes -= bytes_of(&received.record);
        Some(received)
    }

    /// What is in no page yet lies before this.
    fn next(&self) -> Offset {
        self.records.back().map_or(self.bound, |received| received.offset.next())
    }

    fn is_over(&self) -> bool {
        self.records.is_empty() && self.bound <= self.start
    }
}

/// About how many bytes a record takes.
fn bytes_of(record: &Record<Option<Bytes>, Option<Bytes>>) -> usize {
    let Record { key, value, headers, .. } = record;
    let length = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
    let of_headers = headers.iter().map(|header| header.name.len() + length(&header.value)).sum::<usize>();
    length(key) + length(value) + of_headers
}
