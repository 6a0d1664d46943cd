//! Folders that only one user can enter and that are locked for one process at a time.
//!
//! The state folder, the embedded log and every task's database are in such folders. The operating system releases the
//! lock when the process ends, however it ends, so there are no stale locks. The locked file contains the process id,
//! for people to read.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

/// More characters than a process id has.
const ID_LENGTH_MAX: u64 = 20;

/// A lock on a folder, released when it is dropped.
///
/// ```
/// use millstream::private_folder::{FolderLock, Holder, LockError};
///
/// let folder = tempfile::tempdir()?;
/// let lock = FolderLock::hold(folder.path(), ".lock")?;
/// let again = FolderLock::hold(folder.path(), ".lock");
/// assert!(matches!(again, Err(LockError::InUse(Holder::ThisProcess))));
/// drop(lock);
/// FolderLock::hold(folder.path(), ".lock")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FolderLock {
    /// Locked for as long as it is open.
    _file: File,
}

/// Who has locked a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Another part of this process.
    ThisProcess,
    /// The process with that id.
    Process(String),
    /// A process that has not written its id yet.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProcess => f.write_str("this process"),
            Self::Process(id) => write!(f, "process {id}"),
            Self::Unknown => f.write_str("another process"),
        }
    }
}

/// Why a folder cannot be locked.
#[derive(thiserror::Error)]
pub enum LockError {
    /// Somebody else has locked it.
    #[error("{0} has it open")]
    InUse(Holder),
    /// The file system refused an operation.
    #[error(transparent)]
    Io(#[from] io::Error),
}

crate::debug_says_what_display_says!(LockError);

impl FolderLock {
    /// Locks a file with that name in an existing folder.
    ///
    /// # Errors
    /// When somebody else has locked the file, or it cannot be opened or locked.
    pub fn hold(folder: &Path, file_name: &str) -> Result<Self, LockError> {
        let mut file = open_private(&folder.join(file_name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::InUse(holder(&file))),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &File) -> Holder {
    let mut text = String::new();
    // If reading fails, the holder is unknown.
    let _ = file.take(ID_LENGTH_MAX).read_to_string(&mut text);
    match text.trim() {
        "" => Holder::Unknown,
        id if id == std::process::id().to_string() => Holder::ThisProcess,
        id => Holder::Process(id.to_owned()),
    }
}

/// Creates a folder that only this user can enter. An existing folder is closed to other users.
///
/// # Errors
/// When the folder is a symbolic link, cannot be created or cannot be closed to other users, or when its path starts
/// with a `~` that no shell has expanded.
pub fn create_private(path: &Path) -> io::Result<()> {
    refuse_tilde(path)?;
    refuse_link(path)?;
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // Not through a link that has taken the folder's place since.
    #[cfg(unix)]
    keep_private(&open_no_link(OpenOptions::new().read(true), path)?, 0o700)?;
    Ok(())
}

/// Opens a file that only this user can read, and creates it if necessary. An existing file is closed to other users.
///
/// # Errors
/// When the file is a symbolic link, cannot be opened, or cannot be closed to other users.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = open_no_link(&mut options, path)?;
    #[cfg(unix)]
    keep_private(&file, 0o600)?;
    Ok(file)
}

/// Reads a whole file.
///
/// # Errors
/// When the file is a symbolic link, does not exist, or cannot be read.
pub fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_no_link(OpenOptions::new().read(true), path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a whole file that only this user can read, in the place of one that may be there. It is atomic, even if the
/// machine loses its power: the file has its old contents or the new ones.
///
/// # Errors
/// When the file cannot be written.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let mut file = open_private(new)?;
    file.set_len(0)?;
    file.write_all(contents)?;
    file.sync_all()?;
    // A link in the file's place is replaced and not followed.
    std::fs::rename(new, path)
}

/// Opens what is there itself. A link is refused by the system, so nothing can come in between.
fn open_no_link(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    refuse_link(path)?;
    #[cfg(unix)]
    {
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, no_link.cast_signed());
    }
    options.open(path)
}

/// No shell expands a setting, so the folder would be created in the working folder under the name `~`.
fn refuse_tilde(path: &Path) -> io::Result<()> {
    let first = path.components().next();
    if first.is_some_and(|first| first.as_os_str().as_encoded_bytes().starts_with(b"~")) {
        let reason = format!(
            "only a shell expands `~` to your home folder; write the whole path, or `./{}` if the folder has that name",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(())
}

/// Deleting or writing through a link would affect some other place.
fn refuse_link(path: &Path) -> io::Result<()> {
    if path.is_symlink() {
        let reason = format!("{} is a symbolic link; only real folders and files are used", path.display());
        return Err(io::Error::other(reason));
    }
    Ok(())
}

/// Another version, or a person, may have left the file open to other users.
#[cfg(unix)]
fn keep_private(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(|error| io::Error::new(error.kind(), format!("it cannot be closed to other users: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: a folder with the name `~` was created in the working folder.
    #[test]
    fn a_tilde_that_no_shell_has_expanded_is_refused() {
        for path in ["~", "~/state", "~ada/state"] {
            let error = create_private(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains("write the whole path"), "{error}");
            assert!(!Path::new(path).exists());
        }
        let folder = tempfile::tempdir().expect("a folder");
        create_private(&folder.path().join("~")).expect("it is meant");
        assert!(folder.path().join("~").exists());
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed_and_what_it_leads_to_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        std::fs::write(&target, "precious").expect("written");
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).expect("ours");
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        let errors = [open_private(&link).map(drop), read_private(&link).map(drop), create_private(&link)];
        for error in errors.map(|result| result.expect_err("it is a link").to_string()) {
            assert!(error.contains("is a symbolic link; only real folders and files are used"), "{error}");
        }
        // What the check before it does not see, because a link takes a file's place in between, the system does.
        let mut options = OpenOptions::new();
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), no_link);
        assert!(options.open(&link).is_err());
        write_private(&link, b"new").expect("written");
        assert_eq!(read_private(&link).expect("a file by now"), b"new");
        let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!((std::fs::read(&target).expect("untouched"), mode(&target)), (b"precious".to_vec(), 0o644));
        assert_eq!(mode(&link), 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left");
    }
}
