//! Topologies that changed between two runs, and with them the names of internal topics.

use streams_core::dsl::StreamsBuilder;
use streams_core::log::Embedded;
use streams_core::runtime::{App, AppError};
use streams_core::state::KeyValueStore;
use streams_core::testing::KeptState;
use streams_core::topic::Topic;
use streams_core::topology::Topology;

use crate::world::{COUNTS, InFolders, LINES, error_of, log_with_lines, send_lines, topics, topology};

/// Counts lines under themselves, with as many operators before the count as are asked for. `name` is that of the
/// store; `group` that of the repartition topic.
fn counted(operators: u32, name: Option<&'static str>, group: Option<&'static str>) -> Topology {
    topology(|builder: &StreamsBuilder| {
        let lines = (0..operators).fold(builder.stream(LINES), |lines, _| lines.filter(|_, line| !line.is_empty()));
        let group_of = |name: Option<&'static str>| {
            let lines = lines.group_by(|_, line| line.clone());
            name.map_or(lines, |name| lines.named(name))
        };
        let counts = group_of(group).count();
        let counts = match name {
            Some(name) => counts.stored_as(KeyValueStore::new(name)),
            None => counts,
        };
        counts.to_stream().to(COUNTS);
    })
}

/// The result of two runs of one application with these topologies; the second one gets another line.
fn run(first: Topology, second: App, with_state: impl Fn(App) -> App) -> (Embedded, Option<AppError>) {
    let log = log_with_lines(1, &["to", "be", "to"]);
    assert_eq!(error_of(with_state(App::new("words", first)), &log), None);
    send_lines(&log, &["to"]);
    let error = error_of(with_state(second), &log);
    (log, error)
}

fn last_count(log: &Embedded) -> (String, i64) {
    log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).next_back().unwrap()
}

const OLD: &str = "KSTREAM-AGGREGATE-STATE-STORE-0000000002";
const NEW: &str = "KSTREAM-AGGREGATE-STATE-STORE-0000000003";

/// It said that the new topic was gone, although there had never been one of that name.
#[test]
fn generated_names_that_changed_are_named_with_what_to_do() {
    for kept in [false, true] {
        let (state, folder) = (KeptState::default(), tempfile::tempdir().unwrap());
        let with_state = |app: App| match kept {
            true => app.state_in(InFolders(state.clone())).state_dir(folder.path()),
            false => app,
        };
        let second = App::new("words", counted(1, None, None));
        let (log, error) = run(counted(0, None, None), second, with_state);
        let expected = format!(
            "internal topics have other generated names than when the application last ran, because operators were \
             added or removed before them, or they were given names: words-{OLD}-changelog is now called words-{NEW}-changelog, \
             words-{OLD}-repartition is now called words-{NEW}-repartition; what is in the old topics would be lost. To \
             keep it, give the operators the names they had, with `.stored_as(..)` or `.named(..)`: `{OLD}`; or go back \
             to the old topology; or set `internal.topics.create` to `always` for one start, to begin with empty topics"
        );
        assert_eq!(error.map(|error| error.to_string()), Some(expected), "kept: {kept}");
        assert!(!topics(&log).iter().any(|topic| topic.contains(NEW)), "nothing was created");
        assert_eq!(last_count(&log), ("to".to_owned(), 2), "nothing was counted from zero");
    }
}

/// What the sentence advises.
#[test]
fn each_way_out_of_changed_names_works() {
    let as_it_is = |app: App| app;
    for (second, expected) in [
        (App::new("words", counted(1, Some(OLD), Some(OLD))), 3),
        (App::new("words", counted(0, None, None)), 3),
        (App::new("words", counted(1, None, None)).create_new_internal_topics(), 1),
    ] {
        let (log, error) = run(counted(0, None, None), second, as_it_is);
        assert_eq!((error, last_count(&log)), (None, ("to".to_owned(), expected)));
    }
}

#[test]
fn given_names_stay_when_operators_are_added_and_a_given_name_that_changed_is_no_generated_one() {
    let named = |operators, name| counted(operators, Some(name), Some("by-line"));
    let (log, error) = run(named(0, "counts"), App::new("words", named(2, "counts")), |app| app);
    assert_eq!((error, last_count(&log)), (None, ("to".to_owned(), 3)));
    let (_, error) = run(named(0, "counts"), App::new("words", named(0, "totals")), |app| app);
    assert_eq!(error, Some(AppError::InternalTopicGone { topic: "words-totals-changelog".to_owned() }));
}

