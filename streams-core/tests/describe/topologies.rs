//! The topologies, in the same order and with the same names as in `tests/java/describe`.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

mod suppressions;
mod versions;

use std::time::Duration;

use streams_core::dsl::{KStream, RecordContext, StreamsBuilder};
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::topic::Topic;
use streams_core::windows::{Hopping, TimeWindows, Tumbling, Windowed};

use crate::stream_joins::STREAM_JOINS;
use crate::{cogroups, foreign_key_joins, optimized, processor_stores, sources, table_joins, transforms, windows};

/// A topology's name, and a function that builds it.
pub(crate) type Named = (&'static str, fn(&StreamsBuilder));

type Text = KeyValueStore<String, String>;
type Count = KeyValueStore<String, i64>;

pub(crate) const A: Topic<String, String> = Topic::new("a");
pub(crate) const B: Topic<String, String> = Topic::new("b");
pub(crate) const C: Topic<String, String> = Topic::new("c");
pub(crate) const T: Topic<String, String> = Topic::new("t");
pub(crate) const U: Topic<String, String> = Topic::new("u");
pub(crate) const G: Topic<String, String> = Topic::new("g");
const H: Topic<String, String> = Topic::new("h");
pub(crate) const OUT: Topic<String, String> = Topic::new("out");
pub(crate) const COUNTS: Topic<String, i64> = Topic::new("out");
const WINDOWED_COUNTS: Topic<Windowed<String>, i64> = Topic::new("out");
const WINDOWED_TEXTS: Topic<Windowed<String>, String> = Topic::new("out");

pub(crate) fn tumbling() -> TimeWindows {
    Tumbling::of(Duration::from_secs(5 * 60)).grace(Duration::from_secs(60))
}

fn hopping() -> TimeWindows {
    Hopping::of(Duration::from_secs(60 * 60)).advance_by(Duration::from_secs(60)).no_grace()
}

pub(crate) fn text_store(name: &str) -> Text {
    Text::named(name).unwrap()
}

fn count_store(name: &str) -> Count {
    Count::named(name).unwrap()
}

pub(crate) fn out(number: impl std::fmt::Display) -> Topic<String, String> {
    Topic::named(format!("out-{number}")).unwrap()
}

pub(crate) fn keyed<'t>(stream: KStream<'t, String, String>) -> KStream<'t, String, String> {
    stream.select_key(|_, value| value.clone())
}

pub(crate) fn left(left: String, _: String) -> String {
    left
}

fn swap(key: String, value: String) -> (String, String) {
    (value, key)
}

#[expect(clippy::ptr_arg, reason = "a closure gets the key as it is")]
pub(crate) fn swapped(key: &String, value: String) -> (String, String) {
    (value, key.clone())
}

pub(crate) fn replace(aggregate: &mut String, value: String) {
    *aggregate = value;
}

/// All topologies, in order.
pub(crate) fn all() -> Vec<Named> {
    [
        STATELESS,
        SPLITS,
        REPARTITIONS,
        AGGREGATES,
        WINDOWS,
        windows::SLIDING,
        windows::UNLIMITED,
        windows::ON_CLOSE,
        windows::SESSIONS,
        TABLES,
        GROUPED_TABLES,
        suppressions::SUPPRESSIONS,
        versions::VERSIONS,
        JOINS,
        GLOBAL_TABLES,
        PROCESSORS,
        PROGRAMS,
        SINKS,
        table_joins::ALL,
        foreign_key_joins::ALL,
        STREAM_JOINS,
        cogroups::ALL,
        processor_stores::ALL,
        sources::ALL,
        transforms::ALL,
        optimized::ALL,
    ]
    .concat()
}

