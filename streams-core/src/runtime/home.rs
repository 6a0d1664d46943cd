//! Where an application's state lives on this machine, locked against other processes.
//!
//! Usually that is the folder `<state.dir>/<application id>/`, with a lock file, a few files of metadata and a
//! folder per task. Folders and files are private to the user (modes 0700 and 0600), including those that existed before.
//!
//! A backend may instead keep its state in its own [`StatePlace`], or keep none at all. Then nothing is created on
//! disk.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AppError;
use crate::private_folder::{FolderLock, Holder, LockError, create_private, read_private, write_private};
use crate::record::Timestamp;
use crate::state::{StateBackend, StatePlace};

const LOCK_FILE: &str = ".lock";

/// How many damaged folders of one name are kept, for whoever wants to know what has happened.
const DAMAGED_KEPT: usize = 2;

/// Where one application's state lives, locked by this process.
pub(crate) enum Home {
    /// Nothing survives the process.
    Nowhere,
    /// A folder.
    Folder { root: PathBuf, _lock: FolderLock },
    /// The backend's own place.
    Place { place: Arc<dyn StatePlace>, application_id: String, _hold: Box<dyn Send + Sync> },
}

impl Home {
    /// Locks the place where `backend` keeps the application's state.
    pub(crate) fn of(backend: &dyn StateBackend, state_dir: &Path, application_id: &str) -> Result<Self, AppError> {
        if !backend.is_persistent() {
            return Ok(Self::Nowhere);
        }
        let Some(place) = backend.place() else { return Self::in_folder(&state_dir.join(application_id)) };
        match place.hold(application_id) {
            Some(hold) => Ok(Self::Place { place, application_id: application_id.to_owned(), _hold: hold }),
            None => Err(AppError::StateFolderInUse {
                path: PathBuf::from(format!("{}:{application_id}", backend.name())),
                holder: "another application in this process".to_owned(),
            }),
        }
    }

    /// Locks a folder, creating it if needed.
    fn in_folder(root: &Path) -> Result<Self, AppError> {
        let failed = |error| refused(root, &error);
        create_private(root).map_err(failed)?;
        let in_use = |holder| AppError::StateFolderInUse { path: root.to_owned(), holder };
        let lock = FolderLock::hold(root, LOCK_FILE).map_err(|error| match error {
            LockError::InUse(Holder::ThisProcess) => in_use("another application in this process".to_owned()),
            LockError::InUse(holder) => in_use(holder.to_string()),
            LockError::Io(error) => failed(error),
        })?;
        Ok(Self::Folder { root: root.to_owned(), _lock: lock })
    }

    /// The place, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Nowhere => "memory".to_owned(),
            Self::Folder { root, .. } => root.display().to_string(),
            Self::Place { application_id, .. } => format!("the state of {application_id}"),
        }
    }

    /// The text stored under a name, in this run or an earlier one.
    pub(crate) fn noted(&self, name: &str) -> Result<Option<String>, AppError> {
        match self {
            Self::Nowhere => Ok(None),
            Self::Place { place, application_id, .. } => Ok(place.noted(application_id, name)),
            Self::Folder { root, .. } => {
                let text = match read_private(&root.join(name)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                    text => text.map_err(|error| refused(root, &error))?,
                };
                // Anything that is not text was not written here.
                Ok(String::from_utf8(text).ok().filter(|text| !text.is_empty()))
            }
        }
    }

    /// Stores a text under a name.
    pub(crate) fn note(&self, name: &str, text: &str) -> Result<(), AppError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Place { place, application_id, .. } => {
                place.note(application_id, name, text);
                Ok(())
            }
            Self::Folder { root, .. } => {
                write_private(&root.join(name), text.as_bytes()).map_err(|error| refused(root, &error))
            }
        }
    }

    /// Whether damaged folders can be moved aside.
    pub(crate) const fn has_folders(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }

    /// Moves the folder of that name aside, with the time in its new name, and deletes those that were moved aside long
    /// ago. `None` if there is no folder.
    pub(crate) fn set_aside(&self, name: &Path, at: Timestamp) -> Result<Option<PathBuf>, AppError> {
        let Self::Folder { root, .. } = self else { return Ok(None) };
        let path = root.join(name);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name().map(|name| name.to_string_lossy())) else {
            return Ok(None);
        };
        let prefix = format!("{name}.corrupt-");
        let aside = parent.join(format!("{prefix}{}", at.0));
        fs::rename(&path, &aside).map_err(|error| refused(&path, &error))?;
        if let Err(error) = delete_all_but_the_last(parent, &prefix) {
            tracing::warn!(folder = %parent.display(), %error, "folders that were moved aside cannot be deleted");
        }
        Ok(Some(aside))
    }

    /// The folder of that name, created if it is a real one.
    pub(crate) fn folder(&self, name: &Path) -> Result<PathBuf, AppError> {
        match self {
            Self::Nowhere => Ok(PathBuf::new()),
            Self::Place { .. } => Ok(name.to_owned()),
            Self::Folder { root, .. } => {
                let path = root.join(name);
                create_private(&path).map_err(|error| refused(&path, &error))?;
                Ok(path)
            }
        }
    }
}