/// Where the state says what there was before, nothing can be lost by a store that is added; but one that takes another's
/// place might be that other one.
#[test]
fn a_store_that_is_added_to_kept_state_needs_no_setting_and_one_that_takes_anothers_place_does() {
    let with = |names: &[&'static str]| {
        topology(|builder: &StreamsBuilder| {
            for name in names {
                let lines = builder.stream(LINES).group_by(|_, line| line.clone()).named(format!("by-{name}"));
                lines.count().stored_as(KeyValueStore::new(name)).to_stream().to(COUNTS);
            }
        })
    };
    for (before, now, gone) in [
        (&["a"][..], &["a", "b"][..], None),
        (&["a"], &["b"], Some("words-by-b-repartition")),
        (&["a", "b"], &["a", "c"], Some("words-by-c-repartition")),
    ] {
        let (state, folder) = (KeptState::default(), tempfile::tempdir().unwrap());
        let with_state = |app: App| app.state_in(InFolders(state.clone())).state_dir(folder.path());
        let (log, error) = run(with(before), App::new("words", with(now)), with_state);
        match gone {
            Some(topic) => {
                let expected = Some(AppError::InternalTopicGone { topic: topic.to_owned() });
                assert_eq!(error, expected, "{before:?}, then {now:?}");
            }
            None => {
                assert_eq!(error, None, "{before:?}, then {now:?}");
                let last = log.read(&COUNTS).unwrap().into_iter().map(|record| record.value).collect::<Vec<_>>();
                assert_eq!(last.iter().filter(|count| **count == 3).count(), 1, "the old one counts on: {last:?}");
                assert!(last.ends_with(&[3, 1]) || last.ends_with(&[1, 3]), "the new one begins: {last:?}");
            }
        }
    }
}

/// Regression: naming a store that had a generated name was answered with "is gone", and with advice to restore it.
#[test]
fn a_store_that_is_given_a_name_is_told_of_with_the_name_it_had() {
    let second = App::new("words", counted(0, Some("counts"), None));
    let (_, error) = run(counted(0, None, None), second, |app| app);
    let error = error.expect("an error").to_string();
    assert!(error.contains(&format!("words-{OLD}-changelog is now called words-counts-changelog")), "{error}");
    assert!(
        error.contains(&format!(
            "give the operators the names they had, with `.stored_as(..)` or `.named(..)`: `{OLD}`"
        )),
        "{error}"
    );
}

/// Regression: each of the two counts went on with the other's rows, and nobody was told.
#[test]
fn generated_names_that_have_changed_places_are_an_error_that_says_which_was_which() {
    let counted = |ends: [&'static str; 2], names: [Option<&'static str>; 2]| {
        topology(|builder: &StreamsBuilder| {
            for (end, name) in ends.into_iter().zip(names) {
                let lines = builder.stream(Topic::<String, String>::new(end)).group_by_key().count();
                let counts = match name {
                    Some(name) => lines.stored_as(KeyValueStore::new(name)),
                    None => lines,
                };
                counts.to_stream().to(COUNTS);
            }
        })
    };
    let (log, state, folder) = (Embedded::in_memory(), KeptState::default(), tempfile::tempdir().unwrap());
    let send = |number: usize| {
        for end in ["a", "b", "b"] {
            log.send(&Topic::<String, String>::new(end), end, number.to_string()).unwrap();
        }
    };
    let run = |topology: Topology| {
        let app = App::new("ends", topology).cache_bytes(0);
        error_of(app.state_in(InFolders(state.clone())).state_dir(folder.path()), &log)
    };
    let last = |end: &str| log.read(&COUNTS).unwrap().into_iter().rfind(|record| record.key == end).unwrap().value;
    send(1);
    assert_eq!(run(counted(["a", "b"], [None, None])), None);
    assert_eq!((last("a"), last("b")), (1, 2));
    send(2);
    let error = run(counted(["b", "a"], [None, None])).expect("an error");
    let AppError::StoresChangedPlaces { stores } = &error else { panic!("{error}") };
    let [one, other] = &stores[..] else { panic!("{error}") };
    assert_eq!((&one.before, &one.now), (&other.now, &other.before));
    assert!(error.to_string().contains(&format!("{} is now called {}", one.before, one.now)), "{error}");
    assert_eq!((last("a"), last("b")), (1, 2), "nothing was counted");
    // What the sentence advises: the names that they had, or the old order.
    let was: [&'static str; 2] = [&one.before, &other.before].map(|name| &*name.clone().leak());
    let names = if was[0] < was[1] { [was[1], was[0]] } else { was };
    assert_eq!(run(counted(["b", "a"], names.map(Some))), None);
    assert_eq!((last("a"), last("b")), (2, 4));
}

/// An operator that is removed changes names as one that is added does; topics of an application whose id begins with
/// this one's are none of its own.
#[test]
fn an_operator_that_is_removed_is_told_of_and_another_application_is_left_alone() {
    let log = log_with_lines(1, &["to", "be", "to"]);
    assert_eq!(error_of(App::new("words-eu", counted(4, None, None)), &log), None);
    assert_eq!(error_of(App::new("words", counted(1, None, None)), &log), None);
    send_lines(&log, &["to"]);
    let error = error_of(App::new("words", counted(0, None, None)), &log).expect("an error").to_string();
    assert!(error.contains(&format!("words-{NEW}-changelog is now called words-{OLD}-changelog")), "{error}");
    assert!(!error.contains("words-eu"), "{error}");
}
