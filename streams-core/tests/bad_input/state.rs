//! State folders that are in use, and state that does not match its changelog.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use streams_core::log::Embedded;
use streams_core::runtime::{App, AppError, OnChangelogLoss, Running};
use streams_core::state::{META, StoreBatch, StoreIndex};
use streams_core::testing::KeptState;

use crate::world::{
    COUNTS, InFolders, LINES, committed, delete_before, error_of, log_with_lines, message_of, send_lines, spoil,
    word_count,
};

const CHANGELOG: &str = "words-word-counts-changelog";
/// The metadata key under which the counting task stores its position in the changelog.
const OFFSET: &str = "changelog/word-counts";
const ROWS: StoreIndex = StoreIndex(1);

fn app(state: &KeptState, folder: &Path) -> App {
    App::new("words", word_count()).at_least_once().state_in(InFolders(state.clone())).state_dir(folder)
}

/// The last count of each word.
fn counts(log: &Embedded) -> BTreeMap<String, i64> {
    log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect()
}

fn started(app: App, log: &Embedded) -> Running {
    let running = app.start(log.clone()).unwrap();
    running.wait_until_running().unwrap();
    running
}

#[test]
fn a_state_folder_has_one_application_of_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_with_lines(1, &[]);
    let first = started(app(&KeptState::default(), folder.path()), &log);
    let refused = app(&KeptState::default(), folder.path()).start(log.clone()).err().unwrap().to_string();
    let path = folder.path().join("words").display().to_string();
    for part in [&*path, "is in use by another application in this process", "`state.dir`"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(first.error(), None, "the first one goes on");
    first.close().unwrap();
    started(app(&KeptState::default(), folder.path()), &log).close().unwrap();

    let other = App::new("others", word_count()).state_in(InFolders(KeptState::default())).state_dir(folder.path());
    let (one, two) = (started(app(&KeptState::default(), folder.path()), &log), started(other, &log));
    one.close().unwrap();
    two.close().unwrap();
}

const HOLD: &str = "MILLSTREAM_TEST_STATE_FOLDER";
const THIS_TEST: &str = "state::a_state_folder_is_refused_while_another_process_lives_and_free_when_it_was_killed";

#[test]
fn a_state_folder_is_refused_while_another_process_lives_and_free_when_it_was_killed() {
    // The test starts itself as the other process.
    if let Some(folder) = std::env::var_os(HOLD) {
        let running = started(app(&KeptState::default(), Path::new(&folder)), &log_with_lines(1, &[]));
        println!("\nHOLDING");
        running.wait().unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut other = holder_of(folder.path());
    let log = log_with_lines(1, &["a"]);
    let error = app(&KeptState::default(), folder.path()).start(log.clone()).err();
    let holder = format!("process {}", other.id());
    assert_eq!(error, Some(AppError::StateFolderInUse { path: folder.path().join("words"), holder: holder.clone() }));
    let message = error.unwrap().to_string();
    for part in [&*folder.path().join("words").display().to_string(), &holder, "`state.dir`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(error_of(app(&KeptState::default(), folder.path()), &log), None, "a dead process holds nothing");
}

/// Starts another process that runs the application in that folder.
fn holder_of(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(HOLD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok).any(|line| line == "HOLDING");
    assert!(said, "the other process did not start");
    child
}

#[cfg(unix)]
#[test]
fn links_and_files_in_the_place_of_folders_are_refused() {
    for (place, part) in [("words", "symbolic link"), ("words/1_0", "symbolic link")] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(folder.path().join(place).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(place)).unwrap();
        let message = message_of(app(&KeptState::default(), folder.path()), &log_with_lines(1, &["a"]));
        assert!(message.contains(part) && message.contains(place), "{message}");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "something was written through the link");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("words"), "a file").unwrap();
    let message = message_of(app(&KeptState::default(), folder.path()), &log_with_lines(1, &["a"]));
    assert!(message.contains(&folder.path().join("words").display().to_string()), "{message}");
}

/// An application that has counted `a b a`, with its log and state.
struct Counted {
    state: KeptState,
    folder: tempfile::TempDir,
    log: Embedded,
}

impl Counted {
    fn new() -> Self {
        let counted = Self {
            state: KeptState::default(),
            folder: tempfile::tempdir().unwrap(),
            log: log_with_lines(1, &["a", "b", "a"]),
        };
        let app = counted.app().cache_bytes(0);
        assert_eq!(error_of(app, &counted.log), None);
        assert_eq!(counted.state.get("1_0", META, OFFSET.as_bytes()), Ok(Some(3_i64.to_be_bytes().to_vec())));
        counted
    }

