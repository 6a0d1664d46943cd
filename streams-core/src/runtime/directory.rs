//! The state folder: who may use it, which process this is, which task's folder is in use.
//!
//! `<state.dir>/<application id>/` holds a lock file, the process's id, the fingerprint of the topology that made the
//! state, and a folder per task (`0_3`). The
//! lock is the operating system's: it ends with its process, however that ends, so a stale lock cannot
//! exist. Folders and files are private to the user (modes 0700 and 0600), also those that were there before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use crate::record::TaskId;
use crate::state::{OpeningStore, StateBackend, Store, StoreError};

const LOCK_FILE: &str = ".lock";
const PROCESS_FILE: &str = "process-id";
const TOPOLOGY_FILE: &str = "topology";

/// One application's state on this machine, held by one process.
pub(crate) struct StateDirectory {
    root: Option<PathBuf>,
    process_id: String,
    tasks: Arc<Mutex<Tasks>>,
    /// Held open: the lock lasts as long as the file.
    _lock: Option<File>,
}

/// What this process knows of its tasks' folders.
#[derive(Default)]
struct Tasks {
    in_use: BTreeSet<TaskId>,
    /// Until when each task's state has followed its changelogs in this process, by monotonic time.
    followed_until: BTreeMap<TaskId, Duration>,
    /// Stores that were still being opened when their tasks were given up.
    abandoned: Vec<(OpeningStore, TaskFolder)>,
}

impl StateDirectory {
    /// For state that does not survive the process: no folder, a new identity.
    pub(crate) fn in_memory() -> Self {
        Self { root: None, process_id: new_process_id(), tasks: Arc::default(), _lock: None }
    }

