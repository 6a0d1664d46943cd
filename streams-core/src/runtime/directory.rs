//! What a process knows about its state: its own id, the topology that created the state, and which task folders are
//! in use. `home.rs` knows where all of it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use super::home::Home;
use crate::random::{self, Random};
use crate::record::{TaskId, Timestamp};
use crate::state::{OpeningStore, StateBackend, Store, StoreError};

/// The names of the texts kept with the tasks' folders.
const PROCESS_ID: &str = "process-id";
const TOPOLOGY: &str = "topology";

/// A disk that damages a task's state more often in one run is not to be trusted with a further one.
const SET_ASIDE_MAX: u32 = 3;

/// One application's state on this machine, held by one process.
pub(crate) struct StateDirectory {
    process_id: String,
    tasks: Arc<Mutex<Tasks>>,
    home: Home,
}

/// What this process knows about its tasks' folders.
#[derive(Default)]
struct Tasks {
    in_use: BTreeSet<TaskId>,
    /// The monotonic time until which each task's state has followed its changelogs in this process.
    followed_until: BTreeMap<TaskId, Duration>,
    /// Tasks whose state is damaged, and since when.
    damaged: BTreeMap<TaskId, Timestamp>,
    /// How often each task's state was moved aside.
    set_aside: BTreeMap<TaskId, u32>,
    /// Stores that were still opening when their tasks were given up.
    abandoned: Vec<(OpeningStore, TaskFolder)>,
}

impl StateDirectory {
    /// The state kept in `home`.
    pub(crate) fn new(home: Home, random: &dyn Random) -> Result<Self, AppError> {
        // Anything that is not an id is replaced.
        let noted = home.noted(PROCESS_ID)?.and_then(|text| uuid::Uuid::parse_str(text.trim()).ok());
        let process_id = match noted {
            Some(id) => id.to_string(),
            None => {
                let id = random::uuid(random).to_string();
                home.note(PROCESS_ID, &id)?;
                id
            }
        };
        Ok(Self { process_id, tasks: Arc::default(), home })
    }

    /// An id for this process that survives restarts as long as the folder exists.
    pub(crate) fn process_id(&self) -> &str {
        &self.process_id
    }

    /// Whether anything outlives the process, its id above all.
    pub(crate) const fn lasts(&self) -> bool {
        !matches!(self.home, Home::Nowhere)
    }

    /// Where the state is, for people.
    pub(crate) fn describe(&self) -> String {
        self.home.describe()
    }

    /// Claims a task's folder; `None` while another worker of this process still has it.
    pub(crate) fn claim(&self, task: TaskId) -> Result<Option<TaskFolder>, AppError> {
        self.close_abandoned();
        if !self.lock().in_use.insert(task) {
            return Ok(None);
        }
        // From here on the claim is released, even if the folder cannot be created.
        let tasks = Arc::clone(&self.tasks);
        let mut claim = TaskFolder { task, path: PathBuf::new(), was_damaged: false, tasks };
        let name = task.to_string();
        let damaged = self.lock().damaged.remove(&task);
        if let Some(at) = damaged {
            claim.was_damaged = self.move_aside(&format!("task {task}"), Path::new(&name), at)?;
        }
        claim.path = self.home.folder(Path::new(&name))?;
        Ok(Some(claim))
    }

    /// Has a task's damaged state moved aside before the task is opened again. Returns whether that is possible.
    pub(crate) fn distrust(&self, task: TaskId, at: Timestamp) -> bool {
        let mut tasks = self.lock();
        let before = tasks.set_aside.entry(task).or_default();
        if !self.home.has_folders() || *before >= SET_ASIDE_MAX {
            return false;
        }
        *before += 1;
        tasks.damaged.insert(task, at);
        true
    }

    /// Moves the damaged state of a global table aside. Returns whether that was possible.
    pub(crate) fn set_global_aside(&self, name: &str, at: Timestamp) -> Result<bool, AppError> {
        self.move_aside(&format!("global table {name}"), &Path::new("global").join(name), at)
    }

    fn move_aside(&self, whose: &str, name: &Path, at: Timestamp) -> Result<bool, AppError> {
        let Some(aside) = self.home.set_aside(name, at)? else { return Ok(false) };
        let megabytes = bytes_in(&aside) >> 20;
        tracing::warn!(folder = %aside.display(), megabytes,
            "the state of {whose} is damaged: it was moved aside, and is built anew from its topics, which may take a while");
        Ok(true)
    }

    /// The text last stored by [`StateDirectory::note_topology`], in this run or an earlier one.
    pub(crate) fn noted_topology(&self) -> Result<Option<String>, AppError> {
        self.home.noted(TOPOLOGY)
    }

    /// Stores a description of the topology that now owns the state.
    pub(crate) fn note_topology(&self, text: &str) -> Result<(), AppError> {
        match self.noted_topology()?.as_deref() == Some(text) {
            true => Ok(()),
            false => self.home.note(TOPOLOGY, text),
        }
    }