const STATELESS: &[Named] = &[
    ("copy", |b| {
        b.stream(A).to(OUT);
    }),
    ("every operator", |b| {
        let last = b
            .stream(A)
            .filter(|_, _| true)
            .filter_not(|_, _| false)
            .map(swap)
            .map_values(|value| value)
            .map_values_with_key(|_, value| value)
            .flat_map(|key, value| vec![(value, key)])
            .flat_map_values(|value| vec![value])
            .flat_map_values_with_key(|_, value| vec![value])
            .select_key(|_, value| value.clone())
            .peek(|_, _| {});
        last.print("a");
        last.for_each(|_, _| {});
    }),
    ("every operator named", |b| {
        let last = b
            .stream(A)
            .named("n-source")
            .filter(|_, _| true)
            .named("n-filter")
            .filter_not(|_, _| false)
            .named("n-filter-not")
            .map(swap)
            .named("n-map")
            .map_values(|value| value)
            .named("n-map-values")
            .flat_map(|key, value| vec![(value, key)])
            .named("n-flat-map")
            .flat_map_values(|value| vec![value])
            .named("n-flat-map-values")
            .select_key(|_, value| value.clone())
            .named("n-select-key")
            .peek(|_, _| {})
            .named("n-peek");
        last.print("a").named("n-print");
        last.for_each(|_, _| {}).named("n-for-each");
        last.to(OUT).named("n-to");
    }),
    ("names burn numbers", |b| {
        b.stream(A).map_values(|value| value).named("first").map_values(|value| value).to(OUT);
    }),
    ("several topics", |b| {
        b.stream(["payments", "clicks", "views", "users", "orders"].map(Topic::<String, String>::new)).to(OUT);
    }),
    ("two sub-topologies", |b| {
        b.stream(B).to(OUT);
        b.stream(A).to(OUT);
    }),
    ("a sink that is another's source", |b| {
        b.stream(A).to(B);
        b.stream(B).to(OUT);
    }),
    ("a fork in three", |b| {
        let a = b.stream(A);
        a.map_values(|value| value).to(out(1));
        a.filter(|_, _| true).map_values(|value| value).peek(|_, _| {}).to(out(2));
        a.to(out(3));
    }),
    ("a fork in nine", |b| {
        let a = b.stream(A);
        for branch in 0..9 {
            let mut stream = a;
            for _ in 0..(branch * 5) % 9 {
                stream = stream.map_values(|value| value);
            }
            stream.to(out(branch));
        }
    }),
    ("forks of forks", |b| {
        let mut stream = b.stream(A);
        for depth in 0..6 {
            let to = |name: &str| Topic::<String, String>::named(format!("{name}-{depth}")).unwrap();
            stream.filter(|_, _| true).peek(|_, _| {}).to(to("side"));
            stream.filter_not(|_, _| true).to(to("other-side"));
            stream = stream.map_values(|value| value);
        }
        stream.to(OUT);
    }),
    ("merge", |b| {
        let a = b.stream(A);
        let other = b.stream(B);
        a.merge(other).merge(b.stream(C)).named("all").to(OUT);
    }),
    ("merge of a fork", |b| {
        let a = b.stream(A);
        a.map_values(|value| value).merge(a.filter(|_, _| true)).to(OUT);
    }),
    ("merge with itself", |b| {
        let a = b.stream(A);
        a.merge(a).to(OUT);
    }),
    ("diamonds", |b| {
        let mut stream = b.stream(A);
        for _ in 0..7 {
            stream = stream.map_values(|value| value).merge(stream.filter(|_, _| true).peek(|_, _| {}));
        }
        stream.to(OUT);
    }),
    ("a topic read twice", |b| {
        b.stream(A).map_values(|value| value).to(out(1));
        b.stream(B).to(out(2));
        b.stream(A).filter(|_, _| true).to(out(3));
    }),
    ("topics read twice in another order", |b| {
        b.stream([A, B]).to(out(1));
        b.stream(vec![B, A]).to(out(2));
    }),
    ("a topic read twice and merged", |b| {
        b.stream(A).merge(b.stream(A)).to(OUT);
    }),
];

