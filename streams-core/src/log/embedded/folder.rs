//! The folder of a durable log, and the lock that keeps other processes out of it.

use std::path::{Path, PathBuf};

use crate::log::{LogError, LogErrorKind};
use crate::private_folder::{FolderLock, Holder, LockError, create_private};

/// The file that is locked while the log is open. It contains the process id, for people.
const LOCK_FILE: &str = "lock";

/// The subfolder with the log's records.
const DATA_FOLDER: &str = "data";

/// A folder that nobody else has open. It is released when it is dropped, or by the operating system when the process
/// dies.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    _lock: FolderLock,
}

impl Folder {
    /// Creates the folder if it is missing, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, LogError> {
        let failed = |error: std::io::Error| {
            let message = format!("the embedded log's folder {} cannot be used: {error}", path.display());
            LogError::new(LogErrorKind::Other, message)
        };
        // An existing folder may be a link to where there is space, and others may have a right to enter it.
        if !path.is_dir() {
            create_private(path).map_err(failed)?;
        }
        let lock = FolderLock::hold(path, LOCK_FILE).map_err(|error| match error {
            LockError::InUse(holder) => in_use(path, &holder),
            LockError::Io(error) => failed(error),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The path of the log's records.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join(DATA_FOLDER)
    }
}

fn in_use(path: &Path, holder: &Holder) -> LogError {
    let process = match holder {
        Holder::ThisProcess => "this process, through another handle".to_owned(),
        holder => holder.to_string(),
    };
    let message = format!(
        "the embedded log in {} is in use by {process}: stop it, share its `Embedded` handle, or use another folder",
        path.display()
    );
    LogError::new(LogErrorKind::InUse, message)
}
