//! Stores of data structures that a program defines itself.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{CustomStore, Structure};
use streams_core::record::Timestamp;
use streams_core::state::KeyValueStore;
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topology::{Topology, TopologyError};

use crate::{A, B, OUT, topology};

/// How many keys have each value.
#[derive(Default)]
struct Tally {
    keys: BTreeMap<String, usize>,
    changes: usize,
}

impl Structure for Tally {
    type Key = String;
    type Value = String;

    fn change(&mut self, _key: &String, before: Option<&String>, now: Option<&String>) {
        self.changes += 1;
        if let Some(before) = before {
            let keys = self.keys.get_mut(before).unwrap();
            *keys -= 1;
            if *keys == 0 {
                self.keys.remove(before);
            }
        }
        if let Some(now) = now {
            *self.keys.entry(now.clone()).or_default() += 1;
        }
    }
}

const TALLY: CustomStore<Tally> = CustomStore::new("tally");

fn tally(options: impl Fn(&StreamsBuilder)) -> Topology {
    topology(|b| {
        options(b);
        let tallied = b.stream(A).process(TALLY, |mut tally, key, value: String, out| {
            if value.is_empty() {
                tally.delete(key)
            } else {
                tally.put(key, value)
            }
            let own = tally.get(key);
            out.send(key.clone(), format!("{:?} {own:?}", tally.structure().keys));
        });
        _ = tallied.to(OUT);
    })
}

const RECORDS: [(&str, &str); 7] = [("k", "x"), ("j", "y"), ("i", "x"), ("k", "y"), ("j", ""), ("h", ""), ("k", "z")];

/// The answers, if the application crashes after each record that it has committed, or has not.
fn answers(options: impl Fn(&StreamsBuilder), state: Option<&KeptState>, crash: Option<bool>) -> Vec<String> {
    let driver = TestDriver::configure(tally(options)).caching(1 << 20).with(|app| app.exactly_once());
    let mut driver = match state {
        Some(state) => driver.state_in(state.clone()).start(),
        None => driver.start(),
    };
    for (key, value) in RECORDS {
        driver.pipe(&A, key, value);
        if let Some(commits) = crash {
            if commits {
                driver.commit();
            }
            driver.kill();
            driver.restart();
        }
    }
    driver.commit();
    driver.read(&OUT).into_iter().map(|(key, tally)| format!("{key}: {tally}")).collect()
}

#[test]
fn a_structure_follows_its_rows() {
    let expected = [
        r#"k: {"x": 1} Some("x")"#,
        r#"j: {"x": 1, "y": 1} Some("y")"#,
        r#"i: {"x": 2, "y": 1} Some("x")"#,
        r#"k: {"x": 1, "y": 2} Some("y")"#,
        r#"j: {"x": 1, "y": 1} None"#,
        r#"h: {"x": 1, "y": 1} None"#,
        r#"k: {"x": 1, "z": 1} Some("z")"#,
    ];
    assert_eq!(answers(|_| {}, None, None), expected);
    for crash in [true, false] {
        assert_eq!(answers(|_| {}, None, Some(crash)), expected, "in memory, committed: {crash}");
        let state = KeptState::default();
        assert_eq!(answers(|_| {}, Some(&state), Some(crash)), expected, "on disk, committed: {crash}");
        let (cached, memory) = (KeptState::default(), KeptState::default());
        assert_eq!(answers(|b| _ = b.store(TALLY).cached(), Some(&cached), Some(crash)), expected, "cached");
        assert_eq!(answers(|b| _ = b.store(TALLY).in_memory(), Some(&memory), Some(crash)), expected);
    }
}

#[test]
fn two_processors_share_a_structure() {
    let program = topology(|b| {
        _ = b.stream(A).process(
            TALLY,
            |mut tally, key, value: String, _: &mut streams_core::dsl::processor::Forward<'_, (), ()>| {
                tally.put(key, value);
            },
        );
        let asked = b.stream(B).process(TALLY, |tally, key, _: String, out| {
            out.send(key.clone(), format!("{:?}", tally.structure().keys));
        });
        _ = asked.to(OUT);
    });
    let mut driver = TestDriver::new(program);
    driver.pipe(&A, "k", "x");
    driver.pipe(&A, "j", "x");
    driver.pipe(&B, "?", "");
    assert_eq!(driver.read(&OUT), [("?".to_owned(), r#"{"x": 2}"#.to_owned())]);
}

/// At a start it gets every row once, however often they had changed.
#[test]
fn a_structure_is_made_of_the_rows_that_are_left() {
    let program = topology(|b| {
        let asked = b.stream(A).process(TALLY, |mut tally, key, value: String, out| {
            if value == "?" {
                out.send(key.clone(), tally.structure().changes.to_string());
            } else {
                tally.put(key, value);
            }
        });
        _ = asked.to(OUT);
    });
    let mut driver = TestDriver::new(program);
    for number in 0..600 {
        driver.pipe(&A, format!("{}", number % 300), format!("{number}"));
    }
    driver.pipe(&A, "?", "?");
    driver.restart();
    driver.pipe(&A, "?", "?");
    let changes: Vec<_> = driver.read(&OUT).into_iter().map(|(_, changes)| changes).collect();
    assert_eq!(changes, ["600", "300"]);
}

#[test]
fn a_structure_is_not_another_store() {
    let refused = |write: fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        write(&builder);
        builder.build().unwrap_err()
    };
    let error = refused(|b| {
        b.store(TALLY).expire_after(Duration::from_secs(1));
        _ = b.stream(A).process(TALLY, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    });
    assert!(matches!(error, TopologyError::Option { option: ".expire_after(..)", .. }), "{error}");
    let error = refused(|b| {
        _ = b.stream(A).process(TALLY, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
        let plain = KeyValueStore::<String, String>::new("tally");
        _ = b.stream(B).process(plain, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    });
    assert!(matches!(error, TopologyError::StoreTypes { .. }), "{error}");
    let error = refused(|b| {
        _ = b.stream(A).process(TALLY, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
        let plain = KeyValueStore::<String, String>::new("tally").read_only();
        _ = b.stream(B).process(plain, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    });
    assert!(matches!(error, TopologyError::StoreRead { is: "CustomStore", .. }), "{error}");
}

/// Two handles of one store would make it possible.
#[test]
fn nothing_is_put_while_the_structure_is_read() {
    let program = topology(|b| {
        let asked = b.stream(A).process((TALLY, TALLY), |(reading, mut writing), key, value: String, out| {
            let structure = reading.structure();
            writing.put(key, value.clone());
            out.send(key.clone(), format!("{}", structure.changes));
        });
        _ = asked.to(OUT);
    });
    let mut driver = TestDriver::new(program);
    let record = streams_core::record::Record {
        key: "k".to_owned(),
        value: "v".to_owned(),
        timestamp: Timestamp(0),
        headers: streams_core::record::Headers::new(),
    };
    let error = driver.error_after(&A, &record).unwrap().to_string();
    assert!(error.contains("is put while its structure is read"), "{error}");
}
