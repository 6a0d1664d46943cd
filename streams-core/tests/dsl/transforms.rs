//! Tables whose rows a program's own code makes or leaves out: `transform_values`, and functions that return `None`.

use streams_core::dsl::StreamsBuilder;
use streams_core::record::Timestamp;
use streams_core::state::KeyValueStore;
use streams_core::testing::{TestDriver, TopologyTestDriver};
use streams_core::topic::Topic;

use crate::results::{Input, MAYBE, TABLE, TEXTS, WORDS, check_each_update, check_texts};
use crate::topology;

const OTHER: Topic<String, Option<String>> = Topic::new("other");

/// `TTD.KTableTransformValuesTest.shouldCalculateCorrectOldValuesIfMaterializedEvenIfStateful`: the old value is the stored
/// one, whatever the code would return now.
#[test]
fn old_values_are_the_stored_ones_even_if_the_code_counts() {
    const COUNTER: KeyValueStore<String, i64> = KeyValueStore::new("counter");
    let inputs = [('t', "A", "ignored"), ('t', "A", "ignored1"), ('t', "A", "ignored2")];
    check_each_update(
        |b| {
            let counted = b.table(TABLE).transform_values(COUNTER, |mut counter, key, _, _| {
                let count = counter.get(key).unwrap_or(0) + 1;
                counter.put(key, count);
                count
            });
            let sums = counted.stored_as(KeyValueStore::new("stored")).group_by(|_, count| ("all".to_owned(), count));
            let sums = sums.reduce(|sum, count| sum + count, |sum, count| sum - count);
            _ = sums.map_values(|sum| sum.to_string()).to_stream().to(TEXTS);
        },
        &inputs,
        "all=1 all=2 all=3",
    );
}

/// Deletions are transformed, and so are rows that a join looks up and does not find.
#[test]
fn code_sees_what_is_not_there_and_may_make_something_of_it() {
    let inputs = [('w', "k", "before"), ('t', "k", "row"), ('w', "k", "after"), ('t', "k", "-"), ('w', "k", "at last")];
    let write = |b: &StreamsBuilder, is_stored: bool| {
        let shown = b.table(TABLE).transform_values((), |(), key, row, record| {
            format!("{key}:{}@{}", row.as_deref().unwrap_or("none"), record.timestamp.0)
        });
        if is_stored {
            shown.stored_as(KeyValueStore::new("shown"));
        }
        _ = b.stream(WORDS).left_join(shown, |word, row| format!("{word}/{}", row.unwrap_or_default())).to(TEXTS);
    };
    check_texts(|b| write(b, false), &inputs, "k=before/k:none@-1 k=after/k:row@1 k=at last/k:none@-1");
    check_texts(|b| write(b, true), &inputs, "k=before/ k=after/k:row@1 k=at last/k:none@3");
}

/// In Kafka Streams, the join is not connected to the code's store, and the application fails when it starts.
#[test]
fn code_has_its_stores_also_where_a_join_looks_rows_up() {
    const LAST: KeyValueStore<String, String> = KeyValueStore::new("last");
    check_texts(
        |b| {
            let doubled = b.table(TABLE).transform_values(LAST, |mut last, key, row: Option<String>, record| {
                if record.timestamp.0 == 0 {
                    last.put(key, format!("first {}", row.as_deref().unwrap_or_default()));
                }
                Some(format!("{}, {}", last.get(key)?, row?))
            });
            _ = b.stream(WORDS).join(doubled, |word, row| format!("{word}: {row}")).to(TEXTS);
        },
        &[('t', "k", "a"), ('t', "k", "b"), ('w', "k", "w")],
        "k=w: first a, b",
    );
}

#[test]
fn rows_that_are_mapped_to_nothing_are_in_no_join_group_or_store() {
    const FEW: KeyValueStore<String, String> = KeyValueStore::new("few");
    let long = |row: String| (row.len() > 2).then_some(row);
    let mut driver = TestDriver::new(topology(|b| {
        let table = b.table(TABLE);
        _ = table.map_values(long).to_stream().to(TEXTS);
        table.map_values(long).stored_as(FEW);
        _ = b.stream(WORDS).join(table.map_values(long), |word, row| format!("{word} {row}")).to(TEXTS);
    }));
    for (time, row) in [(0, Some("long")), (1, Some("no")), (2, Some("no")), (3, Some("longer")), (4, None)] {
        driver.pipe_at(&TABLE, "k", row.map(str::to_owned), Timestamp(time));
        driver.pipe_at(&WORDS, "k", format!("w{time}"), Timestamp(time));
        let kept = row.filter(|row| row.len() > 2).map(str::to_owned);
        assert_eq!(driver.get(&FEW, "k".to_owned()), kept, "at {time}");
    }
    let found: Vec<_> = driver.read(&TEXTS).into_iter().map(|(_, text)| text.unwrap_or_else(|| "-".into())).collect();
    assert_eq!(found, ["long", "w0 long", "-", "-", "longer", "w3 longer", "-"]);
}

