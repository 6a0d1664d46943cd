//! Changelogs that have lost what their stores need, and `on.changelog.loss`: the same whether state is in memory, on a
//! disk, or on the disk of a machine that is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use streams_core::log::Embedded;
use streams_core::runtime::{App, AppError, ChangelogLoss, Guarantee, OnChangelogLoss, Running};
use streams_core::testing::KeptState;

use crate::world::{
    COUNTS, InFolders, admin, create_topic_with, delete_before, delete_topic, error_of, log_with_lines, message_of,
    send_lines, topics, word_count,
};

const CHANGELOG: &str = "words-word-counts-changelog";

/// Where the state is at the second start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Memory,
    /// Where it was left.
    Disk,
    /// On a machine that never had it.
    NewDisk,
}

const PLACES: [Place; 3] = [Place::Memory, Place::Disk, Place::NewDisk];
const GUARANTEES: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

/// An application that has counted `a b a`, and its places.
struct Counted {
    log: Embedded,
    guarantee: Guarantee,
    place: Place,
    state: KeptState,
    folder: tempfile::TempDir,
}

impl Counted {
    fn new(place: Place, guarantee: Guarantee) -> Self {
        let (state, folder) = (KeptState::default(), tempfile::tempdir().unwrap());
        let mut counted = Self { log: log_with_lines(1, &["a", "b", "a"]), guarantee, place, state, folder };
        assert_eq!(error_of(counted.app(), &counted.log), None);
        if place == Place::NewDisk {
            counted.state = KeptState::default();
            counted.folder = tempfile::tempdir().unwrap();
        }
        send_lines(&counted.log, &["a"]);
        counted
    }

    fn app(&self) -> App {
        let app = App::new("words", word_count()).cache_bytes(0).commit_interval(Duration::from_millis(50));
        let app = match self.guarantee {
            Guarantee::AtLeastOnce => app.at_least_once(),
            Guarantee::ExactlyOnce => app.exactly_once(),
        };
        match self.place {
            Place::Memory => app,
            Place::Disk | Place::NewDisk => app.state_in(InFolders(self.state.clone())).state_dir(self.folder.path()),
        }
    }

