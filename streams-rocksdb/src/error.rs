//! Converts RocksDB's errors to the port's.
//!
//! The binding provides a status as text, `<code>: <sub-code>: <details>`. The kind is determined from code and sub-code,
//! never from the details.

use std::path::Path;

use rocksdb::{Error, ErrorKind};
use streams_core::state::{StoreError, StoreErrorKind};

const NO_SPACE: &str = "IO error: No space left on device";
const PATH_NOT_FOUND: &str = "IO error: No such file or directory";

/// An error of reading or writing an open database; `what` says what failed.
pub(crate) fn use_error(folder: &Path, what: &str, error: &Error) -> StoreError {
    let kind = kind_of(error);
    path_error(kind, folder, &format!("{what}: {error}{}", advice(kind)))
}

/// An error of opening a database.
pub(crate) fn open_error(folder: &Path, error: &Error) -> StoreError {
    let kind = match kind_of(error) {
        // `CURRENT` exists, so a file that it refers to is gone.
        StoreErrorKind::Io if error.as_ref().starts_with(PATH_NOT_FOUND) => StoreErrorKind::Corrupt,
        // A database that this version does not support was written by another version.
        StoreErrorKind::Other if matches!(error.kind(), ErrorKind::NotSupported | ErrorKind::InvalidArgument) => {
            StoreErrorKind::Format
        }
        kind => kind,
    };
    path_error(kind, folder, &format!("cannot be opened: {error}{}", advice(kind)))
}

/// An error that names the folder.
pub(crate) fn path_error(kind: StoreErrorKind, folder: &Path, message: &str) -> StoreError {
    StoreError::new(kind, format!("state in {}: {message}", folder.display()))
}

/// An error of the file system itself.
pub(crate) fn io_error(folder: &Path, what: &str, error: &std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Io,
    };
    path_error(kind, folder, &format!("{what}: {error}{}", advice(kind)))
}

fn kind_of(error: &Error) -> StoreErrorKind {
    match error.kind() {
        ErrorKind::IOError if error.as_ref().starts_with(NO_SPACE) => StoreErrorKind::Full,
        ErrorKind::IOError => StoreErrorKind::Io,
        ErrorKind::Corruption => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Other,
    }
}

/// What to do about the error, as the end of a sentence.
pub(crate) const fn advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Full => "; free some space on this disk, then the task can be opened again",
        StoreErrorKind::Io => "; check the disk and the permissions of this folder",
        StoreErrorKind::Corrupt => "; move the folder away to have the state rebuilt from its changelogs",
        StoreErrorKind::Format => {
            "; run the version that wrote it, or move the folder away to have the state rebuilt from its changelogs"
        }
        _ => "",
    }
}