    /// Takes hold of the application's folder, creating it if need be.
    pub(crate) fn open(state_dir: &Path, application_id: &str) -> Result<Self, AppError> {
        let root = state_dir.join(application_id);
        let failed = |error: std::io::Error| AppError::StateFolder { path: root.clone(), reason: error.to_string() };
        create_private(&root).map_err(failed)?;
        let mut lock = open_private(&root.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    id if id == std::process::id().to_string() => "another application in this process".to_owned(),
                    id => format!("process {id}"),
                };
                return Err(AppError::StateFolderInUse { path: root, holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).map_err(failed)?;
        lock.rewind().map_err(failed)?;
        write!(lock, "{}", std::process::id()).map_err(failed)?;
        let process_id = read_or_create_process_id(&root).map_err(failed)?;
        Ok(Self { root: Some(root), process_id, tasks: Arc::default(), _lock: Some(lock) })
    }

    /// A name for this process that survives restarts as long as the folder does.
    pub(crate) fn process_id(&self) -> &str {
        &self.process_id
    }

    /// Takes hold of a task's folder; `None` while another worker of this process still has it.
    pub(crate) fn claim(&self, task: TaskId) -> Result<Option<TaskFolder>, AppError> {
        self.close_abandoned();
        if !self.lock().in_use.insert(task) {
            return Ok(None);
        }
        let claim = TaskFolder { task, path: self.task_path(task), tasks: Arc::clone(&self.tasks) };
        if self.root.is_some() {
            create_private(&claim.path)
                .map_err(|error| AppError::StateFolder { path: claim.path.clone(), reason: error.to_string() })?;
        }
        Ok(Some(claim))
    }

    /// The text that was noted with [`StateDirectory::note_topology`], in this run or an earlier one.
    pub(crate) fn noted_topology(&self) -> Result<Option<String>, AppError> {
        let Some(root) = &self.root else { return Ok(None) };
        let mut text = Vec::new();
        open_private(&root.join(TOPOLOGY_FILE))
            .and_then(|mut file| file.read_to_end(&mut text))
            .map_err(|error| AppError::StateFolder { path: root.clone(), reason: error.to_string() })?;
        // What is no text was not noted here.
        Ok(String::from_utf8(text).ok().filter(|text| !text.is_empty()))
    }

    /// Notes which topology makes the state from now on.
    pub(crate) fn note_topology(&self, text: &str) -> Result<(), AppError> {
        let Some(root) = &self.root else { return Ok(()) };
        if self.noted_topology()?.as_deref() == Some(text) {
            return Ok(());
        }
        let write = |mut file: File| {
            file.set_len(0)?;
            file.write_all(text.as_bytes())
        };
        open_private(&root.join(TOPOLOGY_FILE))
            .and_then(write)
            .map_err(|error| AppError::StateFolder { path: root.clone(), reason: error.to_string() })
    }

    /// Nobody waits for this store any more. Its folder is free when it is open, and closed again.
    fn abandon(&self, opening: OpeningStore, folder: TaskFolder) {
        self.lock().abandoned.push((opening, folder));
    }

    fn close_abandoned(&self) {
        let mut tasks = self.lock();
        let (mut under_way, mut done) = (Vec::new(), Vec::new());
        for (mut opening, folder) in std::mem::take(&mut tasks.abandoned) {
            match opening.poll() {
                Poll::Pending => under_way.push((opening, folder)),
                Poll::Ready(opened) => done.push((opened, folder)),
            }
        }
        tasks.abandoned = under_way;
        drop(tasks);
        // A folder is given back under the lock, and only when its store is closed.
        for (opened, folder) in done {
            drop(opened);
            drop(folder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn task_path(&self, task: TaskId) -> PathBuf {
        self.root.as_ref().map_or_else(PathBuf::new, |root| root.join(task.to_string()))
    }

    /// The folder of the global tables.
    pub(crate) fn global_path(&self) -> Result<PathBuf, AppError> {
        let Some(root) = &self.root else { return Ok(PathBuf::new()) };
        let path = root.join("global");
        create_private(&path)
            .map_err(|error| AppError::StateFolder { path: path.clone(), reason: error.to_string() })?;
        Ok(path)
    }
}

impl Drop for StateDirectory {
    /// Another process may take the folder over from now on: it must not find a store that is being opened.
    fn drop(&mut self) {
        let abandoned = std::mem::take(&mut self.lock().abandoned);
        for (opening, folder) in abandoned {
            drop(opening.wait());
            drop(folder);
        }
    }
}

/// A task's store while it is being opened, with the folder it lies in.
pub(crate) struct FolderBeingOpened {
    directory: Arc<StateDirectory>,
    parts: Option<(OpeningStore, TaskFolder)>,
}

/// An open store, and the folder it lies in.
pub(crate) type OpenFolder = (Box<dyn Store>, TaskFolder);

impl FolderBeingOpened {
    /// Begins to open the stores of that name in a folder.
    pub(crate) fn new(
        directory: &Arc<StateDirectory>,
        backend: &dyn StateBackend,
        folder: TaskFolder,
        stores: &[String],
    ) -> Self {
        let opening = backend.begin_to_open(folder.path(), stores);
        Self { directory: Arc::clone(directory), parts: Some((opening, folder)) }
    }

    /// The store and its folder, once.
    pub(crate) fn poll(&mut self) -> Poll<Result<OpenFolder, StoreError>> {
        let Some((opening, _)) = &mut self.parts else { return Poll::Pending };
        let Poll::Ready(opened) = opening.poll() else { return Poll::Pending };
        match (opened, self.parts.take()) {
            (Ok(store), Some((_, folder))) => Poll::Ready(Ok((store, folder))),
            (Err(error), _) => Poll::Ready(Err(error)),
            (Ok(_), None) => Poll::Pending,
        }
    }
}

impl Drop for FolderBeingOpened {
    fn drop(&mut self) {
        if let Some((opening, folder)) = self.parts.take() {
            self.directory.abandon(opening, folder);
        }
    }
}

/// A task's folder, given back when dropped.
pub(crate) struct TaskFolder {
    task: TaskId,
    path: PathBuf,
    tasks: Arc<Mutex<Tasks>>,
}

impl TaskFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The task's state has followed its changelogs until `now`, by monotonic time.
    pub(crate) fn followed_until(&self, now: Duration) {
        self.lock().followed_until.insert(self.task, now);
    }

    /// For how long the task's state has not followed its changelogs, if this process has had it before. Unlike the
    /// note beside the state, it does not depend on a clock that somebody sets.
    pub(crate) fn idle_for(&self, now: Duration) -> Option<Duration> {
        self.lock().followed_until.get(&self.task).map(|until| now.saturating_sub(*until))
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        self.lock().in_use.remove(&self.task);
    }
}

fn new_process_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn read_or_create_process_id(root: &Path) -> std::io::Result<String> {
    let mut file = open_private(&root.join(PROCESS_FILE))?;
    let mut text = String::new();
    // What is no text is no id either.
    if file.read_to_string(&mut text).is_ok()
        && let Ok(id) = uuid::Uuid::parse_str(text.trim())
    {
        return Ok(id.to_string());
    }
    let id = new_process_id();
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{id}")?;
    Ok(id)
}

/// Creates a folder that only this user can enter; one that is there already is closed to others.
fn create_private(path: &Path) -> std::io::Result<()> {
    refuse_link(path)?;
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    keep_private(&File::open(path)?, 0o700)?;
    Ok(())
}

/// Opens a file that only this user can read, creating it if need be.
fn open_private(path: &Path) -> std::io::Result<File> {
    refuse_link(path)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    keep_private(&file, 0o600)?;
    Ok(file)
}

/// Deleting or writing through a link would reach somewhere else.
fn refuse_link(path: &Path) -> std::io::Result<()> {
    if path.is_symlink() {
        let reason = format!("{} is a symbolic link; state is kept in real folders and files only", path.display());
        return Err(std::io::Error::other(reason));
    }
    Ok(())
}

/// What was made by another version, or by hand, may be open to others.
#[cfg(unix)]
fn keep_private(file: &File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(|error| std::io::Error::new(error.kind(), format!("it cannot be closed to other users: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    #[test]
    fn a_folder_has_one_holder_and_a_lasting_identity() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = StateDirectory::open(folder.path(), "app").expect("free");
        let id = first.process_id().to_owned();
        let refused =
            StateDirectory::open(folder.path(), "app").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("in use by another application in this process"), "{refused}");
        drop(first);
        assert_eq!(StateDirectory::open(folder.path(), "app").expect("free again").process_id(), id);
    }

    #[test]
    fn a_task_folder_has_one_claim_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = StateDirectory::open(folder.path(), "app").expect("free");
        let task = TaskId { subtopology: 0, partition: Partition(3) };
        let claim = directory.claim(task).expect("no error").expect("free");
        assert!(claim.path().ends_with("app/0_3"));
        assert!(directory.claim(task).expect("no error").is_none());
        drop(claim);
        assert!(directory.claim(task).expect("no error").is_some());
    }

    #[test]
    fn what_is_noted_is_there_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut noted = Vec::new();
        for text in ["a longer text", "short", "short"] {
            let directory = StateDirectory::open(folder.path(), "app").expect("free");
            noted.push(directory.noted_topology().expect("readable"));
            directory.note_topology(text).expect("writable");
        }
        assert_eq!(noted, [None, Some("a longer text".to_owned()), Some("short".to_owned())]);
        let in_memory = StateDirectory::in_memory();
        in_memory.note_topology("text").expect("nothing to do");
        assert_eq!(in_memory.noted_topology(), Ok(None));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/", folder.path().join("app")).expect("a link");
        let refused =
            StateDirectory::open(folder.path(), "app").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("symbolic link"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_state() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("app");
        let private = [("", 0o700), (LOCK_FILE, 0o600), (PROCESS_FILE, 0o600), ("0_3", 0o700), ("global", 0o700)];
        let mode = |name| root.join(name).metadata().expect("it is there").permissions().mode() & 0o777;
        let mut ids = Vec::new();
        for round in ["made", "tightened"] {
            let directory = StateDirectory::open(folder.path(), "app").expect("free");
            let _task = directory.claim(TaskId { subtopology: 0, partition: Partition(3) }).expect("no error");
            directory.global_path().expect("a folder");
            ids.push(directory.process_id().to_owned());
            for (name, expected) in private {
                assert_eq!(mode(name), expected, "{round}: {name:?}");
                let wide = std::fs::Permissions::from_mode(expected | 0o055);
                std::fs::set_permissions(root.join(name), wide).expect("ours");
            }
        }
        assert_eq!(ids[0], ids[1]);
    }

    #[test]
    fn a_damaged_identity_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        for damage in [&b""[..], b"0123", b"\xff\xfe not text, and longer than any identity could ever be"] {
            drop(StateDirectory::open(folder.path(), "app").expect("free"));
            let file = folder.path().join("app").join(PROCESS_FILE);
            std::fs::write(&file, damage).expect("writable");
            let id = StateDirectory::open(folder.path(), "app").expect("free").process_id().to_owned();
            assert_eq!(std::fs::read_to_string(&file).expect("text"), id);
        }
    }
}