const SPLITS: &[Named] = &[
    ("split", |b| {
        let split = b.stream(A).split();
        let first = split.branch(|_, _| true);
        let second = split.branch(|_, _| false);
        let rest = split.default_branch();
        first.to(out(1));
        second.to(out(2));
        rest.to(out(3));
    }),
    ("split named", |b| {
        let split = b.stream(A).split().named("by-size-");
        let small = split.branch(|_, _| true).named("small");
        let second = split.branch(|_, _| false);
        let rest = split.default_branch().named("rest");
        small.map_values(|value| value).to(out(1));
        second.to(out(2));
        rest.to(out(3));
    }),
    ("split without default", |b| {
        b.stream(A).split().named("split").branch(|_, _| true).to(OUT);
    }),
    ("split with work between branches", |b| {
        let split = b.stream(A).split();
        split.branch(|_, _| true).map_values(|value| value).to(out(1));
        split.branch(|_, _| true).named("second").to(out(2));
        split.default_branch().to(out(3));
    }),
    ("split of a split", |b| {
        let outer = b.stream(A).split().named("outer-");
        let outer_first = outer.branch(|_, _| true);
        let outer_rest = outer.default_branch();
        let inner = outer_first.split().named("inner-");
        let inner_first = inner.branch(|_, _| true);
        let inner_rest = inner.default_branch();
        inner_first.merge(inner_rest).merge(outer_rest).to(OUT);
    }),
];

const REPARTITIONS: &[Named] = &[
    ("repartition", |b| {
        b.stream(A).repartition().to(OUT);
    }),
    ("repartition named", |b| {
        b.stream(A).repartition().named("spread").partitions(12).map_values(|value| value).to(OUT);
    }),
    ("repartition with partitions", |b| {
        b.stream(A).repartition().partitions(3).to(OUT);
    }),
    ("repartition of a changed key", |b| {
        keyed(b.stream(A)).repartition().group_by_key().count();
    }),
    ("repartition twice", |b| {
        b.stream(A).repartition().map(swap).repartition().named("second-repartition").to(OUT);
    }),
];

