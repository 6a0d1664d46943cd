//! Letters from the end: the newest first, a page at a time.
//!
//! A log is read forwards only, so each partition is read in pieces, from its end to its beginning. Within a partition the
//! letters' order is that of their offsets; of several partitions, the letter with the latest time comes first.

use std::collections::{BTreeMap, VecDeque};

use super::{DeadLetter, DeadLetters};
use crate::client::{ClientError, PartitionOffsets};
use crate::record::{Offset, Partition, TopicPartition};

/// The bytes of a page, and again of what was read for the next one. A single letter may have more.
const BYTES_MAX: usize = 4 << 20;

/// The smallest and the largest number of offsets that are read at once in a partition.
const PIECE_MIN: i64 = 16;
const PIECE_MAX: i64 = 1 << 16;

/// Which letters are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// How many; a page may have fewer if they are large.
    pub limit: usize,
    /// Only those of this partition.
    pub partition: Option<Partition>,
    /// Only those before these offsets, which is where another page has ended.
    pub before: Option<PartitionOffsets>,
}

/// Some letters, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<PartitionOffsets>,
    /// How many letters there are in all, in the partitions that were asked for.
    pub total: u64,
    /// Whether that is exact. Otherwise it is the number of their offsets, and there may be fewer: transactions have
    /// offsets, too, and so have letters that are deleted.
    pub total_is_exact: bool,
}

/// What is read of a partition.
struct Column {
    partition: TopicPartition,
    start: Offset,
    /// Everything from here on has been read.
    bound: Offset,
    /// How many offsets to read next.
    piece: i64,
    /// What has been read and is not in the page yet.
    letters: VecDeque<DeadLetter>,
    bytes: usize,
    /// The end of what was read and was too much to keep.
    forgotten: Option<Offset>,
}

impl DeadLetters {
    /// The newest letters, or those before another page's. No more than about 8 MB are in memory, whatever there is.
    ///
    /// # Errors
    /// When there is no such topic or partition, or the log does not answer.
    pub fn newest(&self, wanted: &Newest) -> Result<LetterPage, ClientError> {
        let mut columns = self.columns(wanted)?;
        let of_all = columns.iter().map(|(column, end)| u64::try_from(end.0 - column.start.0).unwrap_or(0)).sum();
        let is_whole = columns.iter().all(|(column, end)| column.bound == *end);
        let mut columns: Vec<Column> = columns.drain(..).map(|(column, _)| column).collect();
        let (mut letters, mut bytes) = (Vec::new(), 0);
        while letters.len() < wanted.limit && (letters.is_empty() || bytes < BYTES_MAX) {
            self.fill(&mut columns)?;
            let time = |column: &&mut Column| column.letters.back().map(|letter| letter.record.timestamp);
            let latest = columns.iter_mut().filter(|column| !column.letters.is_empty()).max_by_key(time);
            let Some(letter) = latest.and_then(Column::take) else { break };
            bytes += letter.bytes();
            letters.push(letter);
        }
        let next: BTreeMap<_, _> = columns.iter().map(|column| (column.partition.partition, column.next())).collect();
        let is_over = columns.iter().all(Column::is_over);
        let total_is_exact = of_all == 0 || (is_whole && is_over);
        let total = if total_is_exact { letters.len() as u64 } else { of_all };
        Ok(LetterPage { letters, next: (!is_over).then_some(PartitionOffsets(next)), total, total_is_exact })
    }

    /// The partitions, nothing of which has been read yet, and their ends.
    fn columns(&self, wanted: &Newest) -> Result<Vec<(Column, Offset)>, ClientError> {
        let all = self.client.partitions(self.topic())?;
        let is_wanted = |known: &TopicPartition| wanted.partition.is_none_or(|wanted| wanted == known.partition);
        let partitions: Vec<_> = all.into_iter().filter(is_wanted).collect();
        let bounds = self.client.bounds(&partitions)?;
        let piece = i64::try_from(wanted.limit).unwrap_or(PIECE_MAX).clamp(PIECE_MIN, PIECE_MAX);
        let column = |(partition, (start, end)): (TopicPartition, (Offset, Offset))| {
            // A partition that is not named was added after the other page.
            let before = wanted.before.as_ref().and_then(|before| before.0.get(&partition.partition)).copied();
            let bound = before.unwrap_or(end).clamp(start, end.max(start));
            (
                Column { partition, start, bound, piece, letters: VecDeque::new(), bytes: 0, forgotten: None },
                end.max(start),
            )
        };
        Ok(partitions.into_iter().zip(bounds).map(column).collect())
    }

    /// Reads on until every partition has a letter, or none that is left.
    fn fill(&self, columns: &mut [Column]) -> Result<(), ClientError> {
        let bytes_max = BYTES_MAX / columns.len().max(1);
        loop {
            let mut empty: BTreeMap<Partition, &mut Column> = BTreeMap::new();
            let is_empty = |column: &&mut Column| column.letters.is_empty() && column.start < column.bound;
            for column in columns.iter_mut().filter(is_empty) {
                empty.insert(column.partition.partition, column);
            }
            if empty.is_empty() {
                return Ok(());
            }
            let ranges = empty.values().map(|column| (column.partition.clone(), column.from()..column.bound)).collect();
            for letter in self.between(ranges)? {
                let letter = letter?;
                if let Some(column) = empty.get_mut(&letter.partition) {
                    column.push(letter, bytes_max);
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

    /// Adds a letter behind the others. What becomes too much is forgotten, the oldest first, and read again later.
    fn push(&mut self, letter: DeadLetter, bytes_max: usize) {
        self.bytes += letter.bytes();
        self.letters.push_back(letter);
        while self.bytes > bytes_max && self.letters.len() > 1 {
            let Some(oldest) = self.letters.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.forgotten = Some(oldest.offset.next());
        }
    }

    /// A piece has been read.
    fn was_read(&mut self) {
        self.bound = self.forgotten.take().unwrap_or_else(|| self.from());
        // Where there are only the traces of transactions, steps become longer.
        self.piece = self.piece.saturating_mul(2).min(PIECE_MAX);
    }

    /// The latest letter.
    fn take(&mut self) -> Option<DeadLetter> {
        let letter = self.letters.pop_back()?;
        self.bytes -= letter.bytes();
        Some(letter)
    }

    /// What is in no page yet lies before this.
    fn next(&self) -> Offset {
        self.letters.back().map_or(self.bound, |letter| letter.offset.next())
    }

    fn is_over(&self) -> bool {
        self.letters.is_empty() && self.bound <= self.start
    }
}