    /// The error of the next run, which must count nothing.
    fn loss(&self) -> ChangelogLoss {
        let before = counts(&self.log);
        let error = error_of(self.app(), &self.log).unwrap_or_else(|| panic!("{:?} goes on", self.place));
        let message = error.to_string();
        for part in [&*format!("{CHANGELOG}-0"), "store word-counts", "`on.changelog.loss`", "`rebuild`", "`fail`"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(counts(&self.log), before, "{:?}: nothing is counted: {message}", self.place);
        let AppError::ChangelogLost { loss, .. } = error else { panic!("{error}") };
        *loss
    }

    /// The last counts after the next run, which rebuilds what is lost, and whether that was counted.
    fn rebuilt(&self) -> (BTreeMap<String, i64>, u64) {
        let running = self.app().on_changelog_loss(OnChangelogLoss::Rebuild).start(self.log.clone()).unwrap();
        wait_for_counts(&running, 4);
        let lost = running.tasks().values().filter_map(|task| task.rebuilt.get("changelog_loss")).sum();
        running.close().unwrap();
        send_lines(&self.log, &["b"]);
        assert_eq!(error_of(self.app(), &self.log), None, "{:?}: from then on nothing is missing", self.place);
        (counts(&self.log), lost)
    }
}

/// Waits until the counting task has processed that many words in all.
fn wait_for_counts(running: &Running, position: i64) {
    let patience = Instant::now() + Duration::from_secs(120);
    let at = || running.tasks().values().flat_map(|task| task.positions.clone()).collect::<BTreeMap<_, _>>();
    let is_there = || {
        at().iter().any(|(partition, at)| partition.topic.ends_with("-repartition") && at.0 >= position)
            && running.tasks().values().all(|task| task.uncommitted == 0)
    };
    while !is_there() {
        assert!(Instant::now() < patience, "still at {:?}", at());
        assert_eq!(running.error(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last count of each word.
fn counts(log: &Embedded) -> BTreeMap<String, i64> {
    log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect()
}

fn id_of(log: &Embedded, name: &str) -> String {
    admin(log).topics(Some(vec![name.to_owned()])).wait().unwrap().unwrap().remove(0).id
}

fn of(counts: [(&str, i64); 2]) -> BTreeMap<String, i64> {
    counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

/// Regression: only state on a disk that was still there knew its topics' ids. Anywhere else, the application went on with
/// empty stores and counted from one.
#[test]
fn a_changelog_that_was_created_again_is_an_error_or_rebuilt_wherever_the_state_is() {
    for (place, guarantee) in PLACES.into_iter().flat_map(|place| GUARANTEES.map(|guarantee| (place, guarantee))) {
        let counted = Counted::new(place, guarantee);
        let noted = id_of(&counted.log, CHANGELOG);
        delete_topic(&counted.log, CHANGELOG);
        create_topic_with(&counted.log, CHANGELOG, 1, &[("cleanup.policy", "compact")]);
        let found = id_of(&counted.log, CHANGELOG);
        assert_eq!(counted.loss(), ChangelogLoss::CreatedAgain { noted, found });
        assert_eq!(counted.rebuilt(), (of([("a", 1), ("b", 1)]), 1), "{place:?}, {guarantee:?}");
    }
}

/// Regression: where state was in memory, a changelog that had lost its first records was read from what was left, and the
/// keys in them were counted from one; where it was on a disk, the same with a warning.
#[test]
fn a_compacted_changelog_without_its_head_is_an_error_or_rebuilt_wherever_the_state_is() {
    for (place, guarantee) in
        [Place::Memory, Place::NewDisk].into_iter().flat_map(|place| GUARANTEES.map(|guarantee| (place, guarantee)))
    {
        let counted = Counted::new(place, guarantee);
        delete_before(&counted.log, CHANGELOG, 2);
        assert_eq!(counted.loss(), ChangelogLoss::HeadGone { start: 2, needed: 0 });
        // The third record, `a 2`, is left.
        assert_eq!(counted.rebuilt(), (of([("a", 3), ("b", 1)]), 1), "{place:?}, {guarantee:?}");
    }
    // Whoever has followed it does not need it.
    let counted = Counted::new(Place::Disk, Guarantee::AtLeastOnce);
    delete_before(&counted.log, CHANGELOG, 2);
    assert_eq!(counted.rebuilt(), (of([("a", 3), ("b", 2)]), 0));
}

#[test]
fn a_changelog_that_is_gone_is_created_again_only_if_the_application_says_so() {
    for (place, guarantee) in PLACES.into_iter().flat_map(|place| GUARANTEES.map(|guarantee| (place, guarantee))) {
        let counted = Counted::new(place, guarantee);
        delete_topic(&counted.log, CHANGELOG);
        let message = message_of(counted.app(), &counted.log);
        for part in [CHANGELOG, "is gone", "`on.changelog.loss` to `rebuild`", "the default is `fail`"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(counted.rebuilt(), (of([("a", 1), ("b", 1)]), 1), "{place:?}, {guarantee:?}");
    }
    // Records on their way between tasks cannot be rebuilt from anything.
    let counted = Counted::new(Place::Memory, Guarantee::AtLeastOnce);
    delete_topic(&counted.log, "words-by-word-repartition");
    let app = counted.app().on_changelog_loss(OnChangelogLoss::Rebuild);
    let topic = "words-by-word-repartition".to_owned();
    assert_eq!(error_of(app, &counted.log), Some(AppError::InternalTopicGone { topic: topic.clone() }));
    assert!(!topics(&counted.log).contains(&topic));
}