const AGGREGATES: &[Named] = &[
    ("count", |b| {
        b.stream(A).group_by_key().count().to_stream().to(COUNTS);
    }),
    ("count named", |b| {
        b.stream(A).group_by_key().count().named("counting").to_stream().named("counts").to(COUNTS);
    }),
    ("count stored", |b| {
        b.stream(A).group_by_key().count().stored_as(count_store("counts"));
    }),
    ("count named and stored", |b| {
        b.stream(A).group_by_key().count().named("counting").stored_as(count_store("counts"));
    }),
    ("count not cached", |b| {
        b.stream(A).group_by_key().count().not_cached();
    }),
    ("count not logged", |b| {
        b.stream(A).group_by_key().count().stored_as(count_store("counts")).not_logged();
    }),
    ("count with changelog settings", |b| {
        b.stream(A)
            .group_by_key()
            .count()
            .stored_as(count_store("counts"))
            .changelog_config("segment.bytes", "1048576")
            .changelog_config("cleanup.policy", "compact,delete");
    }),
    ("group by", |b| {
        b.stream(A).group_by(|_, value| value.clone()).count().to_stream().to(COUNTS);
    }),
    ("group by named", |b| {
        b.stream(A).group_by(|_, value| value.clone()).named("by-value").count().to_stream().to(COUNTS);
    }),
    ("group by stored", |b| {
        b.stream(A).group_by(|_, value| value.clone()).count().stored_as(count_store("counts"));
    }),
    ("group by named and stored", |b| {
        b.stream(A)
            .group_by(|_, value| value.clone())
            .named("by-value")
            .count()
            .named("counting")
            .stored_as(count_store("counts"));
    }),
    ("group by not cached", |b| {
        b.stream(A).group_by(|_, value| value.clone()).count().not_cached();
    }),
    ("group by key named", |b| {
        b.stream(A).group_by_key().named("unused").count();
    }),
    ("group by key named of a changed key", |b| {
        keyed(b.stream(A)).group_by_key().named("used").count();
    }),
    ("reduce", |b| {
        b.stream(A).group_by_key().reduce(left).to_stream().to(OUT);
    }),
    ("reduce of a changed key", |b| {
        keyed(b.stream(A)).group_by_key().reduce(left).to_stream().to(OUT);
    }),
    ("reduce named and stored", |b| {
        b.stream(A).group_by_key().reduce(left).named("reducing").stored_as(text_store("reduced"));
    }),
    ("aggregate", |b| {
        b.stream(A).group_by_key().aggregate(String::new, replace).to_stream().to(OUT);
    }),
    ("aggregate of a changed key stored", |b| {
        keyed(b.stream(A))
            .group_by_key()
            .aggregate_with(|_, value, _: Option<String>| Some(value))
            .stored_as(text_store("texts"));
    }),
    ("a changed key stays changed", |b| {
        keyed(b.stream(A))
            .filter(|_, _| true)
            .map_values(|value| value)
            .peek(|_, _| {})
            .flat_map_values(|value| vec![value])
            .group_by_key()
            .count();
    }),
    ("a repartitioned key is not changed", |b| {
        let counts = b.stream(A).group_by(|_, value| value.clone()).count().to_stream();
        counts.group_by_key().count().stored_as(count_store("again"));
    }),
    ("merge of a changed and an unchanged key", |b| {
        keyed(b.stream(A)).merge(b.stream(B)).group_by_key().count();
    }),
    ("branches of a changed key", |b| {
        let split = keyed(b.stream(A)).split().named("split-");
        let first = split.branch(|_, _| true);
        let rest = split.default_branch();
        first.group_by_key().count();
        rest.group_by_key().reduce(left).stored_as(text_store("rest"));
    }),
    ("two aggregates of a group", |b| {
        let group = b.stream(A).group_by(|_, value| value.clone());
        group.count();
        group.reduce(left);
    }),
    ("two aggregates of a named group", |b| {
        let group = b.stream(A).group_by(|_, value| value.clone()).named("shared");
        group.count().named("counting");
        let other = b.stream(B);
        other.to(OUT);
        group.reduce(left).stored_as(text_store("reduced"));
    }),
    ("a group by key that needs no topic", |b| {
        let group = b.stream(A).group_by_key();
        group.count();
        group.aggregate(String::new, replace);
    }),
];

const WINDOWS: &[Named] = &[
    ("tumbling count", |b| {
        b.stream(A).group_by_key().windowed_by(tumbling()).count().to_stream().to(WINDOWED_COUNTS);
    }),
    ("tumbling count named", |b| {
        b.stream(A).group_by_key().windowed_by(tumbling()).count().named("counting").to_stream().to(WINDOWED_COUNTS);
    }),
    ("tumbling count stored", |b| {
        b.stream(A).group_by_key().windowed_by(tumbling()).count().stored_as(WindowStore::new("counts"));
    }),
    ("tumbling count retained", |b| {
        b.stream(A)
            .group_by_key()
            .windowed_by(tumbling())
            .count()
            .stored_as(WindowStore::new("counts"))
            .retention(Duration::from_secs(7 * 24 * 3_600));
    }),
    ("tumbling count retained without a store's name", |b| {
        b.stream(A).group_by_key().windowed_by(tumbling()).count().retention(Duration::from_secs(7 * 24 * 3_600));
    }),
    ("tumbling count of a changed key", |b| {
        b.stream(A).group_by(|_, value| value.clone()).windowed_by(tumbling()).count().to_stream().to(WINDOWED_COUNTS);
    }),
    ("hopping reduce", |b| {
        b.stream(A).group_by_key().windowed_by(hopping()).reduce(left).to_stream().to(WINDOWED_TEXTS);
    }),
    ("hopping reduce of a changed key named and stored", |b| {
        keyed(b.stream(A))
            .group_by_key()
            .named("keyed")
            .windowed_by(hopping())
            .reduce(left)
            .named("reducing")
            .stored_as(WindowStore::new("reduced"))
            .changelog_config("segment.bytes", "1048576");
    }),
    ("tumbling aggregate not logged", |b| {
        b.stream(A).group_by_key().windowed_by(tumbling()).aggregate(String::new, replace).not_logged();
    }),
    ("two windows of a named group", |b| {
        let group = b.stream(A).group_by(|_, value| value.clone()).named("shared");
        group.windowed_by(tumbling()).count();
        group.windowed_by(hopping()).count().stored_as(WindowStore::new("hopping"));
        group.count();
    }),
    ("operators on a windowed table", |b| {
        let counts = b.stream(A).group_by_key().windowed_by(tumbling()).count().stored_as(WindowStore::new("counts"));
        counts.filter(|_, _| true).map_values(|count| count.to_string()).to_stream().to(WINDOWED_TEXTS);
        counts.to_stream().map(|key, count| (key.key, format!("{count:?}"))).group_by_key().count();
    }),
    ("a windowed table grouped again", |b| {
        let counts = b.stream(A).group_by_key().windowed_by(tumbling()).count();
        counts.group_by(|key, count| (key.key.clone(), count)).count().to_stream().to(COUNTS);
    }),
];

