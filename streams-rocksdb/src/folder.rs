//! A task's folder: which process holds it, and in which format it was written.
//!
//! ```text
//! <folder>/.lock     locked by the process that has the folder open; contains its process id
//! <folder>/format    `millstream-rocksdb 1`
//! <folder>/db/       RocksDB's files
//! ```
//!
//! Nobody else can enter the folder, nor that of RocksDB, which makes its files with whatever rights the process gives new
//! files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use streams_core::private_folder::{FolderLock, Holder, LockError, create_private, read_private, write_private};
use streams_core::state::{StoreError, StoreErrorKind};

use crate::error::{advice, io_error, path_error};

const LOCK: &str = ".lock";
const FORMAT: &str = "format";
/// What an interrupted first opening may leave.
const FORMAT_NEW: &str = "format.new";
const DATABASE: &str = "db";

const FORMAT_NAME: &str = "millstream-rocksdb";
const FORMAT_VERSION: u32 = 1;

/// A folder that this process holds until the value is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: FolderLock,
}

impl Folder {
    /// Locks the folder for this process and checks that this version can read its contents.
    pub(crate) fn claim(path: &Path) -> Result<Self, StoreError> {
        let io = |what: &'static str| move |error: io::Error| io_error(path, what, &error);
        // The caller has created the folder, so a missing one is a mistake.
        fs::metadata(path).and_then(|_| create_private(path)).map_err(io("cannot be made private"))?;
        let lock = lock(path)?;
        check_format(path)?;
        let database = path.join(DATABASE);
        match fs::symlink_metadata(&database) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                let message =
                    format!("`{DATABASE}` is not a folder but a link or a file{}", advice(StoreErrorKind::Format));
                return Err(path_error(StoreErrorKind::Format, path, &message));
            }
            Err(_) => fs::create_dir(&database).map_err(io("cannot be written to"))?,
        }
        create_private(&database).map_err(io("cannot be made private"))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder's path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of RocksDB's files.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Whether there is a database to open. Data without RocksDB's entry point is damaged: opening it would silently
    /// create an empty database.
    pub(crate) fn has_database(&self) -> Result<bool, StoreError> {
        let database = self.database();
        if database.join("CURRENT").exists() {
            return Ok(true);
        }
        let entries = fs::read_dir(&database).map_err(|error| io_error(&self.path, "cannot be read", &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| io_error(&self.path, "cannot be read", &error))?;
            let name = entry.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "sst" || extension == "log") {
                let message = format!("the file `{DATABASE}/CURRENT` is gone{}", advice(StoreErrorKind::Corrupt));
                return Err(path_error(StoreErrorKind::Corrupt, &self.path, &message));
            }
        }
        Ok(false)
    }
}

fn lock(path: &Path) -> Result<FolderLock, StoreError> {
    FolderLock::hold(path, LOCK).map_err(|error| match error {
        LockError::InUse(Holder::ThisProcess) => {
            let message = "this process already has it open; two applications in one process need two state folders";
            path_error(StoreErrorKind::InUse, path, message)
        }
        LockError::InUse(holder) => {
            let message = format!("{holder} has it open; stop that process, or choose another state folder");
            path_error(StoreErrorKind::InUse, path, &message)
        }
        LockError::Io(error) => io_error(path, "cannot be locked", &error),
    })
}

fn check_format(path: &Path) -> Result<(), StoreError> {
    let refuse = |what: String| {
        let message = format!("{what}{}", advice(StoreErrorKind::Format));
        Err(path_error(StoreErrorKind::Format, path, &message))
    };
    match read_private(&path.join(FORMAT)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let version = text.trim_end().strip_prefix(FORMAT_NAME).and_then(|rest| rest.trim().parse::<u32>().ok());
            match version {
                Some(FORMAT_VERSION) => Ok(()),
                Some(other) => {
                    refuse(format!("written in format {other}, but this version reads only format {FORMAT_VERSION}"))
                }
                None => refuse(format!("the file `{FORMAT}` does not start with `{FORMAT_NAME}`")),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let io = |error: io::Error| io_error(path, "cannot be written to", &error);
            if let Some(foreign) = foreign_entry(path).map_err(io)? {
                return refuse(format!("it contains `{foreign}`, which was not written by {FORMAT_NAME}"));
            }
            write_private(&path.join(FORMAT), format!("{FORMAT_NAME} {FORMAT_VERSION}\n").as_bytes()).map_err(io)
        }
        Err(error) => Err(io_error(path, "cannot be read", &error)),
    }
}

/// An entry in the folder that does not come from an interrupted first opening, if there is one.
fn foreign_entry(path: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != LOCK && name != FORMAT_NEW {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
