//! The audits find what is wrong with traces that are nearly right. The traces are those of the real applications on an
//! embedded log.

use std::sync::OnceLock;

use millstream::prelude::*;
use millstream_tests::records::{TopicOf, Writer};

use super::{Record, Verdict};
use crate::audit::commits::{self, Commit};
use crate::audit::coverage::{aborts, beginnings, died_with_work, handovers};
use crate::events::{Events, PARTITIONS};
use crate::numbers::Totals;
use crate::topologies::{Kind, WITNESS, topic_name};
use crate::whole::Traces;

const RECORDS: i64 = 1_500;

/// What the application leaves after all records, without any fault.
fn traces(kind: Kind) -> Traces {
    static TRACES: OnceLock<[Traces; 2]> = OnceLock::new();
    let [joined, hops] = TRACES.get_or_init(|| [run(Kind::Joined), run(Kind::Hops)]);
    if kind == Kind::Joined { joined.clone() } else { hops.clone() }
}

fn run(kind: Kind) -> Traces {
    let log = Embedded::in_memory();
    for end in kind.outputs().iter().chain(&[WITNESS]) {
        let _ = TopicOf::create(&log, &topic_name("app", end), PARTITIONS);
    }
    let inputs = kind.inputs().iter().map(|end| TopicOf::create(&log, &topic_name("app", end), PARTITIONS));
    let inputs: Vec<TopicOf<'_>> = inputs.collect();
    let mut writers: Vec<Writer> = inputs.iter().map(Writer::new).collect();
    let events = Events { seed: 7, keys: kind.keys() / 8, inputs: inputs.len(), begin_ms: 1_700_000_000_000 };
    for event in (1..=RECORDS).map(|id| events.get(id)) {
        let (key, value) = (event.key.to_be_bytes(), event.id.to_be_bytes());
        writers[event.input].send_bytes(event.partition(), &key, &value, Timestamp(event.timestamp));
    }
    writers.iter_mut().for_each(Writer::flush);
    let topology = kind.topology("app", 1).expect("a topology");
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::new("app", topology).exactly_once().cache_bytes(0).quiet().state_dir(folder.path());
    app.run_until_idle(log.clone()).expect("it runs");
    Traces::read(&log, kind, "app").expect("traces")
}

/// Checks that doctored traces are found out, with either guarantee or only with exactly-once.
fn is_found(kind: Kind, what: &str, even_at_least_once: bool, doctor: impl Fn(&mut Traces)) -> Verdict {
    let mut doctored = traces(kind);
    doctor(&mut doctored);
    let verdict = doctored.check(kind, true);
    assert!(!verdict.is_good(), "{what}");
    assert_eq!(doctored.check(kind, false).is_good(), !even_at_least_once, "{what}, at-least-once");
    verdict
}

#[test]
fn what_the_engine_does_without_faults_is_right() {
    for kind in [Kind::Joined, Kind::Hops] {
        let traces = traces(kind);
        assert_eq!(traces.check(kind, true), Verdict::default());
        assert_eq!(traces.check(kind, false), Verdict::default());
        assert_eq!(traces.witness.len() as i64, RECORDS);
        assert!(traces.outputs.iter().all(|records| records.len() > 20), "enough of everything");
    }
}

#[test]
fn testimonies_that_are_missing_doubled_or_swapped_are_found() {
    let kind = Kind::Hops;
    let verdict = is_found(kind, "one dropped", true, |traces| _ = traces.witness.remove(700));
    assert_eq!((verdict.lost, verdict.doubled, verdict.reordered), (1, 0, 0));
    let verdict = is_found(kind, "one doubled", false, |traces| {
        let again = traces.witness[700];
        traces.witness.push(again);
    });
    assert_eq!((verdict.lost, verdict.doubled), (0, 1));
    let verdict = is_found(kind, "two swapped", true, |traces| {
        let about = traces.witness[700].about;
        let mut same = (0..traces.witness.len()).filter(|index| traces.witness[*index].about == about);
        let (one, other) = (same.nth(20).expect("one"), same.next().expect("another"));
        traces.witness.swap(one, other);
    });
    assert_eq!((verdict.lost, verdict.doubled, verdict.reordered), (0, 0, 1));
    let verdict = is_found(kind, "the tail dropped", true, |traces| traces.witness.truncate(1_400));
    assert_eq!(verdict.lost, 100);
    is_found(kind, "none", true, |traces| traces.witness.clear());
    is_found(kind, "another id", true, |traces| traces.witness[3].id += 1);
    is_found(kind, "of a partition that is not there", true, |traces| {
        let mut foreign = traces.witness[3];
        foreign.about += 500;
        traces.witness.push(foreign);
    });
}

