//! Programs that make no sense, and their errors.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::record::{Record, Timestamp};
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::topic::{OffsetReset, TimestampPolicy, Topic, TopicPattern};
use streams_core::windows::{Hopping, JoinWindows, Sessions, Sliding, Tumbling, Unlimited, Windowed};

use crate::{A, B, OUT, topology};

const T: Topic<String, String> = Topic::new("t");
const MAYBE: Topic<String, Option<String>> = Topic::new("maybe");
const ROWS: KeyValueStore<String, String> = KeyValueStore::new("rows");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// Checks the error of `build()`. Places in this file are written as `HERE`.
#[track_caller]
fn check(write: impl FnOnce(&StreamsBuilder), expected: &str) {
    let builder = StreamsBuilder::new();
    write(&builder);
    let error = builder.build().unwrap_err().to_string();
    let mut parts = error.split(file!());
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        said.push_str("HERE");
        said.push_str(part.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit()));
    }
    // The colon of the sentence is trimmed with those of the place.
    let flat = |text: &str| text.replace("HERE:", "HERE");
    assert_eq!(flat(&said), flat(expected));
}

#[test]
fn nothing_is_no_topology() {
    let expected =
        "the topology is empty: start with `builder.stream(..)`, `builder.table(..)` or `builder.global_table(..)`";
    check(|_| {}, expected);
    check(|b| _ = b.store(ROWS), expected);
}

#[test]
fn a_source_needs_topics() {
    check(
        |b| {
            b.stream(Vec::<Topic<String, String>>::new()).to(OUT);
        },
        "the stream at HERE reads no topic; name at least one",
    );
}

#[test]
fn windows_that_cannot_be_are_refused() {
    let ms = Duration::from_millis;
    let expected = "the windows of `KSTREAM-AGGREGATE` (HERE) cannot be used: an unlimited window never closes, so nothing \
                    would be sent; leave out `.emit_on_close()`";
    check(
        |b| _ = b.stream(A).group_by_key().windowed_by(Unlimited::starting_at(Timestamp(0))).emit_on_close().count(),
        expected,
    );
    let expected = "the windows of `KSTREAM-AGGREGATE` (HERE) cannot be used: the records of a sliding window must be \
                    allowed to differ by a millisecond at least";
    check(|b| _ = b.stream(A).group_by_key().windowed_by(Sliding::of(ms(0)).grace(ms(9))).count(), expected);
}

#[test]
fn join_windows_that_cannot_be_are_refused_with_what_to_do() {
    let of = |millis| JoinWindows::of(Duration::from_millis(millis));
    let short = "records are kept for 0 ms, so none would ever be joined; to join those with the same timestamp, give \
                 them a millisecond of grace";
    let crossed = "no record is both at most -6 ms earlier and at most 5 ms later; the latest time must not be before the \
                   earliest one";
    for (span, why) in
        [(of(0).no_grace(), short), (of(5).later_by(Duration::from_millis(6)).grace(Duration::from_secs(1)), crossed)]
    {
        let expected = format!("the windows of `both` (HERE) cannot be used: {why}");
        check(|b| _ = b.stream(A).join(b.stream(B).within(span), |a, _| a).named("both").to(OUT), &expected);
        let expected = format!("the windows of `KSTREAM-JOIN` (HERE) cannot be used: {why}");
        check(|b| _ = b.stream(A).left_join(b.stream(B).within(span), |a, _| a).to(OUT), &expected);
    }
}

#[test]
fn names_of_a_joins_stores_follow_the_rules_of_names() {
    let join = |b: &StreamsBuilder, name: &str, out: &'static str| {
        let soon = JoinWindows::of(Duration::from_secs(1)).no_grace();
        let right = b.stream(B).within(soon).stores_named(name);
        b.stream(A).join(right, |a, _| a).to(Topic::<String, String>::new(out));
    };
    let expected = "`a/b-this-join-store-changelog` (HERE) is not a valid name: a name may contain only letters, digits, \
                    `.`, `_` and `-`; byte 1 is none of them";
    check(|b| join(b, "a/b", "out"), expected);
    let expected = "two things are stored as `same-this-join-store`: one at HERE, one at HERE; a table's store cannot be used \
                    by another table or a processor, so give one of them another store";
    check(
        |b| {
            join(b, "same", "out");
            join(b, "same", "other-out");
        },
        expected,
    );
}