const TABLES: &[Named] = &[
    ("table", |b| {
        b.table(T).to_stream().to(OUT);
    }),
    ("table alone", |b| {
        b.table(T);
    }),
    ("table named", |b| {
        b.table(T).named("users").to_stream().to(OUT);
    }),
    ("table stored", |b| {
        b.table(T).stored_as(text_store("rows")).to_stream().to(OUT);
    }),
    ("table named and stored", |b| {
        b.table(T).named("users").stored_as(text_store("rows")).not_logged();
    }),
    ("table not cached", |b| {
        b.table(T).not_cached().to_stream().to(OUT);
    }),
    ("table operators", |b| {
        b.table(T)
            .filter(|_, _| true)
            .filter_not(|_, _| false)
            .map_values(|value| value)
            .map_values_with_key(|_, value| value)
            .to_stream()
            .to(OUT);
    }),
    ("table operators named", |b| {
        b.table(T)
            .filter(|_, _| true)
            .named("n-filter")
            .filter_not(|_, _| false)
            .named("n-filter-not")
            .map_values(|value| value)
            .named("n-map-values")
            .to_stream()
            .named("n-to-stream")
            .to(OUT);
    }),
    ("table operators stored", |b| {
        b.table(T)
            .filter(|_, _| true)
            .stored_as(text_store("filtered"))
            .filter_not(|_, _| false)
            .named("n-filter-not")
            .stored_as(text_store("filtered-not"))
            .map_values(|value| value)
            .stored_as(text_store("mapped"))
            .to_stream()
            .to(OUT);
    }),
    ("table operators not cached", |b| {
        b.table(T).filter(|_, _| true).not_cached().map_values(|value| value).not_cached().to_stream().to(OUT);
    }),
    ("to table", |b| {
        b.stream(A).to_table().to_stream().to(OUT);
    }),
    ("to table named", |b| {
        b.stream(A).to_table().named("latest").to_stream().to(OUT);
    }),
    ("to table stored", |b| {
        b.stream(A).to_table().stored_as(text_store("latest"));
    }),
    ("to table of a changed key", |b| {
        keyed(b.stream(A)).to_table().to_stream().to(OUT);
    }),
    ("to table of a changed key named and stored", |b| {
        keyed(b.stream(A)).to_table().named("making").stored_as(text_store("latest"));
    }),
    ("to table of a windowed key", |b| {
        b.stream(A)
            .group_by_key()
            .windowed_by(tumbling())
            .count()
            .to_stream()
            .map(|key, count| (key.key, format!("{count:?}")))
            .to_table()
            .to_stream()
            .to(OUT);
    }),
    ("a table's stream grouped", |b| {
        b.table(T).to_stream().group_by(|_, value| value.clone().unwrap_or_default()).count();
    }),
];

