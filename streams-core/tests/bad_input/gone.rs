//! Topics that are deleted while an application is running, or created again while it is not.

use std::path::Path;
use std::time::{Duration, Instant};

use streams_core::log::Embedded;
use streams_core::runtime::{App, Guarantee, Running, Settings};
use streams_core::state::{KeyValueStore, META};
use streams_core::testing::KeptState;
use streams_core::topic::Topic;
use streams_core::topology::Topology;

use crate::world::{
    COUNTS, InFolders, LINES, admin, create_topic_with, delete_before, delete_topic, error_of, log_with_lines,
    message_of, send_lines, spoil, topics, topology, word_count,
};

/// Waits until `done`, for as long as the slowest machine may need.
fn wait_until(running: &Running, what: &str, done: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < patience, "{what}: {:?}, {:?}", running.state(), running.tasks());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn started(log: &Embedded, guarantee: Guarantee) -> Running {
    let commit_interval = Some(Duration::from_millis(50));
    let settings = Settings { guarantee: Some(guarantee), commit_interval, cache_bytes: 0, ..Settings::default() };
    let running = App::new("words", word_count()).settings(settings).start(log.clone()).unwrap();
    wait_until(&running, "the first words are counted", || log.read(&COUNTS).is_ok_and(|counts| counts.len() == 2));
    running
}

#[test]
fn a_topic_that_is_deleted_while_the_application_runs_stops_it_and_is_named() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        for gone in ["lines", "words-by-word-repartition", "words-word-counts-changelog", "counts"] {
            let log = log_with_lines(1, &["a", "b"]);
            let running = started(&log, guarantee);
            delete_topic(&log, gone);
            if gone != LINES.name() {
                send_lines(&log, &["a"]);
            }
            wait_until(&running, gone, || running.state().is_final());
            let message = running.wait().expect_err(gone).to_string();
            for part in [gone, "somebody has deleted it", "restore it", "reset the application"] {
                assert!(message.contains(part), "{part}, {guarantee:?}: {message}");
            }
            assert!(!topics(&log).iter().any(|topic| topic == gone), "{gone} was created again");
        }
    }
}

/// Creates the topic with that name again, with as many partitions as before but none of its records.
fn create_again(log: &Embedded, name: &str) -> (String, String) {
    let before = id_of(log, name);
    delete_topic(log, name);
    let policy = if name.ends_with("-changelog") { "compact" } else { "delete" };
    create_topic_with(log, name, 1, &[("cleanup.policy", policy)]);
    (before, id_of(log, name))
}

fn id_of(log: &Embedded, name: &str) -> String {
    admin(log).topics(Some(vec![name.to_owned()])).wait().unwrap().unwrap().remove(0).id
}

/// Offsets recorded for the old topic mean nothing in the new one, even where they exist.
#[test]
fn a_topic_that_was_created_again_between_runs_is_refused_with_both_ids() {
    for (topic, task) in
        [("lines", "0_0"), ("words-by-word-repartition", "1_0"), ("words-word-counts-changelog", "1_0")]
    {
        let (log, state, folder) = (log_with_lines(1, &["a", "b"]), KeptState::default(), tempfile::tempdir().unwrap());
        let app = || App::new("words", word_count()).state_in(InFolders(state.clone())).state_dir(folder.path());
        assert_eq!(error_of(app(), &log), None);
        let (before, now) = create_again(&log, topic);
        if topic == LINES.name() {
            send_lines(&log, &["a", "b", "c", "d"]);
        }
        let counted = log.read(&COUNTS).unwrap();
        let message = message_of(app(), &log);
        let task_folder = folder.path().join("words").join(task).display().to_string();
        for part in [topic, &before, &now, &task_folder, "was deleted and created again", "restore"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(log.read(&COUNTS).unwrap(), counted, "nothing is counted");
    }
}

const SITES: Topic<String, String> = Topic::new("sites");
const OUT: Topic<String, String> = Topic::new("out");

/// Looks up each line in a global table of sites.
fn known_sites() -> Topology {
    topology(|builder| {
        let sites = builder.global_table(SITES).stored_as(KeyValueStore::new("sites"));
        builder.stream(LINES).join_global(sites, |_, line| line.clone(), |_, site| site).to(OUT);
    })
}

/// The output of a run that must look up `a` and `b` once more.
fn look_up(log: &Embedded, state: &KeptState, folder: &Path) -> Result<Vec<String>, String> {
    let seen = log.read(&OUT).map_or(0, |records| records.len());
    send_lines(log, &["a", "b"]);
    let app = App::new("sites", known_sites()).state_in(InFolders(state.clone())).state_dir(folder);
    app.run_until_idle(log.clone()).map_err(|error| error.to_string())?;
    Ok(log.read(&OUT).unwrap().split_off(seen).into_iter().map(|record| record.value).collect())
}

/// What happens to topic and state between two runs, and the result or error of the second run.
type SpoilCase = (fn(&Embedded, &KeptState), Result<&'static [&'static str], &'static [&'static str]>);

#[test]
fn a_global_tables_state_follows_the_same_rules_as_any_other() {
    let cases: [SpoilCase; 5] = [
        (|_, _| {}, Ok(&["A", "B"])),
        (|log, _| _ = create_again(log, "sites"), Err(&["topic sites was deleted and created again", "global"])),
        (
            |_, state| spoil(state, "sites", META, b"position/sites-0", &9_i64.to_be_bytes()),
            Err(&["sites-0 ends at 2", "up to 9", "global", "delete the state folder"]),
        ),
        (
            |_, state| spoil(state, "sites", META, b"format", &2_u32.to_be_bytes()),
            Err(&["format 2", "global", "upgrade"]),
        ),
        (
            |log, state| {
                spoil(state, "sites", META, b"position/sites-0", &0_i64.to_be_bytes());
                delete_before(log, "sites", 1);
            },
            Ok(&["B"]),
        ),
    ];
    for (number, (spoil, expected)) in cases.into_iter().enumerate() {
        let (log, state, folder) = (log_with_lines(1, &[]), KeptState::default(), tempfile::tempdir().unwrap());
        for (site, name) in [("a", "A"), ("b", "B")] {
            log.send(&SITES, site, name).unwrap();
        }
        assert_eq!(look_up(&log, &state, folder.path()), Ok(vec!["A".to_owned(), "B".to_owned()]));
        spoil(&log, &state);
        match (look_up(&log, &state, folder.path()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "case {number}"),
            (Err(message), Err(parts)) => {
                parts.iter().for_each(|part| assert!(message.contains(part), "case {number}: {part}: {message}"));
            }
            (found, expected) => panic!("case {number}: {found:?} instead of {expected:?}"),
        }
    }
}
