//! The progress of a process, recorded so that it survives `kill -9`.
//!
//! Before a record is processed, its position is written to a file without buffering, so the progress is known up to the
//! very last record before the process died.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// The size of a partition's entry in the file: two numbers.
const SLOT: usize = 16;

/// The progress in one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Partition {
    /// The offset after the last record whose processing has started; 0 before the first.
    pub next: i64,
    /// The number of records that the same process has started again.
    pub repeated: i64,
}

/// Records the progress of this process.
#[derive(Debug)]
pub struct Teller {
    file: File,
    partitions: Vec<Partition>,
}

impl Teller {
    /// Creates the file, without any progress.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path, partitions: usize) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, partitions: vec![Partition::default(); partitions] })
    }

    /// Records that a record is about to be processed.
    ///
    /// # Errors
    /// When the file cannot be written, or there is no such partition.
    pub fn tell(&mut self, partition: i32, offset: i64) -> io::Result<()> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let told = self.partitions.get_mut(index).ok_or_else(|| io::Error::other("no such partition"))?;
        told.repeated += (told.next - offset).max(0);
        told.next = offset + 1;
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&told.next.to_be_bytes());
        bytes[8..].copy_from_slice(&told.repeated.to_be_bytes());
        self.file.seek(SeekFrom::Start((index * SLOT) as u64))?;
        self.file.write_all(&bytes)
    }
}

/// The progress of a process; none if it has not started.
#[must_use]
pub fn read(path: &Path, partitions: usize) -> Vec<Partition> {
    let bytes = fs::read(path).unwrap_or_default();
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i64::from_be_bytes)
    };
    (0..partitions).map(|index| Partition { next: number(index * SLOT), repeated: number(index * SLOT + 8) }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Partition, Teller, read};

    #[test]
    fn what_is_told_is_read_without_any_flush() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("progress");
        assert_eq!(read(&path, 2), [Partition::default(); 2], "nobody has begun");
        let mut teller = Teller::create(&path, 2).expect("a file");
        for (partition, offset) in [(1, 0), (1, 1), (1, 2), (1, 1), (1, 2), (0, 7)] {
            teller.tell(partition, offset).expect("told");
        }
        assert_eq!(read(&path, 2), [Partition { next: 8, repeated: 0 }, Partition { next: 3, repeated: 2 }]);
        assert!(teller.tell(2, 0).is_err(), "there is no third partition");
    }
}