const GROUPED_TABLES: &[Named] = &[
    ("table group count", |b| {
        b.table(T).group_by(swapped).count().to_stream().to(COUNTS);
    }),
    ("table group named", |b| {
        b.table(T).group_by(swapped).named("by-value").count().to_stream().to(COUNTS);
    }),
    ("table group count named", |b| {
        b.table(T).group_by(swapped).count().named("counting").to_stream().to(COUNTS);
    }),
    ("table group count stored", |b| {
        b.table(T).group_by(swapped).count().stored_as(count_store("counts"));
    }),
    ("table group count not cached", |b| {
        b.table(T).group_by(swapped).count().not_cached().to_stream().to(COUNTS);
    }),
    ("table group reduce", |b| {
        b.table(T).group_by(swapped).reduce(left, left).to_stream().to(OUT);
    }),
    ("table group aggregate", |b| {
        b.table(T)
            .group_by(swapped)
            .aggregate(String::new, replace, replace)
            .named("aggregating")
            .stored_as(text_store("texts"))
            .to_stream()
            .to(OUT);
    }),
    ("two aggregates of a table group", |b| {
        let group = b.table(T).group_by(swapped);
        group.count();
        group.reduce(left, left);
    }),
    ("two aggregates of a named table group", |b| {
        let group = b.table(T).group_by(swapped).named("shared");
        group.count();
        group.reduce(left, left);
    }),
    ("a filtered table grouped", |b| {
        b.table(T).filter(|_, _| true).map_values(|value| value).group_by(swapped).count().to_stream().to(COUNTS);
    }),
    ("a stored filtered table grouped", |b| {
        b.table(T)
            .filter(|_, _| true)
            .stored_as(text_store("filtered"))
            .group_by(swapped)
            .count()
            .to_stream()
            .to(COUNTS);
    }),
    ("an aggregate grouped", |b| {
        b.stream(A)
            .group_by_key()
            .reduce(left)
            .group_by(swapped)
            .count()
            .map_values(|count| count.to_string())
            .group_by(swapped)
            .count()
            .to_stream()
            .to(COUNTS);
    }),
];

