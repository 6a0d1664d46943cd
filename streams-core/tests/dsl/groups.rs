//! Aggregations by key, by window and by group of rows.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::state::WindowStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::windows::{Hopping, Tumbling, Windowed};

use crate::results::{COUNTS, MAYBE, TABLE, TEXTS, WORDS, check_counts, check_each_update, check_texts, pipe_at};
use crate::topology;

#[test]
fn groups_are_counted_reduced_and_aggregated() {
    let inputs = [('m', "a", "x"), ('m', "b", "y"), ('m', "a", "-"), ('m', "-", "z"), ('m', "a", "w")];
    check_counts(|b| _ = b.stream(MAYBE).group_by_key().count().to_stream().to(COUNTS), &inputs, "a=1 b=1 a=2");
    check_texts(
        |b| _ = b.stream(MAYBE).group_by_key().reduce(|so_far, next| so_far + &next).to_stream().to(TEXTS),
        &inputs,
        "a=x b=y a=xw",
    );
    check_texts(
        |b| {
            b.stream(MAYBE)
                .group_by_key()
                .aggregate(|| ">".to_owned(), |so_far, next| so_far.push_str(&next))
                .to_stream()
                .to(TEXTS);
        },
        &inputs,
        "a=>x b=>y a=>xw",
    );
    check_texts(
        |b| {
            let toggled = b.stream(WORDS).group_by(|key, text| format!("{key}{text}"));
            toggled
                .aggregate_with(|key, text, so_far: Option<String>| so_far.is_none().then(|| format!("{key}/{text}")))
                .to_stream()
                .to(TEXTS);
        },
        &[('w', "k", "a"), ('w', "k", "b"), ('w', "k", "a"), ('w', "k", "a")],
        "ka=ka/a kb=kb/b ka=- ka=ka/a",
    );
}

#[test]
fn windows_are_counted_reduced_and_aggregated_nulls_included() {
    const TEN: Duration = Duration::from_millis(10);
    const WINDOWED_COUNTS: Topic<Windowed<String>, Option<i64>> = Topic::new("windowed-counts").windows_of(TEN);
    const WINDOWED_TEXTS: Topic<Windowed<String>, Option<String>> = Topic::new("windowed-texts").windows_of(TEN);
    let inputs = [(0, "a", "x"), (5, "a", "-"), (9, "b", "y"), (10, "a", "z"), (3, "a", "late"), (7, "-", "nobody")];
    let tens = || Tumbling::of(TEN).no_grace();
    let run = |write: &dyn Fn(&StreamsBuilder)| {
        let mut driver = TestDriver::new(topology(write));
        for (at, key, value) in inputs {
            pipe_at(&mut driver, ('m', key, value), at);
        }
        driver
    };

    let mut driver =
        run(&|b| _ = b.stream(MAYBE).group_by_key().windowed_by(tens()).count().to_stream().to(WINDOWED_COUNTS));
    let counts: Vec<_> =
        driver.read(&WINDOWED_COUNTS).into_iter().map(|(key, count)| (key.key, key.window.start.0, count)).collect();
    let count = |key: &str, start, count| (key.to_owned(), start, Some(count));
    assert_eq!(counts, [count("a", 0, 1), count("a", 0, 2), count("b", 0, 1), count("a", 10, 1)]);

    let texts = |driver: &mut TestDriver| {
        let records = driver.read(&WINDOWED_TEXTS).into_iter();
        let lines =
            records.map(|(key, text)| format!("{}@{}={}", key.key, key.window.start.0, text.unwrap_or("-".to_owned())));
        lines.collect::<Vec<_>>().join(" ")
    };
    let mut driver = run(&|b| {
        b.stream(MAYBE)
            .group_by_key()
            .windowed_by(tens())
            .reduce(|so_far, next| Some(format!("{}+{}", so_far?, next.as_deref().unwrap_or("null"))))
            .to_stream()
            .to(WINDOWED_TEXTS);
    });
    assert_eq!(texts(&mut driver), "a@0=x a@0=x+null b@0=y a@10=z");
    let mut driver = run(&|b| {
        b.stream(MAYBE)
            .group_by_key()
            .windowed_by(tens())
            .aggregate(String::new, |so_far, next| so_far.push_str(next.as_deref().unwrap_or("null")))
            .to_stream()
            .to(WINDOWED_TEXTS);
    });
    assert_eq!(texts(&mut driver), "a@0=x a@0=xnull b@0=y a@10=z");
    let mut driver = run(&|b| {
        b.stream(MAYBE)
            .group_by_key()
            .windowed_by(tens())
            .aggregate_with(|key, next, _| next.map(|next| format!("{key}:{next}")))
            .to_stream()
            .to(WINDOWED_TEXTS);
    });
    assert_eq!(texts(&mut driver), "a@0=a:x a@0=- b@0=b:y a@10=a:z");
}

