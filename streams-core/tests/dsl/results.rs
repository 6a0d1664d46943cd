//! The results of programs, record by record: each method of the DSL uses the right operator.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{Forward, Processor, Refs};
use streams_core::record::{Record, Timestamp};
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::wire::{Key, Value};

use crate::topology;

pub(crate) const WORDS: Topic<String, String> = Topic::new("words");
pub(crate) const MAYBE: Topic<Option<String>, Option<String>> = Topic::new("maybe");
const NUMBERS: Topic<String, i64> = Topic::new("numbers");
pub(crate) const TABLE: Topic<String, Option<String>> = Topic::new("table");
pub(crate) const TEXTS: Topic<Option<String>, Option<String>> = Topic::new("texts");
pub(crate) const COUNTS: Topic<Option<String>, Option<i64>> = Topic::new("counts");

/// An input: the topic (`w`ords, `m`aybe, `n`umbers or `t`able), the key and the value; `-` is null.
pub(crate) type Input<'a> = (char, &'a str, &'a str);

/// Pipes inputs, the first at 0 ms and each following one a millisecond later.
pub(crate) fn pipe(driver: &mut TestDriver, inputs: &[Input<'_>]) {
    for (number, (topic, key, value)) in inputs.iter().enumerate() {
        pipe_at(driver, (*topic, key, value), i64::try_from(number).unwrap());
    }
}

pub(crate) fn pipe_at(driver: &mut TestDriver, (topic, key, value): Input<'_>, at: i64) {
    let at = Timestamp(at);
    let option = |text: &str| (text != "-").then(|| text.to_owned());
    match topic {
        'w' => driver.pipe_at(&WORDS, key, value, at),
        'm' => driver.pipe_at(&MAYBE, option(key), option(value), at),
        'n' => driver.pipe_at(&NUMBERS, key, value.parse::<i64>().unwrap(), at),
        't' => driver.pipe_at(&TABLE, key, option(value), at),
        other => panic!("no topic {other}"),
    }
}

/// The output of a topic as `key=value`; `-` is null.
pub(crate) fn read<K: Key + std::fmt::Display, V: Value + std::fmt::Display>(
    driver: &mut TestDriver,
    topic: &Topic<Option<K>, Option<V>>,
) -> String {
    let show = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let records = driver.read(topic).into_iter();
    let lines: Vec<_> = records
        .map(|(key, value)| {
            format!("{}={}", show(key.map(|key| key.to_string())), show(value.map(|value| value.to_string())))
        })
        .collect();
    lines.join(" ")
}

#[track_caller]
pub(crate) fn check_texts(write: impl FnOnce(&StreamsBuilder), inputs: &[Input<'_>], expected: &str) {
    let mut driver = TestDriver::new(topology(write));
    pipe(&mut driver, inputs);
    assert_eq!(read(&mut driver, &TEXTS), expected);
}

/// The same without a cache: every single update of a row is in the output, even one that changes nothing.
#[track_caller]
pub(crate) fn check_each_update(write: impl FnOnce(&StreamsBuilder), inputs: &[Input<'_>], expected: &str) {
    let mut driver = TestDriver::configure(topology(write)).with(|app| app.cache_bytes(0)).start();
    pipe(&mut driver, inputs);
    assert_eq!(read(&mut driver, &TEXTS), expected);
}

#[track_caller]
pub(crate) fn check_counts(write: impl FnOnce(&StreamsBuilder), inputs: &[Input<'_>], expected: &str) {
    let mut driver = TestDriver::new(topology(write));
    pipe(&mut driver, inputs);
    assert_eq!(read(&mut driver, &COUNTS), expected);
}

#[test]
fn stateless_operators_do_what_they_are_called() {
    let inputs = [('w', "a", "one two"), ('w', "b", ""), ('w', "c", "three")];
    check_texts(|b| _ = b.stream(WORDS).filter(|_, text| !text.is_empty()).to(TEXTS), &inputs, "a=one two c=three");
    check_texts(|b| _ = b.stream(WORDS).filter_not(|key, _| key == "a").to(TEXTS), &inputs, "b= c=three");
    check_texts(
        |b| _ = b.stream(MAYBE).filter_some().map_values(|text| text + "!").to(TEXTS),
        &[('m', "a", "x"), ('m', "a", "-"), ('m', "-", "y")],
        "a=x! -=y!",
    );
    check_texts(|b| _ = b.stream(WORDS).map(|key, text| (text, key)).to(TEXTS), &inputs, "one two=a =b three=c");
    check_texts(|b| _ = b.stream(WORDS).map_values(|text| text + "!").to(TEXTS), &inputs, "a=one two! b=! c=three!");
    check_texts(
        |b| _ = b.stream(WORDS).map_values_with_key(|key, text| format!("{key}:{text}")).to(TEXTS),
        &inputs,
        "a=a:one two b=b: c=c:three",
    );
    check_texts(
        |b| _ = b.stream(WORDS).flat_map_values(|text| text.split_whitespace().map(str::to_owned).collect()).to(TEXTS),
        &inputs,
        "a=one a=two c=three",
    );
    check_texts(
        |b| {
            b.stream(WORDS).flat_map_values_with_key(|key, text| vec![key.clone(), text]).to(TEXTS);
        },
        &inputs,
        "a=a a=one two b=b b= c=c c=three",
    );
    check_texts(
        |b| _ = b.stream(WORDS).flat_map(|key, text| vec![(text.clone(), key), ("x".to_owned(), text)]).to(TEXTS),
        &inputs,
        "one two=a x=one two =b x= three=c x=three",
    );
    check_texts(|b| _ = b.stream(WORDS).select_key(|_, text| text.clone()).to(TEXTS), &inputs[2..], "three=three");
    check_texts(
        |b| {
            _ = b
                .stream(WORDS)
                .merge(b.stream(MAYBE).map(|_, text| ("m".to_owned(), text.unwrap_or_default())))
                .to(TEXTS)
        },
        &[('w', "a", "x"), ('m', "-", "y"), ('w', "c", "z")],
        "a=x m=y c=z",
    );
    check_texts(
        |b| _ = b.stream(WORDS).repartition().partitions(3).map_values(|text| text + "?").to(TEXTS),
        &inputs[..1],
        "a=one two?",
    );
}

#[test]
fn filter_some_is_kafka_streams_filter() {
    let ours = topology(|b| _ = b.stream(MAYBE).filter_some().map_values(|text| text).to(TEXTS));
    let javas = topology(|b| _ = b.stream(MAYBE).filter(|_, text| text.is_some()).map_values(|text| text).to(TEXTS));
    assert_eq!(ours.describe(), javas.describe());
}

#[test]
fn peek_and_for_each_see_every_record() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (peeked, done) = (Arc::clone(&seen), Arc::clone(&seen));
    let mut driver = TestDriver::new(topology(move |b| {
        b.stream(WORDS)
            .peek(move |key, text| peeked.lock().unwrap().push(format!("peek {key} {text}")))
            .for_each(move |key, text| done.lock().unwrap().push(format!("each {key} {text}")));
    }));
    pipe(&mut driver, &[('w', "a", "x"), ('w', "b", "y")]);
    assert_eq!(*seen.lock().unwrap(), ["peek a x", "each a x", "peek b y", "each b y"]);
}

#[test]
fn a_record_goes_to_the_first_branch_that_wants_it() {
    let tagged = |tag: &'static str| move |text: String| format!("{tag}:{text}");
    let inputs = [('w', "k", "a"), ('w', "k", "ab"), ('w', "k", "b"), ('w', "k", "c")];
    for (with_default, expected) in
        [(true, "k=first:a k=first:ab k=second:b k=rest:c"), (false, "k=first:a k=first:ab k=second:b")]
    {
        check_texts(
            |b| {
                let split = b.stream(WORDS).split();
                split.branch(|_, text| text.contains('a')).map_values(tagged("first")).to(TEXTS);
                split.branch(|_, text| text.contains('b')).map_values(tagged("second")).to(TEXTS);
                if with_default {
                    split.default_branch().map_values(tagged("rest")).to(TEXTS);
                }
            },
            &inputs,
            expected,
        );
    }
}

#[test]
fn a_table_is_its_topics_latest_values() {
    const ROWS: KeyValueStore<String, String> = KeyValueStore::new("rows");
    let inputs = [('t', "a", "x"), ('t', "b", "y"), ('t', "a", "z"), ('t', "b", "-")];
    check_texts(|b| _ = b.table(TABLE).to_stream().to(TEXTS), &inputs, "a=x b=y a=z b=-");
    let mut driver = TestDriver::new(topology(|b| _ = b.table(TABLE).stored_as(ROWS)));
    pipe(&mut driver, &inputs);
    assert_eq!(driver.rows(&ROWS), [("a".to_owned(), "z".to_owned())]);
    let mut driver = TestDriver::new(topology(|b| _ = b.stream(MAYBE).to_table().stored_as(ROWS)));
    pipe(&mut driver, &[('m', "a", "x"), ('m', "-", "y"), ('m', "a", "z")]);
    assert_eq!(driver.get(&ROWS, "a"), Some("z".to_owned()));
}

#[test]
fn a_tables_topic_may_hold_nulls_that_its_types_do_not() {
    const STRICT: Topic<String, String> = Topic::new("table");
    check_texts(|b| _ = b.table(STRICT).to_stream().to(TEXTS), &[('t', "a", "x"), ('t', "a", "-")], "a=x a=-");
}

#[test]
fn tables_are_filtered_and_mapped() {
    let inputs = [('t', "a", "x"), ('t', "b", "yy"), ('t', "b", "y"), ('t', "a", "-")];
    // The table is not kept: a row that is filtered out is deleted each time, whether it existed or not.
    check_texts(
        |b| _ = b.table(TABLE).filter(|_, text| text.len() > 1).to_stream().to(TEXTS),
        &inputs,
        "a=- b=yy b=- a=-",
    );
    // A store of its own does not change that (a cache in front of it does: a row that does not exist is not deleted when
    // the cache is flushed), but knowing the old values of its parent's rows does.
    check_each_update(
        |b| {
            let few = b.table(TABLE).filter(|_, text| text.len() > 1).stored_as(KeyValueStore::new("few"));
            few.to_stream().to(TEXTS);
        },
        &inputs,
        "a=- b=yy b=- a=-",
    );
    check_texts(
        |b| {
            _ = b
                .table(TABLE)
                .stored_as(KeyValueStore::new("all"))
                .filter_not(|_, text| text.len() < 2)
                .to_stream()
                .to(TEXTS)
        },
        &inputs,
        "b=yy b=-",
    );
    check_texts(
        |b| _ = b.table(TABLE).map_values(|text| text + "!").to_stream().to(TEXTS),
        &inputs,
        "a=x! b=yy! b=y! a=-",
    );
    check_texts(
        |b| _ = b.table(TABLE).map_values_with_key(|key, text| format!("{key}{text}")).to_stream().to(TEXTS),
        &inputs,
        "a=ax b=byy b=by a=-",
    );
}

#[test]
fn joins_look_rows_up() {
    let inputs = [('w', "a", "1"), ('t', "a", "x"), ('w', "a", "2"), ('t', "a", "-"), ('w', "a", "3")];
    check_texts(|b| _ = b.stream(WORDS).join(b.table(TABLE), |left, right| left + &right).to(TEXTS), &inputs, "a=2x");
    check_texts(
        |b| _ = b.stream(WORDS).left_join(b.table(TABLE), |left, right| format!("{left}{right:?}")).to(TEXTS),
        &inputs,
        "a=1None a=2Some(\"x\") a=3None",
    );
    // By the current key of the records, which go through a topic first.
    check_texts(
        |b| {
            let table = b.table(TABLE).filter(|_, text| text != "hidden").map_values(|text| text + "!");
            b.stream(WORDS).select_key(|_, text| text.clone()).join(table, |left, right| left + &right).to(TEXTS);
        },
        &[('t', "k", "x"), ('t', "h", "hidden"), ('w', "a", "k"), ('w', "a", "h")],
        "k=kx!",
    );
}

#[test]
fn left_joins_keep_records_without_a_key_through_a_repartition() {
    let inputs = [('t', "k", "x"), ('m', "-", "k"), ('m', "-", "-")];
    let keyed = |b: &StreamsBuilder, left: bool| {
        let table = b.table(TABLE);
        let stream = b.stream(MAYBE).select_key(|_, text| text.clone().filter(|_| false));
        if left {
            stream.left_join(table, |left, right| format!("{left}{}", right.is_some())).to(TEXTS);
        } else {
            stream.join(table, |left, right| left + &right).to(TEXTS);
        }
    };
    check_texts(|b| keyed(b, true), &inputs, "-=kfalse");
    check_texts(|b| keyed(b, false), &inputs, "");
}

#[test]
fn a_repartition_drops_records_without_a_key_as_running_java_shows() {
    check_texts(|b| _ = b.stream(MAYBE).repartition().to(TEXTS), &[('m', "-", "x"), ('m', "a", "y")], "a=y");
    check_texts(
        |b| {
            let stream = b.stream(MAYBE).repartition().map_values(|text| text);
            stream.left_join(b.table(TABLE), |left, _| left).to(TEXTS);
        },
        &[('m', "-", "x"), ('m', "a", "y")],
        "-=x a=y",
    );
}

#[test]
fn global_tables_are_joined_by_any_key() {
    let inputs = [('t', "x", "found"), ('w', "a", "x"), ('w', "b", "y")];
    check_texts(
        |b| {
            let global = b.global_table(TABLE);
            b.stream(WORDS).join_global(global, |_, text| text.clone(), |left, right| left + &right).to(TEXTS);
        },
        &inputs,
        "a=xfound",
    );
    check_texts(
        |b| {
            let global = b.global_table(TABLE);
            let key = |key: &String, text: &String| (key != "c").then(|| text.clone());
            b.stream(WORDS).left_join_global(global, key, |left, right| format!("{left}{right:?}")).to(TEXTS);
        },
        &[inputs[0], inputs[1], inputs[2], ('w', "c", "x")],
        "a=xSome(\"found\") b=yNone c=xNone",
    );
}

/// Sends each key's total.
struct Totals;

impl Processor<String, i64, String, i64> for Totals {
    type Stores = KeyValueStore<String, i64>;

    fn process(
        &mut self,
        mut totals: Refs<'_, Self::Stores>,
        record: Record<String, i64>,
        out: &mut Forward<'_, String, i64>,
    ) {
        let total = totals.get(&record.key).unwrap_or(0) + record.value;
        totals.put(&record.key, total);
        out.send(record.key, total);
    }
}

#[test]
fn processors_use_their_stores() {
    const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
    let inputs = [('n', "a", "1"), ('n', "b", "2"), ('n', "a", "3")];
    let expected = "a=1 b=2 a=4";
    check_counts(|b| _ = b.stream(NUMBERS).process_with(TOTALS, || Totals).to(COUNTS), &inputs, expected);
    check_counts(
        |b| {
            let totals = b.stream(NUMBERS).process(TOTALS, |mut totals, key, number, out| {
                let total = totals.get(key).unwrap_or(0) + number;
                totals.put(key, total);
                out.send(key.clone(), total);
            });
            totals.to(COUNTS);
        },
        &inputs,
        expected,
    );
    check_counts(
        |b| {
            let totals = b.stream(NUMBERS).process_values((TOTALS,), |(mut totals,), key, number, out| {
                let total = totals.get(key).unwrap_or(0) + number;
                totals.put(key, total);
                out.send(total);
            });
            totals.to(COUNTS);
        },
        &inputs,
        expected,
    );
}

#[test]
fn processors_read_their_stores_by_prefix_and_in_reverse() {
    const SEEN: KeyValueStore<String, i64> = KeyValueStore::new("seen");
    let inputs = [('n', "ab", "1"), ('n', "b", "2"), ('n', "aa", "3"), ('n', "a", "4")];
    let prefix = |b: &StreamsBuilder| {
        let sums = b.stream(NUMBERS).process(SEEN, |mut seen, key: &String, number, out| {
            seen.put(key, number);
            out.send(key.clone(), seen.prefix(&"a".to_owned()).into_iter().map(|(_, number)| number).sum::<i64>());
        });
        sums.to(COUNTS);
    };
    check_counts(prefix, &inputs, "ab=1 b=1 aa=4 a=8");
    let last = |b: &StreamsBuilder| {
        let last = b.stream(NUMBERS).process(SEEN, |mut seen, key: &String, number, out| {
            seen.put(key, number);
            seen.visit_reverse(.."b".to_owned(), |_, number| {
                out.send(key.clone(), number);
                std::ops::ControlFlow::Break(())
            });
        });
        last.to(COUNTS);
    };
    check_counts(last, &inputs, "ab=1 b=1 aa=1 a=1");
}

#[test]
fn caches_hold_updates_back_unless_told_not_to() {
    for (not_cached, expected) in [(false, "a=2"), (true, "a=1 a=2")] {
        let built = topology(|b| {
            let counts = b.stream(WORDS).group_by_key().count();
            let counts = if not_cached { counts.not_cached() } else { counts };
            counts.to_stream().to(COUNTS);
            // A join opens the table's store before the table does.
            b.stream(NUMBERS).join(counts, |left, right| left + right).for_each(|_, _| {});
        });
        let mut driver = TestDriver::configure(built).caching(1 << 20).start();
        pipe(&mut driver, &[('w', "a", "x"), ('w', "a", "y")]);
        driver.commit();
        assert_eq!(read(&mut driver, &COUNTS), expected, "not cached: {not_cached}");
    }
}

/// As with Kafka Streams' driver, the updates of a row by one record are combined, but not those by several records.
#[test]
fn what_one_piped_record_does_to_a_row_is_one_update_unless_caches_are_off() {
    let lines: Topic<(), String> = Topic::new("lines");
    let built = topology(|b| {
        let words = b.stream(lines.clone()).flat_map_values(|line| line.split(' ').map(str::to_owned).collect());
        words.group_by(|(), word| word.clone()).count().to_stream().to(COUNTS);
    });
    let setups = [
        (TestDriver::configure(built.clone()), "a=3 a=5"),
        (TestDriver::configure(built.clone()).with(|app| app.cache_bytes(0)), "a=1 a=2 a=3 a=4 a=5"),
        (TestDriver::configure(built.clone()).commit_by_hand(), "a=5"),
    ];
    for (setup, expected) in setups {
        let mut driver = setup.start();
        driver.pipe(&lines, (), "a a a");
        driver.pipe(&lines, (), "a a");
        driver.commit();
        assert_eq!(read(&mut driver, &COUNTS), expected);
    }
}

#[test]
fn one_topic_read_twice_is_one_source() {
    check_texts(
        |b| {
            b.stream(WORDS).map_values(|text| text + "1").to(TEXTS);
            b.stream(WORDS).map_values(|text| text + "2").to(TEXTS);
        },
        &[('w', "a", "x")],
        "a=x1 a=x2",
    );
}

#[test]
fn words_are_counted() {
    let mut driver = TestDriver::new(topology(|b| {
        b.stream(Topic::<(), String>::new("lines"))
            .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect())
            .group_by(|(), word| word.clone())
            .count()
            .to_stream()
            .to(COUNTS);
    }));
    driver.pipe(&Topic::<(), String>::new("lines"), (), "to be or not to be");
    let counts = read(&mut driver, &COUNTS);
    assert_eq!(counts.split(' ').collect::<BTreeSet<_>>(), BTreeSet::from(["be=2", "not=1", "or=1", "to=2"]));
}
