//! What a topology says of its topics and stores to those who know no Rust types.

use std::time::Duration;

use millstream::Value;
use millstream::dsl::processor::ProcessorWindowStore;
use millstream::prelude::*;
use millstream::topic::TopicPattern;
use millstream::topology::InternalTopicKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Value, Debug, Clone, Serialize, Deserialize)]
#[streams(json)]
struct Order {
    article: u32,
}

const MINUTE: Duration = Duration::from_secs(60);
const ORDERS: Topic<String, Order> = Topic::new("orders");
const RETURNS: Topic<String, Option<Order>> = Topic::new("returns");
const ARTICLES: Topic<u32, String> = Topic::new("articles");
const PLACES: Topic<String, i64> = Topic::new("places");
const NAMED: Topic<String, String> = Topic::new("named");
const PER_MINUTE: Topic<Windowed<u32>, Option<i64>> = Topic::new("per-minute");

const COUNTS: WindowStore<u32, i64> = WindowStore::new("counts");
const SEEN: KeyValueStore<String, Timestamped<i64>> = KeyValueStore::new("seen");
const HOURS: ProcessorWindowStore<String, bool> = ProcessorWindowStore::new("hours", MINUTE, MINUTE);

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let orders = builder.stream(ORDERS);
    let windows = Tumbling::of(MINUTE).no_grace();
    let per_article = orders.group_by(|_, order| order.article).named("by-article").windowed_by(windows);
    per_article.count().stored_as(COUNTS).to_stream().to(PER_MINUTE);
    let sessions = Sessions::gap(MINUTE).no_grace();
    orders.group_by_key().windowed_by(sessions).count().stored_as(SessionStore::new("visits"));
    let returns = builder.stream(RETURNS).filter_some();
    let joined = JoinWindows::of(MINUTE).no_grace();
    orders
        .join(returns.within(joined), |order, _| order.article)
        .named("returned")
        .to(Topic::<String, u32>::new("returned"));
    let articles = builder.table(ARTICLES).stored_as(KeyValueStore::new("articles"));
    let lengths = articles.map_values(|name| name.len() as u64).stored_as(KeyValueStore::new("lengths"));
    lengths
        .group_by(|article, length| (length, *article))
        .named("by-length")
        .count()
        .stored_as(KeyValueStore::new("of-length"));
    let places = builder.global_table(PLACES).stored_as(KeyValueStore::new("places"));
    let seen = orders.process((SEEN, HOURS), |_, _, order, out: &mut Forward<'_, String, u32>| {
        out.send(String::new(), order.article);
    });
    seen.join_global(places, |key, _| key.clone(), |article, place| i64::from(article) + place).for_each(|_, _| {});
    builder.global_store(NAMED, KeyValueStore::<u64, bool>::new("numbers"), |_, _| {});
    builder.stream(TopicPattern::<(), Order>::of("more-.*")).for_each(|(), _| {});
    builder.build().unwrap()
}

#[test]
fn every_topic_has_its_types() {
    let lines = topology().topics().into_iter().map(|facts| {
        let role = match (&facts.internal, facts.is_read, facts.is_written) {
            (Some(InternalTopicKind::Changelog { .. }), ..) => "changelog",
            (Some(InternalTopicKind::Repartition { .. }), true, true) => "repartition",
            (None, true, false) => "input",
            (None, false, true) => "output",
            _ => "?",
        };
        let (key, value) = (facts.shapes.key.type_name(), facts.shapes.value.type_name());
        format!("{} | {role} | {key} | {value}", facts.topic.short_name())
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "articles | input | Option<u32> | Option<String>",
            "named | input | String | String",
            "orders | input | String | Order",
            "per-minute | output | Windowed<u32> | Option<i64>",
            "places | input | String | i64",
            "returned | output | String | u32",
            "returns | input | String | Option<Order>",
            "KSTREAM-JOINOTHER-0000000014-store-changelog | changelog | String | Order",
            "KSTREAM-JOINTHIS-0000000013-store-changelog | changelog | String | Order",
            "articles-changelog | changelog | u32 | String",
            "by-article-repartition | repartition | u32 | Order",
            "by-length-repartition | repartition | u64 | Change<u32>",
            "counts-changelog | changelog | u32 | i64",
            "hours-changelog | changelog | String | bool",
            "lengths-changelog | changelog | u32 | u64",
            "of-length-changelog | changelog | u64 | i64",
            "seen-changelog | changelog | String | i64",
            "visits-changelog | changelog | String | i64",
            "more-.* | input | () | Order",
        ]
    );
}

#[test]
fn every_store_has_its_types() {
    let mut lines: Vec<_> = topology()
        .stores()
        .into_iter()
        .map(|facts| {
            let (key, value) = (facts.shapes.key.type_name(), facts.shapes.value.type_name());
            let changelog = facts.changelog.as_ref().map_or("none", |topic| topic.short_name());
            let part = facts.subtopology.map_or_else(|| "?".to_owned(), |part| part.to_string());
            let global = if facts.is_global { "global " } else { "" };
            format!("{} | {global}{} | {part} | {key} | {value} | {changelog}", facts.name, facts.kind.name())
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "KSTREAM-JOINOTHER-0000000014-store | join-buffer | 0 | String | Order | KSTREAM-JOINOTHER-0000000014-store-changelog",
            "KSTREAM-JOINTHIS-0000000013-store | join-buffer | 0 | String | Order | KSTREAM-JOINTHIS-0000000013-store-changelog",
            "articles | table | 2 | u32 | String | articles-changelog",
            "counts | window | 1 | u32 | i64 | counts-changelog",
            "hours | windows | 0 | String | bool | hours-changelog",
            "lengths | table | 2 | u32 | u64 | lengths-changelog",
            "numbers | global table | 5 | u64 | bool | named",
            "of-length | table | 3 | u64 | i64 | of-length-changelog",
            "places | global table | 4 | String | i64 | places",
            "seen | table | 0 | String | i64 | seen-changelog",
            "visits | session | 0 | String | i64 | visits-changelog",
        ]
    );
}

/// An output topic whose constant does not say how long its windows are has those that are sent to it.
#[test]
fn windows_have_their_ends_where_the_topology_knows_them() {
    let window = Window { start: Timestamp(60_000), end: Timestamp(0) };
    let mut key = Vec::new();
    Windowed { key: 7_u32, window }.encode(&mut key).unwrap();
    let topics = topology().topics();
    let of = |name: &str| topics.iter().find(|facts| facts.topic.short_name() == name).unwrap().shapes.clone();
    let expected = json!({ "key": 7, "start": 60_000, "end": 120_000 });
    assert_eq!(of("per-minute").key.to_json(Some(&key)), Ok(expected.clone()));
    // A windowed store's changelog has a number behind the window's start.
    key.extend([0; 4]);
    assert_eq!(of("counts-changelog").key.to_json(Some(&key)), Ok(expected));
    assert_eq!(of("counts-changelog").value.to_json(Some(&3_i64.to_be_bytes())), Ok(json!(3)));
    let session = [&b"ada"[..], &9_i64.to_be_bytes(), &5_i64.to_be_bytes()].concat();
    assert_eq!(of("visits-changelog").key.to_json(Some(&session)), Ok(json!({ "key": "ada", "start": 5, "end": 9 })));
    assert_eq!(of("seen-changelog").key.to_json(Some(b"ada")), Ok(json!("ada")), "also that of a tombstone");
    assert!(of("counts-changelog").key.bytes_of_text("7").is_err(), "only the store writes it");
}