const JOINS: &[Named] = &[
    ("join", |b| {
        let table = b.table(T);
        b.stream(A).join(table, left).to(OUT);
    }),
    ("join with the stream first", |b| {
        let stream = b.stream(A);
        stream.left_join(b.table(T), |left, _| left).to(OUT);
    }),
    ("join named", |b| {
        let table = b.table(T).stored_as(text_store("rows"));
        b.stream(A).join(table, left).named("joining").to(OUT);
    }),
    ("join of a changed key", |b| {
        let table = b.table(T);
        keyed(b.stream(A)).join(table, left).to(OUT);
    }),
    ("left join of a changed key", |b| {
        let table = b.table(T);
        keyed(b.stream(A)).left_join(table, |left, _| left).group_by_key().count();
    }),
    ("join of a changed key named", |b| {
        let table = b.table(T);
        keyed(b.stream(A)).join(table, left).named("joining").to(OUT);
    }),
    ("join of a changed key that has a name", |b| {
        let table = b.table(T);
        b.stream(A).select_key(|_, value| value.clone()).named("keyed").join(table, left).to(OUT);
    }),
    ("two joins of a changed key", |b| {
        let table = b.table(T);
        let other = b.table(U);
        let stream = keyed(b.stream(A));
        stream.join(table, left).to(out(1));
        stream.left_join(other, |left, _| left).to(out(2));
    }),
    ("two named joins of a changed key", |b| {
        let table = b.table(T);
        let stream = keyed(b.stream(A));
        stream.join(table, left).named("first").to(out(1));
        stream.join(table, left).named("second").to(out(2));
        stream.group_by_key().count();
    }),
    ("join of a join", |b| {
        let table = b.table(T);
        b.stream(A).join(table, left).join(b.table(U), left).group_by_key().count();
    }),
    ("join with a filtered and mapped table", |b| {
        let table = b.table(T).filter(|_, _| true).map_values(|value| value);
        b.stream(A).join(table, left).to(OUT);
    }),
    ("join with a stored mapped table", |b| {
        let table = b.table(T).map_values(|value| value).stored_as(text_store("mapped")).filter(|_, _| true);
        b.stream(A).join(table, left).to(OUT);
    }),
    ("join with an aggregate", |b| {
        let counts = b.stream(A).group_by(|_, value| value.clone()).count();
        b.stream(B).join(counts, |left, _| left).to(OUT);
    }),
    ("join with its own aggregate", |b| {
        let stream = b.stream(A);
        stream.join(stream.group_by_key().count(), |left, _| left).to(OUT);
    }),
    ("join with a stream's table", |b| {
        let table = b.stream(B).to_table();
        b.stream(A).join(table, left).to(OUT);
    }),
    ("join with a repartitioned stream's table", |b| {
        let table = keyed(b.stream(B)).to_table();
        keyed(b.stream(A)).join(table, left).to(OUT);
    }),
    ("join with a grouped table", |b| {
        let counts = b.table(T).group_by(swapped).count();
        b.stream(A).left_join(counts, |left, _| left).to(OUT);
    }),
    ("join with a windowed table", |b| {
        let counts = b.stream(A).group_by_key().windowed_by(tumbling()).count();
        counts.to_stream().join(counts, |left, _| left.to_string()).to(WINDOWED_TEXTS);
    }),
    ("join of partitioned streams", |b| {
        let table = b.stream(B).repartition().named("right").partitions(4).to_table();
        b.stream(A).repartition().named("left").partitions(4).join(table, left).to(OUT);
    }),
    ("joins that share a table", |b| {
        let table = b.table(T);
        b.stream(A).join(table, left).to(out(1));
        b.stream(B).left_join(table, |left, _| left).to(out(2));
    }),
    ("a table that is joined, filtered and grouped", |b| {
        let table = b.table(T);
        table.filter(|_, _| true).to_stream().to(out(1));
        b.stream(A).join(table, left).to(out(2));
        table.filter_not(|_, _| true).to_stream().to(out(3));
        table.group_by(swapped).count();
    }),
];

const GLOBAL_TABLES: &[Named] = &[
    ("global table", |b| {
        b.global_table(G);
    }),
    ("global table named and stored", |b| {
        b.global_table(G).named("everywhere").stored_as(text_store("rows"));
    }),
    ("global join", |b| {
        let global = b.global_table(G);
        b.stream(A).join_global(global, |_, value| value.clone(), left).to(OUT);
    }),
    ("global left join", |b| {
        let global = b.global_table(G);
        b.stream(A).left_join_global(global, |_, value| Some(value.clone()), |left, _| left).to(OUT);
    }),
    ("global join named", |b| {
        let global = b.global_table(G).stored_as(text_store("rows"));
        b.stream(A).join_global(global, |_, value| value.clone(), left).named("joining").to(OUT);
    }),
    ("global tables between sub-topologies", |b| {
        b.stream(A).to(out(1));
        let first = b.global_table(G);
        let stream = b.stream(B);
        let second = b.global_table(H).named("second");
        stream
            .join_global(first, |_, value| value.clone(), left)
            .join_global(second, |_, value| value.clone(), left)
            .to(out(2));
        b.stream(C).to(out(3));
    }),
    ("a global join of a changed key", |b| {
        let global = b.global_table(G);
        keyed(b.stream(A)).join_global(global, |_, value| value.clone(), left).group_by_key().count();
    }),
];

const SEEN: Text = KeyValueStore::new("seen");
const TOTALS: Text = KeyValueStore::new("totals");
const NAMES: Text = KeyValueStore::new("names");

