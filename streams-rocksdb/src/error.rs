//! RocksDB's errors in the port's words.
//!
//! The binding hands on a rendered status, `<code>: <sub-code>: <details>`. Kinds are read from code and
//! sub-code, never from the details (rule F21).

use std::path::Path;

use rocksdb::{Error, ErrorKind};
use streams_core::state::{StoreError, StoreErrorKind};

const NO_SPACE: &str = "IO error: No space left on device";
const PATH_NOT_FOUND: &str = "IO error: No such file or directory";

/// An error of reading or writing an open database; `what` says what was tried.
pub(crate) fn use_error(folder: &Path, what: &str, error: &Error) -> StoreError {
    let kind = kind_of(error);
    path_error(kind, folder, &format!("{what}: {error}{}", advice(kind)))
}

/// An error of opening a database.
pub(crate) fn open_error(folder: &Path, error: &Error) -> StoreError {
    let kind = match kind_of(error) {
        // `CURRENT` is there, so a file that it leads to is gone.
        StoreErrorKind::Io if error.as_ref().starts_with(PATH_NOT_FOUND) => StoreErrorKind::Corrupt,
        // What this version cannot do or has no setting for was written by another version.
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

/// What to do about it, as the end of a sentence.
pub(crate) const fn advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Full => "; free some space on this disk, then the task can be opened again",
        StoreErrorKind::Io => "; check the disk and the rights on this folder",
        StoreErrorKind::Corrupt => "; move the folder away, and the state is rebuilt from its changelogs",
        StoreErrorKind::Format => {
            "; run the version that wrote it, or move the folder away, and the state is rebuilt from its changelogs"
        }
        _ => "",
    }
}