    fn app(&self) -> App {
        app(&self.state, self.folder.path())
    }

    /// The error of the next run, which has one more `a` to count but must count nothing.
    fn refused(&self) -> String {
        let before = counts(&self.log);
        send_lines(&self.log, &["a"]);
        let message = message_of(self.app(), &self.log);
        assert_eq!(counts(&self.log), before, "nothing is counted on bad state: {message}");
        message
    }

    /// The next run, with one more `a` and one more `b` to count, knows only what the changelog's last record says.
    fn rebuilds_what_is_left(&self) {
        send_lines(&self.log, &["a", "b"]);
        let app = self.app().on_changelog_loss(OnChangelogLoss::Rebuild);
        assert_eq!(error_of(app, &self.log), None);
        let expected = [("a".to_owned(), self.lines_of("a")), ("b".to_owned(), 1)];
        assert_eq!(counts(&self.log), expected.into(), "`b` is counted from one");
        assert_eq!(self.state.rows("1_0", ROWS), Ok(2));
    }

    /// How many lines are this word.
    fn lines_of(&self, word: &str) -> i64 {
        self.log.read(&LINES).unwrap().into_iter().filter(|line| line.value == word).map(|_| 1).sum()
    }

    fn task_folder(&self) -> String {
        self.folder.path().join("words").join("1_0").display().to_string()
    }
}

#[test]
fn a_changelog_that_ends_before_the_state_was_written_stops_the_application() {
    let counted = Counted::new();
    spoil(&counted.state, "1_0", META, OFFSET.as_bytes(), &99_i64.to_be_bytes());
    let message = counted.refused();
    let changelog = format!("{CHANGELOG}-0");
    for part in [&*changelog, "store word-counts", "ends at 3", "up to 99", &counted.task_folder(), "restore the topic"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn a_changelog_that_begins_behind_the_state_stops_the_application_unless_it_is_to_go_on_with_what_is_left() {
    let counted = Counted::new();
    // The state has only the first change, and the second is gone: nothing is known of `b`.
    spoil(&counted.state, "1_0", META, OFFSET.as_bytes(), &1_i64.to_be_bytes());
    delete_before(&counted.log, CHANGELOG, 2);
    let message = counted.refused();
    let changelog = format!("{CHANGELOG}-0");
    for part in [&*changelog, "store word-counts", "begins at 2", "from 1 on", &counted.task_folder(), "`rebuild`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    counted.rebuilds_what_is_left();
}

/// Regression: its keys were collected and deleted one by one, so a store of a hundred million rows took memory for all of
/// them.
#[test]
fn a_store_is_emptied_by_one_change_however_many_rows_it_has() {
    let counted = Counted::new();
    let mut rows = StoreBatch::default();
    (0..1_000_u16).for_each(|number| rows.put(ROWS, number.to_be_bytes(), "a row"));
    counted.state.write("1_0", rows).unwrap();
    spoil(&counted.state, "1_0", META, OFFSET.as_bytes(), &1_i64.to_be_bytes());
    delete_before(&counted.log, CHANGELOG, 2);
    counted.rebuilds_what_is_left();
    assert!(counted.state.largest_batch() < 100, "{} changes at once", counted.state.largest_batch());
}

#[test]
fn state_of_a_newer_version_is_refused_with_both_versions_and_what_to_do() {
    for (written, found) in [(&2_u32.to_be_bytes()[..], "format 2"), (b"?", "an unknown format")] {
        let counted = Counted::new();
        spoil(&counted.state, "1_0", META, b"format", written);
        let message = counted.refused();
        for part in ["task 1_0", found, "reads format 1", &counted.task_folder(), "upgrade", "delete"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn damaged_notes_beside_the_stores_are_named() {
    for note in [OFFSET, "time/KSTREAM-AGGREGATE-0000000002"] {
        let counted = Counted::new();
        spoil(&counted.state, "1_0", META, note.as_bytes(), b"???");
        let message = counted.refused();
        for part in ["task 1_0", note, &counted.task_folder(), "3 bytes instead of 8", "delete the state folder"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn a_damaged_row_stops_the_task_and_names_the_store() {
    for row in [&b"short"[..], b"12345678not a number"] {
        let counted = Counted::new();
        spoil(&counted.state, "1_0", ROWS, b"a", row);
        let message = counted.refused();
        for part in
            ["task 1_0", "words-by-word-repartition-0", "store word-counts", "cannot be read", "reset the application"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(committed(&counted.log, "words", "words-by-word-repartition"), Some(3));
    }
}