/// Deletes the folders whose names begin like that, except for a few with the greatest names.
fn delete_all_but_the_last(parent: &Path, prefix: &str) -> std::io::Result<()> {
    let mut damaged = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().starts_with(prefix) {
            damaged.push(entry.path());
        }
    }
    damaged.sort();
    let surplus = damaged.len().saturating_sub(DAMAGED_KEPT);
    damaged.iter().take(surplus).try_for_each(fs::remove_dir_all)
}

fn refused(path: &Path, error: &std::io::Error) -> AppError {
    AppError::StateFolder { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Memory;
    use crate::testing::KeptState;

    fn refusal(home: Result<Home, AppError>) -> String {
        home.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_home_has_one_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("app");
        let first = Home::in_folder(&root).expect("free");
        let refused = refusal(Home::in_folder(&root));
        assert!(refused.contains("in use by another application in this process"), "{refused}");
        drop(first);
        assert!(Home::in_folder(&root).is_ok(), "free again");
    }

    #[test]
    fn a_place_that_is_no_folder_has_one_holder_too_and_leaves_the_disk_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, other) = (KeptState::default(), KeptState::default());
        let home = |kept: &KeptState, id: &str| Home::of(kept, folder.path(), id);
        let first = home(&kept, "app").expect("free");
        let refused = refusal(home(&kept, "app"));
        assert!(refused.contains("in use by another application in this process"), "{refused}");
        assert!(home(&kept, "another-app").is_ok() && home(&other, "app").is_ok());
        assert_eq!(first.folder(Path::new("0_3")), Ok(PathBuf::from("0_3")));
        first.note("note", "text").expect("noted");
        drop(first);
        assert_eq!(home(&kept, "app").expect("free again").noted("note"), Ok(Some("text".to_owned())));
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn what_is_noted_is_there_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("app");
        let mut noted = Vec::new();
        for text in ["a longer text", "short"] {
            let home = Home::in_folder(&root).expect("free");
            noted.push(home.noted("note").expect("readable"));
            home.note("note", text).expect("writable");
        }
        let home = Home::in_folder(&root).expect("free");
        noted.push(home.noted("note").expect("readable"));
        assert_eq!(noted, [None, Some("a longer text".to_owned()), Some("short".to_owned())]);
        std::fs::write(root.join("note"), b"\xff\xfe no text").expect("writable");
        assert_eq!(home.noted("note"), Ok(None));
        let nowhere = Home::of(&Memory, folder.path(), "app").expect("nothing to hold");
        nowhere.note("note", "text").expect("nothing to do");
        assert_eq!(nowhere.noted("note"), Ok(None));
    }

    #[test]
    fn damaged_folders_are_moved_aside_and_the_last_ones_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("app");
        let home = Home::in_folder(&root).expect("free");
        for at in 1..=4 {
            for name in ["0_1", "0_10"] {
                let path = home.folder(Path::new(name)).expect("a folder");
                std::fs::write(path.join("file"), at.to_string()).expect("written");
            }
            let aside = home.set_aside(Path::new("0_1"), Timestamp(1_700_000_000_000 + at)).expect("moved");
            assert_eq!(aside, Some(root.join(format!("0_1.corrupt-170000000000{at}"))));
        }
        let mut left: Vec<_> = std::fs::read_dir(&root)
            .expect("readable")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        left.sort();
        assert_eq!(left, [".lock", "0_1.corrupt-1700000000003", "0_1.corrupt-1700000000004", "0_10"]);
        let newest = std::fs::read_to_string(root.join("0_1.corrupt-1700000000004/file"));
        assert_eq!(newest.expect("readable"), "4");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/", folder.path().join("app")).expect("a link");
        let refused = refusal(Home::in_folder(&folder.path().join("app")));
        assert!(refused.contains("symbolic link"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_state() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("app");
        let private =
            [("", 0o700), (LOCK_FILE, 0o600), ("note", 0o600), ("0_3", 0o700), ("global", 0o700), ("global/x", 0o700)];
        let mode = |name| root.join(name).metadata().expect("it is there").permissions().mode() & 0o777;
        for round in ["made", "tightened"] {
            let home = Home::in_folder(&root).expect("free");
            for name in ["0_3", "global", "global/x"] {
                home.folder(Path::new(name)).expect("a folder");
            }
            home.note("note", "text").expect("writable");
            for (name, expected) in private {
                assert_eq!(mode(name), expected, "{round}: {name:?}");
                let wide = std::fs::Permissions::from_mode(expected | 0o055);
                std::fs::set_permissions(root.join(name), wide).expect("ours");
            }
        }
    }
}
