//! Stores asked by their names, with keys as texts and rows as JSON.

use futures::{Stream, StreamExt as _};
use serde_json::{Value as Json, json};
use streams_core::query::{JsonNews, JsonRow, QueryError, Wanted};

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const STOCK: Topic<i64, String> = Topic::new("stock");
const ARTICLES: KeyValueStore<i64, String> = KeyValueStore::new("articles");
const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");

fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.table(STOCK).stored_as(ARTICLES);
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(600));
    builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().stored_as(PER_MINUTE);
    builder.build()
}

fn keys(rows: &[JsonRow]) -> Vec<Json> {
    rows.iter().map(|row| row.key.clone()).collect()
}

#[test]
fn rows_are_asked_for_in_texts_and_answered_in_json() {
    let log = log_with("views");
    log.create_topic("stock", PARTITIONS).expect("a topic");
    let (mut views, mut stock) = (Sent::default(), Sent::default());
    for (user, second) in [("ada", 1), ("grace", 2), ("ada", 61), ("adam", 62)] {
        views.note(log.send_at(&VIEWS, user, "/", Timestamp(second * 1_000)).expect("sent"));
    }
    for number in 1..=30_i64 {
        stock.note(log.send_at(&STOCK, number, format!("article {number}"), Timestamp(7)).expect("sent"));
    }
    let running = start("json", topology(), &log);
    let articles = running.store("articles").expect("a store").at_least(&stock.0).waiting(PATIENCE);
    let row = JsonRow { key: json!(7), value: json!("article 7"), timestamp: Some(7) };
    assert_eq!(articles.get("7").expect("a key").wait(), Ok(Some(row)));
    assert_eq!(articles.get("31").expect("a key").wait(), Ok(None));

    // Page by page, to the end and back.
    for reversed in [false, true] {
        let mut wanted = Wanted { from: Some("5".into()), to: Some("25".into()), reversed, ..Wanted::default() };
        let mut found = Vec::new();
        loop {
            let page = articles.rows(&wanted, 8).expect("keys").wait().expect("rows");
            assert!(page.rows.len() == 8 || page.next.is_none());
            found.extend(keys(&page.rows));
            wanted.cursor = page.next;
            if wanted.cursor.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = (5..=25).map(|number| json!(number)).collect();
        if reversed {
            expected.reverse();
        }
        assert_eq!(found, expected);
    }

    let minutes = running.store("per-minute").expect("a store").at_least(&views.0).waiting(PATIENCE);
    let rows = |wanted: &Wanted| minutes.rows(wanted, 100).expect("keys").wait().expect("rows").rows;
    let key = |user: &str, minute: i64| json!({ "key": user, "start": minute * 60_000, "end": (minute + 1) * 60_000 });
    let ada = rows(&Wanted { key: Some("ada".into()), ..Wanted::default() });
    assert_eq!(keys(&ada), [key("ada", 0), key("ada", 1)]);
    let late = rows(&Wanted { window_from: Some(Timestamp(1)), prefix: Some("ada".into()), ..Wanted::default() });
    assert_eq!(keys(&late), [key("ada", 1), key("adam", 1)]);
    running.close().expect("a clean end");
}

#[test]
fn what_cannot_be_understood_is_an_error_that_says_how_to_ask() {
    let log = log_with("views");
    log.create_topic("stock", PARTITIONS).expect("a topic");
    let running = start("json-errors", topology(), &log);
    let articles = running.store("articles").expect("a store");
    let rows = |wanted: Wanted| articles.rows(&wanted, 10).map(drop).expect_err("it is wrong").to_string();
    let key = articles.get("seven").map(drop).expect_err("no number").to_string();
    assert!(key.starts_with("what is wanted of the store `articles`: not a value of type i64: `seven`"), "{key}");
    let prefix = rows(Wanted { prefix: Some("1".into()), ..Wanted::default() });
    assert!(
        prefix.ends_with("its keys are i64 and no texts, so they have no beginning; ask from one key to another"),
        "{prefix}"
    );
    let both = rows(Wanted { key: Some("1".into()), from: Some("1".into()), ..Wanted::default() });
    assert!(both.ends_with("only one of them"), "{both}");
    let cursor = articles.rows(&Wanted { cursor: Some("!".into()), ..Wanted::default() }, 10).map(drop);
    assert_eq!(cursor, Err(QueryError::Cursor));
    let unknown = running.store("none").map(drop).expect_err("there is none").to_string();
    assert_eq!(unknown, "there is no store `none`; there are `articles`, `per-minute`");
    running.close().expect("a clean end");
}

/// What is told until the next mark, and that mark.
fn until_a_mark(live: &mut (impl Stream<Item = Result<JsonNews, QueryError>> + Unpin)) -> (Vec<JsonNews>, String) {
    let mut told = Vec::new();
    loop {
        match futures::executor::block_on(live.next()).expect("it does not end").expect("news") {
            JsonNews::Mark(mark) => return (told, mark),
            news => told.push(news),
        }
    }
}

#[test]
fn a_store_is_followed_as_json() {
    let log = log_with("views");
    log.create_topic("stock", PARTITIONS).expect("a topic");
    let running = start("json-live", topology(), &log);
    let minutes = running.store("per-minute").expect("a store");
    let mut live = minutes.live(&Wanted { key: Some("ada".into()), ..Wanted::default() }, None).expect("a key");
    assert_eq!(until_a_mark(&mut live).0, [JsonNews::Reset, JsonNews::Complete]);
    for (user, second) in [("grace", 1), ("ada", 61)] {
        log.send_at(&VIEWS, user, "/", Timestamp(second * 1_000)).expect("sent");
    }
    let key = json!({ "key": "ada", "start": 60_000, "end": 120_000 });
    let row = JsonRow { key, value: json!(1), timestamp: Some(61_000) };
    assert_eq!(until_a_mark(&mut live).0, [JsonNews::Row(row)]);
    running.close().expect("a clean end");
}

#[test]
fn whoever_was_cut_off_hears_what_has_changed_since_and_nothing_else() {
    let log = log_with("views");
    log.create_topic("stock", PARTITIONS).expect("a topic");
    let running = start("json-resumed", topology(), &log);
    let minutes = running.store("per-minute").expect("a store");
    let mut position = Position::default();
    let mut send = |user: &str| {
        let (partition, offset) = log.send_at(&VIEWS, user, "/", Timestamp(1_000)).expect("sent");
        position.merge(&Position::behind(partition, offset));
        minutes.clone().at_least(&position).waiting(PATIENCE).get("nobody").expect("a key").wait().expect("no row");
    };
    let row = |user: &str, count: i64| {
        let key = json!({ "key": user, "start": 0, "end": 60_000 });
        JsonNews::Row(JsonRow { key, value: json!(count), timestamp: Some(1_000) })
    };
    ["ada", "grace"].into_iter().for_each(&mut send);
    let all = Wanted::default();
    let mut live = minutes.live(&all, None).expect("rows");
    let (told, mut mark) = until_a_mark(&mut live);
    assert_eq!(told, [JsonNews::Reset, row("ada", 1), row("grace", 1), JsonNews::Complete]);
    for round in 0..3 {
        drop(live);
        send("ada");
        live = minutes.live(&all, Some(&mark)).expect("rows");
        let (mut told, mut last) = until_a_mark(&mut live);
        // The change may have been published only now.
        if told.len() < 2 {
            let more = until_a_mark(&mut live);
            told.extend(more.0);
            last = more.1;
        }
        assert_eq!(told, [JsonNews::Resumed, row("ada", 2 + round)]);
        mark = last;
    }
    let anew = |wanted: &Wanted, since: &str| {
        let mut live = minutes.live(wanted, Some(since)).expect("rows");
        until_a_mark(&mut live).0.first() == Some(&JsonNews::Reset)
    };
    let of_ada = Wanted { key: Some("ada".into()), ..Wanted::default() };
    assert!(anew(&of_ada, &mark), "it is a mark of another question");
    assert!(["", ":", "what", &mark.replace('-', "0-")].iter().all(|mark| anew(&all, mark)), "they are no marks");
    let committed = minutes.clone().committed();
    assert_eq!(until_a_mark(&mut committed.live(&all, Some(&mark)).expect("rows")).0.first(), Some(&JsonNews::Reset));
    running.close().expect("a clean end");

    let running = start("json-resumed", topology(), &log);
    let mut live = running.store("per-minute").expect("a store").live(&all, Some(&mark)).expect("rows");
    assert_eq!(until_a_mark(&mut live).0.first(), Some(&JsonNews::Reset), "it is a mark of another process");
    drop(live);
    running.close().expect("a clean end");
}