#[test]
fn an_empty_run_is_found() {
    for kind in [Kind::Joined, Kind::Hops] {
        is_found(kind, "nothing at all", true, |traces| {
            traces.inputs.iter_mut().for_each(Vec::clear);
            traces.outputs.iter_mut().for_each(Vec::clear);
            traces.changelogs.iter_mut().for_each(Vec::clear);
            traces.witness.clear();
        });
        is_found(kind, "no traces", true, |traces| *traces = Traces::default());
    }
}

#[test]
fn pairs_and_sessions_that_are_missing_doubled_or_wrong_are_found() {
    let kind = Kind::Joined;
    let verdict = is_found(kind, "a pair dropped", true, |traces| drop(traces.outputs[0].remove(5)));
    assert_eq!((verdict.lost, verdict.doubled), (1, 0));
    let verdict = is_found(kind, "a pair doubled", false, |traces| {
        let again = traces.outputs[0][5].clone();
        traces.outputs[0].push(again);
    });
    assert_eq!((verdict.lost, verdict.doubled), (0, 1));
    let verdict = is_found(kind, "one pair dropped, another doubled", true, |traces| {
        traces.outputs[0][5] = traces.outputs[0][6].clone();
    });
    assert_eq!((verdict.lost, verdict.doubled), (1, 1));
    is_found(kind, "no pair of the input", true, |traces| {
        let mut foreign = traces.outputs[0][5].clone();
        foreign.value = Some(crate::numbers::Numbers([1, 999_999]).bytes());
        traces.outputs[0].push(foreign);
    });
    for of in ["outputs", "changelogs"] {
        is_found(kind, of, true, |traces| {
            let records = if of == "outputs" { &mut traces.outputs[1] } else { &mut traces.changelogs[0] };
            let last = records.pop().expect("the last one").key;
            records.retain(|record| record.key != last);
        });
    }
    is_found(kind, "a tombstone dropped", false, |traces| {
        let sessions = &mut traces.outputs[1];
        let tombstone = sessions.iter().position(|record| record.value.is_none()).expect("a tombstone");
        sessions.remove(tombstone);
    });
    is_found(kind, "a tombstone of the changelog dropped", true, |traces| {
        let sessions = &mut traces.changelogs[0];
        let tombstone = sessions.iter().position(|record| record.value.is_none()).expect("a tombstone");
        sessions.remove(tombstone);
    });
}

/// Changes the last row of one key in an output, and the same row in the changelog.
fn change_row(traces: &mut Traces, number: usize, change: impl Fn(Totals) -> Totals) {
    let key = traces.outputs[number].last().expect("a row").key.clone();
    for records in [&mut traces.outputs[number], &mut traces.changelogs[number]] {
        let row = records.iter_mut().rev().find(|record| record.key == key).expect("the row");
        let totals = row.value.as_deref().and_then(Totals::read).expect("totals");
        row.value = Some(change(totals).bytes());
    }
}

#[test]
fn rows_with_a_loss_or_a_double_are_found_and_with_both() {
    let kind = Kind::Hops;
    let one = |id: i64| {
        let mut one = Totals::NONE;
        one.add_id(id);
        one
    };
    for table in [0, 1] {
        let verdict = is_found(kind, "a record too few", true, |traces| {
            change_row(traces, table, |totals| totals.minus(one(7)));
        });
        assert_eq!((verdict.lost, verdict.doubled), (2, 0), "in the output and in the changelog");
        let verdict = is_found(kind, "a record too many", false, |traces| {
            change_row(traces, table, |totals| totals.plus(one(7)));
        });
        assert_eq!((verdict.lost, verdict.doubled), (0, 2));
        is_found(kind, "one lost and another doubled", true, |traces| {
            change_row(traces, table, |totals| totals.minus(one(7)).plus(one(8)));
        });
        is_found(kind, "two that look like two others", true, |traces| {
            let change = |totals: Totals| totals.minus(one(1)).minus(one(4)).plus(one(2)).plus(one(3));
            change_row(traces, table, change);
        });
        is_found(kind, "the changelog empty", true, |traces| traces.changelogs[table].clear());
        is_found(kind, "the output empty", true, |traces| traces.outputs[table].clear());
    }
}