#[test]
fn names_follow_kafkas_rule() {
    for (name, why) in [
        ("", "a name cannot be empty"),
        ("a/b", "a name may contain only letters, digits, `.`, `_` and `-`; byte 1 is none of them"),
        ("..", "a name cannot be `.` or `..`"),
    ] {
        let expected = format!("`{name}` (HERE) is not a valid name: {why}");
        check(|b| _ = b.stream(A).named(name).to(OUT), &expected);
        check(|b| _ = b.stream(A).to(OUT).named(name), &expected);
        check(|b| _ = b.stream(A).group_by_key().named(name).count(), &expected);
        check(|b| _ = b.stream(A).repartition().named(name).to(OUT), &expected);
        check(|b| _ = b.table(T).named(name), &expected);
        check(|b| _ = b.global_table(T).named(name), &expected);
        check(|b| _ = b.table(T).group_by(|k, v| (v, k.clone())).named(name).count(), &expected);
        check(|b| _ = b.stream(A).split().named(name).branch(|_, _| true).to(OUT), &expected);
        check(|b| _ = b.stream(A).split().branch(|_, _| true).named(name).to(OUT), &expected);
        check(|b| _ = b.stream(A).process((), |(), k, v, out| out.send(k.clone(), v)).named(name).to(OUT), &expected);
    }
    let long = "x".repeat(249);
    let expected =
        format!("`{long}-source` (HERE) is not a valid name: a name may have at most 249 characters, this one has 256");
    check(|b| _ = b.table(T).named(&long), &expected);

    // Names that are made from others.
    let long = "x".repeat(225);
    let topic = || Topic::<String, String>::named(&long).unwrap();
    let too_long = |name: String| {
        format!(
            "`{name}` (HERE) is not a valid name: a name may have at most 249 characters, this one has {}",
            name.len()
        )
    };
    check(
        |b| _ = b.table(topic()).group_by(|k, v| (v, k.clone())).count(),
        &too_long(format!("{long}-STATE-STORE-0000000000-changelog")),
    );
    let long = "x".repeat(240);
    check(
        |b| _ = b.table(T).group_by(|k, v| (v, k.clone())).named(&long).count(),
        &too_long(format!("{long}-repartition")),
    );
}

#[test]
fn a_thing_has_one_name_and_one_store() {
    check(
        |b| _ = b.stream(A).filter(|_, _| true).named("first").named("second").to(OUT),
        "`.named(\"second\")` (HERE): this is already named `first`; keep one of the two",
    );
    check(
        |b| _ = b.table(T).stored_as(ROWS).stored_as(KeyValueStore::new("others")),
        "`.stored_as(others)` (HERE): this table is already stored as `rows`; keep one of the two",
    );
}

#[test]
fn two_nodes_cannot_have_one_name() {
    check(
        |b| {
            b.stream(A).filter(|_, _| true).named("same").to(OUT);
            b.stream(B).map_values(|value| value).named("same").to(OUT);
        },
        "two nodes are named `same`: one at HERE, one at HERE; give one of them another name",
    );
    check(
        |b| {
            b.stream(A).repartition().named("same").to(OUT);
            _ = b.stream(B).group_by(|_, value| value.clone()).named("same").count();
        },
        "two nodes are named `same-repartition-filter`: one at HERE, one at HERE; give one of them another name",
    );
    check(
        |b| _ = b.stream(A).named("KSTREAM-SINK-0000000001").to(OUT),
        "two nodes are named `KSTREAM-SINK-0000000001`: one at HERE, one at HERE; give one of them another name",
    );
}