#[test]
fn a_reducer_may_delete_its_result_and_begins_anew() {
    let inputs: &[Input<'_>] =
        &[('m', "k", "a"), ('m', "k", "b"), ('m', "k", "end"), ('m', "k", "c"), ('m', "k", "d"), ('m', "k", "end")];
    check_each_update(
        |b| {
            let joined = |all: String, value: String| (value != "end").then(|| all + &value);
            _ = b.stream(MAYBE).group_by_key().reduce(joined).to_stream().to(TEXTS);
        },
        inputs,
        "k=a k=ab k=- k=c k=cd k=-",
    );
}

/// A row changes within its group: the old value is subtracted first, and the new one may be the first again.
#[test]
fn a_reducer_of_rows_may_delete_its_result_and_begins_anew() {
    let inputs: &[Input<'_>] = &[('t', "1", "a"), ('t', "2", "b"), ('t', "2", "c"), ('t', "1", "-"), ('t', "2", "-")];
    check_each_update(
        |b| {
            let group = b.table(TABLE).group_by(|_, row| ("all".to_owned(), row));
            // Nothing is left if the last letter is subtracted.
            let rest = |all: String, row: String| Some(all.replacen(&row, "", 1)).filter(|rest| !rest.is_empty());
            _ = group.reduce(|all, row| all + &row, rest).to_stream().to(TEXTS);
        },
        inputs,
        "all=a all=ab all=ac all=c all=-",
    );
}

#[test]
fn a_stream_of_a_tables_changes_may_have_other_keys_also_for_deletions() {
    let inputs: &[Input<'_>] = &[('t', "1", "a"), ('t', "1", "-"), ('t', "2", "b")];
    let key = |key: &String, row: Option<&String>| format!("{}{key}", row.map_or("gone-", |_| "set-"));
    check_texts(|b| _ = b.table(TABLE).to_stream_by(key).to(TEXTS), inputs, "set-1=a gone-1=- set-2=b");
    check_texts(
        |b| {
            let counts = b.table(TABLE).to_stream_by(move |_, _| "all".to_owned()).group_by_key().count();
            _ = counts.map_values(|count| count.to_string()).to_stream().to(TEXTS);
        },
        inputs,
        // A null value is not counted.
        "all=1 all=2",
    );
}

/// Where the other table's topic is partitioned in a way of its own, rows ask in the right partition only if that is said.
#[test]
fn a_join_over_a_foreign_key_asks_in_the_partition_where_the_row_is() {
    for is_said in [true, false] {
        let mut driver = TestDriver::configure(topology(|b| {
            // All of them are in the last partition.
            b.stream(WORDS).to(OTHER).partitioned_by(|_, _, to| to.partitions - 1);
            let (rows, others) = (b.table(TABLE), b.table(OTHER));
            let foreign_key = |_: &String, row: &String| row.clone();
            let join = |row: String, other: Option<String>| format!("{row}+{}", other.unwrap_or_default());
            let joined = if is_said {
                let others = others.partitioned_by(|_, to| Some(to.partitions - 1));
                rows.partitioned_by(|_, _| None::<u32>).left_join_on(others, foreign_key, join)
            } else {
                rows.left_join_on(others, foreign_key, join)
            };
            _ = joined.to_stream().to(TEXTS);
        }))
        .partitions(5)
        .start();
        for key in ["a", "b", "c", "d", "e"] {
            driver.pipe(&WORDS, key, format!("<{key}>"));
            driver.pipe(&TABLE, format!("of {key}"), Some(key.to_owned()));
        }
        let mut found: Vec<_> = driver.read(&TEXTS).into_iter().map(|(_, text)| text.unwrap_or_default()).collect();
        found.sort();
        let all = ["a+<a>", "b+<b>", "c+<c>", "d+<d>", "e+<e>"];
        if is_said {
            assert_eq!(found, all);
        } else {
            let missed = found.iter().filter(|text| text.ends_with('+')).count();
            assert!(missed > 0 && found.len() == all.len(), "{found:?}");
        }
    }
}

#[test]
fn a_partition_that_is_not_there_ends_the_application() {
    let built = topology(|b| {
        let others = b.table(OTHER).partitioned_by(|_, to| to.partitions);
        _ = b.table(TABLE).join_on(others, |_, row| row.clone(), |row, _| row).to_stream().to(TEXTS);
    });
    let mut driver = TopologyTestDriver::new(built).unwrap();
    let error = driver.pipe(&TABLE, "k", Some("other".to_owned())).unwrap_err().to_string();
    assert!(error.contains("its partitioner chose partition 1 of topic"), "{error}");
}
