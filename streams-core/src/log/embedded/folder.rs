//! The folder of a durable log, and the lock that keeps other processes out of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::log::{LogError, LogErrorKind};

/// The file that is locked while the log is open. It holds the process id, for people.
const LOCK_FILE: &str = "lock";

/// Where the log's records are, inside the folder.
const DATA_FOLDER: &str = "data";

/// A folder that nobody else has open. Given back when dropped, or by the operating system when the
/// process dies, however it dies.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Folder {
    /// Creates the folder if it is missing, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, LogError> {
        let failed = |error: std::io::Error| {
            let message = format!("the embedded log's folder {} cannot be used: {error}", path.display());
            LogError::new(LogErrorKind::Other, message)
        };
        create_private(path).map_err(failed)?;
        let mut lock = private_file(&path.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        write_pid(&mut lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the log's records are.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join(DATA_FOLDER)
    }
}

fn write_pid(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.seek(SeekFrom::Start(0))?;
    writeln!(lock, "{}", std::process::id())
}

fn in_use(path: &Path, lock: &mut File) -> LogError {
    let mut holder = String::new();
    // Who holds it is told if it can be read.
    let _ = lock.take(32).read_to_string(&mut holder);
    let process = match holder.trim() {
        "" => "another process".to_owned(),
        pid if pid == std::process::id().to_string() => "this process, through another handle".to_owned(),
        pid => format!("process {pid}"),
    };
    let message = format!(
        "the embedded log in {} is in use by {process}: stop it, share its `Embedded` handle, or use another folder",
        path.display()
    );
    LogError::new(LogErrorKind::InUse, message)
}

/// Records may be private: the folder is for its owner only.
#[cfg(unix)]
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