#[test]
fn a_store_belongs_to_one_table() {
    let expected = "two things are stored as `rows`: one at HERE, one at HERE; a table's store cannot be used by another \
                    table or a processor, so give one of them another store";
    check(
        |b| {
            b.table(T).stored_as(ROWS);
            b.stream(A).to_table().stored_as(ROWS);
        },
        expected,
    );
    check(
        |b| {
            b.global_table(T).stored_as(ROWS);
            b.stream(A).group_by_key().reduce(|left, _| left).stored_as(ROWS);
        },
        expected,
    );
    check(
        |b| {
            b.table(T).stored_as(ROWS);
            b.stream(A).process(ROWS, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
        },
        expected,
    );
    check(
        |b| {
            b.table(T).stored_as(ROWS);
            b.stream(A).to_table().stored_as(KeyValueStore::new("Rows"));
        },
        "the stores `rows` (HERE) and `Rows` (HERE) differ only in upper and lower case, which not every file system \
         distinguishes; rename one of them",
    );
}

#[test]
fn a_processors_store_has_one_type() {
    check(
        |b| {
            const OTHER: KeyValueStore<String, i64> = KeyValueStore::new("rows");
            b.stream(A).process(ROWS, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
            b.stream(B).process(OTHER, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
        },
        "the store `rows` has alloc::string::String and alloc::string::String at HERE, but alloc::string::String and \
         i64 at HERE; use one constant for both",
    );
}

#[test]
fn windows_need_window_stores_and_only_they() {
    const WINDOWED: KeyValueStore<Windowed<String>, i64> = KeyValueStore::new("counts");
    let minutes = || Tumbling::of(Duration::from_secs(60)).no_grace();
    check(
        |b| _ = b.stream(A).group_by_key().windowed_by(minutes()).count().stored_as(WINDOWED),
        "`KSTREAM-AGGREGATE` (HERE) cannot be stored as `counts`: its rows need a `WindowStore`, but this constant \
         is a `KeyValueStore`",
    );
    check(
        |b| {
            let counts = b.stream(A).group_by_key().windowed_by(minutes()).count();
            counts.filter(|_, _| true).named("many").stored_as(WindowStore::new("counts"));
        },
        "`many` (HERE) cannot be stored as `counts`: its rows need a `KeyValueStore`, but this constant is a `WindowStore`",
    );
}

/// Where windowed keys are read back, one size of their windows must be known.
#[test]
fn how_long_the_windows_of_keys_are_is_asked_for() {
    const SECONDS: Topic<Windowed<String>, i64> = Topic::new("per-second").windows_of(Duration::from_secs(1));
    const MINUTES: Topic<Windowed<String>, i64> = Topic::new("per-minute").windows_of(Duration::from_secs(60));
    const UNKNOWN: Topic<Windowed<String>, i64> = Topic::new("windows");
    const SEEN: KeyValueStore<Windowed<String>, i64> = KeyValueStore::new("seen");
    let lost = |what: &str, reason: &str| {
        format!(
            "windowed keys are read back from {what} (HERE), but their bytes leave out the length of their windows: \
             {reason}"
        )
    };
    let said = lost("the topic `windows`", "set it with `Topic::new(\"windows\").windows_of(..)`");
    check(|b| _ = b.stream(UNKNOWN).to(SECONDS), &said);
    check(|b| _ = b.table(UNKNOWN), &said);
    check(|b| _ = b.global_table(UNKNOWN), &said);
    check(
        |b| {
            let keyed = b.stream(MINUTES).process(SEEN, |_, key, value, out| out.send(key.clone(), value));
            keyed.to(UNKNOWN);
        },
        &lost("the store `seen`", "set it with `KeyValueStore::new(\"seen\").windows_of(..)`"),
    );

    let made = "the keys are created at HERE; set it after that call with `.windows_of(..)`";
    let key = |key: &Windowed<String>, _: &i64| key.clone();
    check(
        |b| _ = b.stream(MINUTES).select_key(key).named("x").repartition(),
        &lost("the topic `KSTREAM-REPARTITION-0000000002-repartition`", made),
    );
    check(|b| _ = b.stream(MINUTES).group_by(key).count(), &lost("the aggregation", made));
    check(|b| _ = b.stream(MINUTES).select_key(key).to_table(), &lost("the table", made));
    check(
        |b| _ = b.table(MINUTES).group_by(|key, value| (key.clone(), value)).count(),
        &lost("the group's topic", made),
    );

    check(
        |b| _ = b.stream(MINUTES).group_by(key).windows_of(Duration::from_micros(999)).count(),
        &lost("the aggregation", "a window must be at least one millisecond long"),
    );

    let several = "windows of `1s` and `60s` meet there, and those with the same start have the same key; set their \
                   length with `.windows_of(..)`, or keep them apart";
    check(|b| _ = b.stream(SECONDS).merge(b.stream(MINUTES)).group_by_key().count(), &lost("the aggregation", several));
    check(
        |b| _ = b.table(SECONDS).outer_join(b.table(MINUTES), |left, _| left),
        &lost(
            "the join",
            "windows of `1s` would be joined with windows of `60s`, and those with the same start have the same key; give \
             both tables windows of the same length",
        ),
    );
    check(
        |b| _ = b.stream([SECONDS, MINUTES]).to(UNKNOWN),
        &lost(
            "the topic `per-minute`",
            "they are `60s` long, but those of `per-second` are `1s` long; read each topic as a separate stream",
        ),
    );
    check(
        |b| _ = b.stream(SECONDS).filter(|_, _| true).to(MINUTES),
        &lost(
            "the topic `per-minute`",
            "`per-minute` was declared with windows of `60s`, but windows of `1s` are sent to it; give its constant their \
             length, or send them to another topic",
        ),
    );
    let nowhere = "`.windows_of(..)` at HERE has no effect: no node forwards keys there; put it after the operator \
                   before, or on the topic's constant";
    let second = Duration::from_secs(1);
    check(|b| _ = b.stream(SECONDS).windows_of(second).to(UNKNOWN), nowhere);
    check(|b| _ = b.stream(SECONDS).filter(|_, _| true).group_by_key().windows_of(second).count(), nowhere);
    check(|b| _ = b.stream(SECONDS).repartition().windows_of(second).to(UNKNOWN), nowhere);
    check(
        |b| {
            b.stream(SECONDS).filter(|_, _| true).to(UNKNOWN);
            b.stream(SECONDS.clone()).to(UNKNOWN).named("twice");
            b.stream(Topic::<Windowed<String>, i64>::new("per-second").windows_of(Duration::from_secs(2))).to(UNKNOWN);
        },
        "topic `per-second` is read twice, at HERE and at HERE with windows of `1s` and of `2s`; use one constant for \
         both",
    );
}

#[test]
fn windows_must_make_sense() {
    let seconds = Duration::from_secs;
    for (windows, why) in [
        (Tumbling::of(Duration::ZERO).no_grace(), "a window must be at least one millisecond long"),
        (
            Hopping::of(seconds(1)).advance_by(seconds(2)).no_grace(),
            "hopping windows that advance by 2000 ms but are only 1000 ms long would leave gaps; advance by at most \
             their length",
        ),
        (
            Hopping::of(seconds(1)).advance_by(Duration::ZERO).no_grace(),
            "a hopping window must advance by at least one millisecond",
        ),
        (
            Tumbling::of(Duration::MAX).no_grace(),
            "a window of 9223372036854775807 ms with a grace of 0 ms is longer than time itself",
        ),
    ] {
        check(
            |b| _ = b.stream(A).group_by_key().windowed_by(windows).count().named("counting"),
            &format!("the windows of `counting` (HERE) cannot be used: {why}"),
        );
    }
    check(
        |b| {
            let sessions = Sessions::gap(Duration::MAX).no_grace();
            _ = b.stream(A).group_by_key().windowed_by(sessions).count().named("counting");
        },
        "the windows of `counting` (HERE) cannot be used: sessions with a gap of 9223372036854775807 ms and a grace of 0 ms \
         are longer than time itself",
    );
}

#[test]
fn windows_are_kept_as_long_as_they_change() {
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(30));
    check(
        |b| _ = b.stream(A).group_by_key().windowed_by(minutes).count().retention(Duration::from_secs(89)),
        "`KSTREAM-AGGREGATE` (HERE) keeps its windows for 89s, but they can change for 90s; retain them for at least \
         that long",
    );
    let visits = Sessions::gap(Duration::from_secs(60)).grace(Duration::from_secs(30));
    check(
        |b| _ = b.stream(A).group_by_key().windowed_by(visits).count().retention(Duration::from_secs(89)),
        "`KSTREAM-AGGREGATE` (HERE) keeps its windows for 89s, but they can change for 90s; retain them for at least \
         that long",
    );
    check(
        |b| {
            let counts = b.stream(A).group_by_key().windowed_by(minutes).count();
            counts.filter(|_, _| true).retention(Duration::from_secs(90));
        },
        "`.retention(..)` at HERE has no effect: only windows have a retention; it belongs directly after a windowed \
         aggregation",
    );
}

#[test]
fn a_topic_has_one_source() {
    check(
        |b| {
            b.stream([A, B]).to(OUT);
            b.stream(A).to(OUT);
        },
        "topic `a` is read twice, at HERE and at HERE: together with other topics (a, b and a); make one stream per \
         topic, and `.merge(..)` where you need both",
    );
    check(
        |b| {
            b.stream(A).to(OUT);
            b.stream(Topic::<String, i64>::new("a")).for_each(|_, _| {});
        },
        "topic `a` is read twice, at HERE and at HERE: as `alloc::string::String` and `alloc::string::String` and as \
         `alloc::string::String` and `i64`; use one constant for both",
    );
    let expected = "topic `a` is read twice, at HERE and at HERE: a topic has only one source; read it once, and use \
                    that stream or table";
    check(
        |b| {
            b.stream(A).to(OUT);
            _ = b.table(A);
        },
        expected,
    );
    check(
        |b| {
            _ = b.global_table(A);
            _ = b.table(A);
        },
        expected,
    );
}

#[test]
fn partitions_that_must_fit_do() {
    check(
        |b| {
            let table = b.stream(B).repartition().named("right").partitions(3).to_table();
            b.stream(A).repartition().named("left").partitions(4).join(table, |left, _| left).to(OUT);
        },
        "records of `left-repartition` (4 partitions) and `right-repartition` (3 partitions) must meet in one task, so \
         these topics need the same number of partitions; give them the same `.partitions(..)`, or leave it out for all \
         but one",
    );
    check(
        |b| _ = b.stream(A).repartition().named("none").partitions(0).to(OUT),
        "`none` (HERE) asks for 0 partitions; a topic has at least one",
    );
}

#[test]
fn the_default_branch_is_the_last() {
    for second_default in [false, true] {
        check(
            |b| {
                let split = b.stream(A).split();
                split.default_branch().to(OUT);
                let late = if second_default { split.default_branch() } else { split.branch(|_, _| true) };
                late.to(OUT);
            },
            "the branch at HERE comes after the default branch of `KSTREAM-BRANCH-0000000001`, so no record would \
             reach it; move it before the default branch",
        );
    }
}

#[test]
fn builders_are_not_mixed() {
    let other = StreamsBuilder::new();
    let expected = "the operation at HERE combines streams or tables of two builders; a topology has only one";
    let builder = StreamsBuilder::new();
    builder.stream(A).merge(other.stream(B)).to(OUT);
    assert!(builder.build().unwrap_err().to_string().ends_with(expected.split_once("HERE").unwrap().1));
    let builder = StreamsBuilder::new();
    builder.stream(A).join(other.table(T), |left, _| left).to(OUT);
    assert!(builder.build().unwrap_err().to_string().ends_with(expected.split_once("HERE").unwrap().1));
    let builder = StreamsBuilder::new();
    builder.stream(A).join_global(other.global_table(T), |_, value| value.clone(), |left, _| left).to(OUT);
    assert!(builder.build().unwrap_err().to_string().ends_with(expected.split_once("HERE").unwrap().1));
}

#[test]
fn the_place_is_that_of_the_call() {
    let builder = StreamsBuilder::new();
    builder.stream(A).group_by_key().count().stored_as(COUNTS);
    let line = line!() + 1;
    builder.stream(B).group_by_key().count().stored_as(COUNTS);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains(&format!("one at {}:{line}:", file!())), "{error}");
}

#[test]
fn a_store_is_described_only_where_there_is_one() {
    let unkept = |option: &str, node: &str| {
        format!(
            "`{option}` at HERE has no effect: nothing needs the rows of `{node}`, so they are not kept; keep them \
             with `.stored_as(..)`, or remove the option"
        )
    };
    let (off, config) = (".not_logged()", ".changelog_config(..)");
    let ms = "segment.ms";
    check(|b| _ = b.table(T).filter(|_, _| true).not_logged(), &unkept(off, "KTABLE-FILTER-0000000004"));
    check(|b| _ = b.table(T).map_values(|v| v).named("m").changelog_config(ms, "1"), &unkept(config, "m"));
    check(|b| _ = b.table(T).not_logged(), &unkept(off, "KTABLE-SOURCE-0000000002"));
    check(|b| _ = b.table(T).in_memory(), &unkept(".in_memory()", "KTABLE-SOURCE-0000000002"));
    let later = unkept(config, "rows");
    check(|b| _ = b.stream(A).to_table().named("rows").changelog_config(ms, "1").to_stream().to(OUT), &later);
    check(
        |b| {
            let table = b.table(T).filter(|_, _| true).named("first").not_logged();
            table.filter(|_, _| true).named("second").not_logged();
        },
        &unkept(off, "first"),
    );
    // A join keeps the parent's rows, not the filter's.
    check(
        |b| {
            let table = b.table(T).filter(|_, _| true).named("some").not_logged();
            b.stream(A).join(table, |left, _| left).to(OUT);
        },
        &unkept(off, "some"),
    );
}

#[test]
fn what_is_said_about_a_table_that_is_kept_for_others_counts() {
    let built = topology(|b| {
        let table = b.table(T).not_logged();
        b.stream(A).join(table, |left, _| left).to(OUT);
        b.table(B).filter(|_, _| true).stored_as(ROWS).changelog_config("segment.ms", "7");
    });
    let stores = &built.graph().stores;
    assert!(stores[0].changelog.is_none());
    assert_eq!(stores[1].topic_configs, [("segment.ms".to_owned(), "7".to_owned())]);
}

#[test]
fn a_changelogs_settings_are_those_of_topics() {
    for (setting, meant) in [("segmnt.bytes", "segment.bytes"), ("cleanup.polcy", "cleanup.policy")] {
        let expected = format!(
            "`.changelog_config(..)` at HERE has no effect: the changelog of the store `counts` is a topic, and topics \
             have no setting `{setting}`; did you mean `{meant}`?"
        );
        check(|b| _ = b.stream(A).group_by_key().count().stored_as(COUNTS).changelog_config(setting, "1"), &expected);
        check(
            |b| {
                b.store(COUNTS).changelog_config("segment.ms", "1").changelog_config(setting, "1");
                b.stream(A).process(COUNTS, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
            },
            &expected,
        );
    }
    // The broker checks other unknown names.
    topology(|b| _ = b.stream(A).group_by_key().count().changelog_config("confluent.value.schema", "1"));

    check(
        |b| _ = b.stream(A).group_by_key().count().stored_as(COUNTS).changelog_config("segment.ms", "1").not_logged(),
        "`.changelog_config(..)` at HERE has no effect: `segment.ms` is for the changelog of the store `counts`, but \
         `.not_logged()` removes that; keep one of the two",
    );
}

#[test]
fn a_processors_store_is_described_once_and_used() {
    fn copy(b: &StreamsBuilder) {
        b.stream(A).process(ROWS, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }
    check(
        |b| {
            copy(b);
            b.store(COUNTS).not_logged();
            b.store(KeyValueStore::<u8, u8>::new("later"));
        },
        "`builder.store(..)` at HERE has no effect: no processor uses the store `counts`; name it in `.process(..)`, \
         or remove this call",
    );
    check(
        |b| {
            b.store(COUNTS).not_logged();
            b.stream(A).group_by_key().count().stored_as(COUNTS);
        },
        "`builder.store(..)` at HERE has no effect: the store `counts` belongs to a table; set its options after the \
         table's `.stored_as(..)`",
    );
    check(
        |b| {
            b.store(ROWS).not_logged();
            copy(b);
            b.store(ROWS);
        },
        "`builder.store(..)` at HERE has no effect: the store `rows` has options at HERE already; set all of them \
         there",
    );
    check(
        |b| {
            b.store(KeyValueStore::<String, i64>::new("rows")).not_logged();
            copy(b);
        },
        "the store `rows` has alloc::string::String and i64 at HERE, but alloc::string::String and \
         alloc::string::String at HERE; use one constant for both",
    );
}

#[test]
fn a_second_partitioner_is_an_error() {
    let expected =
        "`.partitioned_by(..)` at HERE has no effect: the records have a partitioner already; keep one of the two";
    check(|b| _ = b.stream(A).to(OUT).partitioned_by(|_, _, _| 0).partitioned_by(|_, _, _| 1), expected);
    let twice = |b: &StreamsBuilder| {
        b.stream(A).repartition().partitioned_by(|_, _, _| 0).partitioned_by(|_, _, _| 1).to(OUT);
    };
    check(twice, expected);
}

#[test]
fn options_of_a_source_belong_directly_behind_it_and_are_said_once() {
    let why = "it belongs directly after `builder.stream(..)` or `builder.table(..)`, whose records it is about";
    let wrong = |option: &str| format!("`{option}` at HERE has no effect: {why}");
    let time = |_: &Record<String, String>, _: Timestamp| Timestamp(0);
    let mapped = |b: &StreamsBuilder| _ = b.stream(A).map_values(|value| value).timestamped_by(time).to(OUT);
    check(mapped, &wrong(".timestamped_by(..)"));
    check(|b| _ = b.stream(A).merge(b.stream(B)).timestamps(TimestampPolicy::Skip).to(OUT), &wrong(".timestamps(..)"));
    let filtered = |b: &StreamsBuilder| _ = b.table(T).filter(|_, _| true).offset_reset(OffsetReset::Latest);
    check(filtered, &wrong(".offset_reset(..)"));

    let twice = |option: &str| {
        format!("`{option}` at HERE has no effect: the source has another one already; keep one of the two")
    };
    let both = |b: &StreamsBuilder| _ = b.stream(A).timestamps(TimestampPolicy::Skip).timestamped_by(time).to(OUT);
    check(both, &twice(".timestamped_by(..)"));
    let both = |b: &StreamsBuilder| _ = b.stream(A).timestamped_by(time).timestamps(TimestampPolicy::Skip).to(OUT);
    check(both, &twice(".timestamps(..)"));
    let both = |b: &StreamsBuilder| {
        _ = b.table(T).offset_reset(OffsetReset::Latest).offset_reset(OffsetReset::Latest).to_stream().to(MAYBE);
    };
    check(both, &twice(".offset_reset(..)"));
}

#[test]
fn a_topic_that_is_read_twice_is_read_in_one_way() {
    let expected = |reason: &str| format!("topic `a` is read twice, at HERE and at HERE: {reason}");
    let reset = "with another `.offset_reset(..)`; it has only one position, so say the same at both, or read it once";
    let read = |first: Option<OffsetReset>, second: Option<OffsetReset>| {
        move |b: &StreamsBuilder| {
            for reset in [first, second] {
                let a = b.stream(A);
                reset.map_or(a, |reset| a.offset_reset(reset)).to(OUT);
            }
        }
    };
    let latest = Some(OffsetReset::Latest);
    for other in [None, Some(OffsetReset::Earliest), Some(OffsetReset::ByDuration(Duration::from_secs(1)))] {
        check(read(latest, other), &expected(reset));
        check(read(other, latest), &expected(reset));
    }
    assert!(topology(read(latest, latest)).describe().contains("(topics: [a])"));

    let times = "with timestamps of its own at one of them; a record has only one, so read it once, and use that stream \
                 twice";
    let one = |b: &StreamsBuilder| {
        b.stream(A).timestamps(TimestampPolicy::Skip).to(OUT);
        b.stream(A).to(OUT);
    };
    check(one, &expected(times));
    let two = |b: &StreamsBuilder| {
        b.stream(A).to(OUT);
        b.stream(A).timestamped_by(|_, _| Timestamp(0)).to(OUT);
    };
    check(two, &expected(times));
    let both = |b: &StreamsBuilder| {
        for _ in 0..2 {
            b.stream(A).timestamped_by(|_, _| Timestamp(0)).to(OUT);
        }
    };
    check(both, &expected(times));
}

#[test]
fn a_pattern_is_a_regular_expression_and_reads_no_topic_that_is_read_by_name() {
    let pattern = |text: &'static str| TopicPattern::<String, String>::new(text);
    let builder = StreamsBuilder::new();
    builder.stream(pattern("a(")).to(OUT);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.starts_with("the pattern `a(` ("), "{error}");
    assert!(
        error.contains("for the names of topics is no regular expression: ") && error.contains("unclosed"),
        "{error}"
    );

    let expected = |topic: &str| {
        format!(
            "topic `{topic}` is read twice, at HERE and at HERE: by its name, and because it matches the pattern `[at]`; \
             leave it out of the pattern"
        )
    };
    let first = |b: &StreamsBuilder| {
        b.stream(pattern("[at]")).to(OUT);
        b.stream(A).to(OUT);
    };
    check(first, &expected("a"));
    let last = |b: &StreamsBuilder| {
        b.stream(A).to(OUT);
        b.stream(pattern("[at]")).to(OUT);
    };
    check(last, &expected("a"));
    let table = |b: &StreamsBuilder| {
        _ = b.table(T).to_stream();
        b.stream(pattern("[at]")).to(OUT);
    };
    check(table, &expected("t"));
    let global = |b: &StreamsBuilder| {
        _ = b.global_table(T);
        b.stream(pattern("[at]")).to(OUT);
    };
    check(global, &expected("t"));
}