    /// Takes over a store that nobody is waiting for any more. Its folder is released once the store has been opened
    /// and closed again.
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
        // Release a folder under the lock, and only after its store is closed.
        for (opened, folder) in done {
            drop(opened);
            drop(folder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of a global table.
    pub(crate) fn global_path(&self, name: &str) -> Result<PathBuf, AppError> {
        // The folder that contains them all is private too.
        self.home.folder(Path::new("global"))?;
        self.home.folder(&Path::new("global").join(name))
    }
}

impl Drop for StateDirectory {
    /// After this another process may lock the folder, and it must not find a store that is still opening.
    fn drop(&mut self) {
        let abandoned = std::mem::take(&mut self.lock().abandoned);
        for (opening, folder) in abandoned {
            drop(opening.wait());
            drop(folder);
        }
    }
}

/// How much a folder holds, as far as it can be read.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// A task's store that is being opened, with its folder.
pub(crate) struct FolderBeingOpened {
    directory: Arc<StateDirectory>,
    parts: Option<(OpeningStore, TaskFolder)>,
}

/// An open store with its folder.
pub(crate) type OpenFolder = (Box<dyn Store>, TaskFolder);

impl FolderBeingOpened {
    /// Starts opening the named stores in a folder.
    pub(crate) fn new(
        directory: &Arc<StateDirectory>,
        backend: &dyn StateBackend,
        folder: TaskFolder,
        stores: &[String],
    ) -> Self {
        let opening = backend.begin_to_open(folder.path(), stores);
        Self { directory: Arc::clone(directory), parts: Some((opening, folder)) }
    }

    /// The store and its folder, as soon as the store is open. They are returned once only.
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

/// A task's folder, released when dropped.
pub(crate) struct TaskFolder {
    task: TaskId,
    path: PathBuf,
    was_damaged: bool,
    tasks: Arc<Mutex<Tasks>>,
}

impl TaskFolder {
    /// Whether it is empty because what was in it is damaged.
    pub(crate) const fn was_damaged(&self) -> bool {
        self.was_damaged
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Records that the task's state has followed its changelogs until `now`, in monotonic time.
    pub(crate) fn followed_until(&self, now: Duration) {
        self.lock().followed_until.insert(self.task, now);
    }

    /// How long the task's state has not followed its changelogs, if this process has had the task before. Unlike the
    /// time stored with the state, it does not depend on a clock that may be adjusted.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Seeded, SystemRandom};
    use crate::record::Partition;
    use crate::state::Memory;
    use crate::testing::KeptState;

    fn directory(backend: &dyn StateBackend) -> StateDirectory {
        let home = Home::of(backend, Path::new("/no/such/folder"), "app").expect("free");
        StateDirectory::new(home, &SystemRandom).expect("a directory")
    }

    #[test]
    fn an_identity_lasts_as_long_as_the_state() {
        let kept = KeptState::default();
        let id = directory(&kept).process_id().to_owned();
        assert_eq!(directory(&kept).process_id(), id);
        assert_ne!(directory(&KeptState::default()).process_id(), id);
        assert_ne!(directory(&Memory).process_id(), directory(&Memory).process_id(), "each run is another process");
        let simulated = [1, 1, 2].map(|seed| {
            StateDirectory::new(Home::Nowhere, &Seeded::new(seed)).expect("a directory").process_id().to_owned()
        });
        assert_eq!((simulated[0] == simulated[1], simulated[0] == simulated[2]), (true, false));
    }

    #[test]
    fn a_damaged_identity_is_replaced() {
        for damage in ["0123", "no identity, and longer than any could ever be"] {
            let kept = KeptState::default();
            Home::of(&kept, Path::new("unused"), "app").expect("free").note(PROCESS_ID, damage).expect("noted");
            let id = directory(&kept).process_id().to_owned();
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
            assert_eq!(directory(&kept).process_id(), id);
        }
    }

    #[test]
    fn a_task_folder_has_one_claim_at_a_time() {
        let directory = directory(&KeptState::default());
        let task = TaskId { subtopology: 0, partition: Partition(3) };
        let claim = directory.claim(task).expect("no error").expect("free");
        assert!(claim.path().ends_with("0_3"));
        assert!(directory.claim(task).expect("no error").is_none());
        drop(claim);
        assert!(directory.claim(task).expect("no error").is_some());
    }

    #[test]
    fn a_topology_that_is_noted_is_there_the_next_time() {
        let kept = KeptState::default();
        let mut noted = Vec::new();
        for text in ["a longer text", "short", "short"] {
            let directory = directory(&kept);
            noted.push(directory.noted_topology().expect("readable"));
            directory.note_topology(text).expect("writable");
        }
        assert_eq!(noted, [None, Some("a longer text".to_owned()), Some("short".to_owned())]);
    }
}
