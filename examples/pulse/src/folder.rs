//! The run's folder, with its log and its state: created at the start, and removed at the end unless it is to be kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The folder to remove if the program must end at once.
static TO_REMOVE: OnceLock<PathBuf> = OnceLock::new();

/// The run's folder. Dropping it removes it.
pub struct Folder(TempDir);

impl Folder {
    /// Creates a folder in `parent`, which is created if necessary, or in the folder for temporary files.
    pub fn new(parent: Option<&Path>, keep: bool) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("pulse-").disable_cleanup(keep);
        let folder = match parent {
            Some(parent) => {
                std::fs::create_dir_all(parent)?;
                builder.tempdir_in(parent)?
            }
            None => builder.tempdir()?,
        };
        if !keep {
            let _ = TO_REMOVE.set(folder.path().to_owned());
        }
        Ok(Self(folder))
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes the run's folder as far as that is possible while the run still uses it.
pub fn remove_at_once() {
    if let Some(path) = TO_REMOVE.get() {
        let _ = std::fs::remove_dir_all(path);
    }
}