const PROCESSORS: &[Named] = &[
    ("process", |b| {
        b.stream(A).process((), |(), key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("process named", |b| {
        b.stream(A).process((), |(), key, value, out| out.send(key.clone(), value)).named("processing").to(OUT);
    }),
    ("process with stores", |b| {
        let stores = (TOTALS, SEEN, NAMES);
        b.stream(A).process(stores, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("process values with a store", |b| {
        b.stream(A).process_values(SEEN, |_, _, value, out| out.send(value)).group_by_key().count();
    }),
    ("process values named", |b| {
        b.stream(A).process_values((), |(), _, value, out| out.send(value)).named("processing").to(OUT);
    }),
    ("process changes the key", |b| {
        b.stream(A).process((), |(), key, value, out| out.send(key.clone(), value)).group_by_key().count();
    }),
    ("processors that share a store", |b| {
        b.stream(A).process(SEEN, |_, key, value, out| out.send(key.clone(), value)).to(out(1));
        b.stream(C).process((TOTALS,), |_, key, value, out| out.send(key.clone(), value)).to(out(3));
        b.stream(B).process(SEEN, |_, key, value, out| out.send(key.clone(), value)).named("other").to(out(2));
    }),
    ("a processor's store that is not logged", |b| {
        b.store(SEEN).not_logged();
        b.stream(A).process((SEEN, TOTALS), |_, key, value, out| out.send(key.clone(), value)).to(OUT);
        b.store(TOTALS).changelog_config("segment.bytes", "1048576");
    }),
];

const PROGRAMS: &[Named] = &[
    ("word count", |b| {
        b.stream(Topic::<(), String>::new("lines"))
            .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect())
            .group_by(|(), word| word.clone())
            .count()
            .to_stream()
            .to(Topic::<String, i64>::new("word-counts"));
    }),
    ("clicks per country", |b| {
        let users = b.table(Topic::<String, String>::new("users"));
        b.stream(Topic::<String, String>::new("clicks"))
            .filter(|_, _| true)
            .join(users, |_, country| country)
            .group_by(|_, country| country.clone())
            .windowed_by(tumbling())
            .count()
            .stored_as(WindowStore::new("clicks-by-country"))
            .to_stream()
            .to(Topic::<Windowed<String>, i64>::new("activity"));
    }),
    ("orders", |b| {
        let text = |name| Topic::<String, String>::new(name);
        let articles = b.global_table(text("articles")).stored_as(text_store("articles"));
        let customers = b.table(text("customers")).named("customers");
        let orders =
            b.stream(text("orders")).join_global(articles, |_, order| order.clone(), left).split().named("orders-");
        let known = orders.branch(|_, _| true).named("known");
        let unknown = orders.default_branch().named("unknown");
        unknown.to(text("rejected"));
        let known = known.select_key(|_, order| order.clone());
        known.left_join(customers, |order, _| order).named("with-customer").to(text("confirmed"));
        let per_customer = known
            .group_by_key()
            .named("per-customer")
            .count()
            .named("count-orders")
            .stored_as(count_store("orders-per-customer"));
        per_customer
            .group_by(|customer, count| (count.to_string(), customer.clone()))
            .count()
            .stored_as(count_store("customers-per-count"));
    }),
];

const SINKS: &[Named] = &[
    ("partitioners", |b| {
        let a = b.stream(A);
        a.to(out(1)).partitioned_by(|_, _, _| 0);
        a.repartition().partitioned_by(|_, _, _| 0).partitions(3).named("spread").to(out(2)).named("last");
    }),
    // The type's name is what Java prints for an object whose `toString` returns it.
    ("topics chosen record by record", |b| {
        let a = b.stream(A);
        a.to_with(chosen_topic);
        keyed(a).to_with(chosen_topic).named("chosen").partitioned_by(|_, _, _| 0);
        keyed(a).group_by_key().count().to_stream().filter_some().to(COUNTS);
    }),
];

fn chosen_topic(_: &String, _: &String, _: &RecordContext<'_>) -> Topic<String, String> {
    OUT
}