#[test]
fn a_hopping_windows_rows_are_in_its_store() {
    const STORE: WindowStore<String, i64> = WindowStore::new("per-window");
    let windows = Hopping::of(Duration::from_millis(10)).advance_by(Duration::from_millis(5)).no_grace();
    let mut driver = TestDriver::new(topology(|b| {
        let counts = b.stream(WORDS).group_by_key().windowed_by(windows).count();
        counts.stored_as(STORE).retention(Duration::from_millis(100)).not_cached().not_logged();
    }));
    pipe_at(&mut driver, ('w', "a", "x"), 7);
    pipe_at(&mut driver, ('w', "a", "x"), 11);
    let rows: Vec<_> = driver.windows(&STORE).into_iter().map(|(key, start, count)| (key, start.0, count)).collect();
    let row = |start, count| ("a".to_owned(), start, count);
    assert_eq!(rows, [row(0, 1), row(5, 2), row(10, 1)]);
}

#[test]
fn groups_of_rows_lose_what_they_no_longer_have() {
    // The value is the group, so rows move from group to group.
    let inputs = [('t', "1", "x"), ('t', "2", "x"), ('t', "3", "y"), ('t', "1", "y"), ('t', "2", "-")];
    check_counts(
        |b| _ = b.table(TABLE).group_by(|key, group| (group, key.clone())).count().to_stream().to(COUNTS),
        &inputs,
        "x=1 x=2 y=1 x=1 y=2 x=0",
    );
    check_counts(
        |b| {
            b.table(TABLE)
                .group_by(|key, group| (group, key.parse::<i64>().unwrap_or(0)))
                .reduce(|total, number| total + number, |total, number| total - number)
                .to_stream()
                .to(COUNTS);
        },
        &inputs,
        "x=1 x=3 y=3 x=2 y=4 x=0",
    );
    check_texts(
        |b| {
            b.table(TABLE)
                .group_by(|key, group| (group, key.clone()))
                .aggregate(
                    || ">".to_owned(),
                    |members, member| members.push_str(&member),
                    |members, member| *members = members.replace(&member, ""),
                )
                .to_stream()
                .to(TEXTS);
        },
        &inputs,
        "x=>1 x=>12 y=>3 x=>2 y=>31 x=>",
    );
}

#[test]
fn a_group_of_rows_knows_its_key_and_can_be_deleted() {
    // Each aggregate contains its own history; subtracting an `x` deletes it.
    let write = |b: &StreamsBuilder| {
        b.table(TABLE)
            .group_by(|_, row| (row[..1].to_owned(), row[1..].to_owned()))
            .aggregate_with(
                |group, row, history: Option<String>| Some(format!("{}+{group}{row}", history.unwrap_or_default())),
                |group, row, history| (row != "x").then(|| format!("{history}-{group}{row}")),
            )
            .to_stream()
            .to(TEXTS);
    };
    for (inputs, expected) in [
        // Within a group, the old row is subtracted before the new one is added, and that is one change.
        (&[('t', "a", "g1"), ('t', "a", "g2")][..], "g=+g1 g=+g1-g1+g2"),
        (&[('t', "a", "g1"), ('t', "a", "h2")], "g=+g1 g=+g1-g1 h=+h2"),
        // It is deleted between the two, so it starts again.
        (&[('t', "a", "gx"), ('t', "a", "g2")], "g=+gx g=+g2"),
        (&[('t', "a", "gx"), ('t', "a", "-"), ('t', "b", "g3")], "g=+gx g=- g=+g3"),
        // Nothing is subtracted from a missing aggregate: the second `x` was deleted with the first.
        (&[('t', "a", "gx"), ('t', "b", "gx"), ('t', "a", "-"), ('t', "b", "-")], "g=+gx g=+gx+gx g=- g=-"),
    ] {
        check_each_update(write, inputs, expected);
    }
}

/// Its count is written to the topology after the join; Java then refuses the topology.
#[test]
fn a_table_can_be_joined_although_its_group_is_aggregated_again_afterwards() {
    check_texts(
        |b| {
            let group = b.stream(WORDS).group_by(|key, _| key.clone()).named("shared");
            let texts = group.reduce(|so_far, next| so_far + &next);
            let words = b.stream(MAYBE).to_table().to_stream();
            words.join(texts, |word, text| format!("{word}|{text}")).to(TEXTS);
            group.count().to_stream().to(COUNTS);
        },
        &[('w', "k", "a"), ('m', "k", "x"), ('w', "k", "b"), ('m', "k", "y")],
        "k=x|a k=y|ab",
    );
}