#[test]
fn a_row_that_goes_back_and_forth_is_found() {
    let verdict = is_found(Kind::Hops, "a row again", false, |traces| {
        let again = traces.outputs[0].last().expect("a row").clone();
        traces.outputs[0].push(again);
    });
    assert_eq!(verdict.reordered, 1);
}

#[test]
fn positions_that_go_back_end_early_or_fit_no_handover_are_found() {
    let commit = |offset| Commit { topic: "app-events".into(), partition: 0, offset };
    let inputs = [("app-events".to_owned(), vec![30, 0])];
    let check = |offsets: &[i64], handover: i64| {
        let commits: Vec<_> = offsets.iter().map(|offset| commit(*offset)).collect();
        commits::check(&commits, &inputs, &[(0, handover)].into())
    };
    assert_eq!(check(&[10, 20, 20, 30], 20), Verdict::default());
    assert!(!check(&[10, 20, 15, 30], 20).is_good(), "back");
    assert!(!check(&[10, 20], 20).is_good(), "early");
    assert!(!check(&[10, 20, 31], 20).is_good(), "late");
    assert!(!check(&[10, 20, 30], 19).is_good(), "nobody committed 19");
    assert!(!check(&[], 20).is_good(), "vacuous");
}

#[test]
fn who_goes_back_further_than_to_a_position_is_found_under_at_least_once() {
    let kind = Kind::Hops;
    let position = |topic: &str, partition: i32, offset: i64| {
        let [name, group] = [topic, "app"].map(|text| [&[0, text.len() as u8], text.as_bytes()].concat());
        let key = [&[0, 1][..], &group, &name, &partition.to_be_bytes()].concat();
        let value = [&[0, 3][..], &offset.to_be_bytes()].concat();
        Record { partition: 0, offset: 0, timestamp: 0, key, value: Some(value) }
    };
    let traces = traces(kind);
    // Everything was committed at 40 of each partition, and at its end.
    let ends = traces.witness.iter().fold(std::collections::BTreeMap::new(), |mut ends, testified| {
        ends.insert(testified.about, testified.offset + 1);
        ends
    });
    let topic = topic_name("app", kind.inputs()[0]);
    let partition = |about: &i64| {
        (0..PARTITIONS.cast_signed()).find(|partition| crate::topologies::witness_key(0, *partition) == *about)
    };
    let positions = ends.iter().flat_map(|(about, end)| [(about, 40), (about, *end)]);
    let positions = positions.filter_map(|(about, offset)| Some(position(&topic, partition(about)?, offset)));
    let positions: Vec<_> = positions.collect();
    let goes_back_to = |offset: i64| {
        let mut doctored = traces.clone();
        let again = traces.witness.iter().filter(|testified| testified.offset >= offset && testified.offset < 50);
        doctored.witness.extend(again.map(|testified| super::coverage::Testified { process: 7, ..*testified }));
        doctored.check_commits(kind, "app", &positions, false).is_good()
    };
    assert_eq!([50, 40, 39, 1, 0].map(goes_back_to), [true, true, false, false, true]);
}

#[test]
fn who_died_inside_a_transaction_is_known_from_the_testimonies() {
    let all = traces(Kind::Hops).all_witness;
    let about = all[0].about;
    let mut all: Vec<_> = all.into_iter().filter(|testified| testified.about == about).take(100).collect();
    // Process 1 commits 40 and dies with 20; process 2 aborts 10 of the rest and commits them later.
    all.iter_mut().skip(60).for_each(|testified| testified.process = 2);
    let committed = all.iter().enumerate().filter(|(index, _)| !(40..60).contains(index) && !(70..80).contains(index));
    let committed: Vec<_> = committed.map(|(_, testified)| *testified).collect();
    let found = aborts(&all, &committed);
    assert_eq!((found.died_inside, found.aborts), ([1].into(), 2));
    assert_eq!(aborts(&all, &all).aborts, 0);
    assert_eq!(handovers(&committed), [(about, committed[40].offset)].into());
    // Under at-least-once, process 2 repeats what process 1 has not committed.
    let mut repeated = all.clone();
    repeated
        .splice(60..60, all[50..60].iter().map(|testified| super::coverage::Testified { process: 2, ..*testified }));
    assert_eq!(died_with_work(&repeated), [1].into());
    assert_eq!(beginnings(&repeated), [(about, all[50].offset)].into());
    // Process 1 testifies once more, out of order, and goes back.
    repeated.insert(65, all[20]);
    assert_eq!(beginnings(&repeated), [(about, all[20].offset), (about, all[50].offset)].into());
    assert_eq!(died_with_work(&all), [].into());
}
