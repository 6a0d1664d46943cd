//! Global tables: every instance has all of their rows.

use streams_core::log::Doorbell;

use super::live::Copy;
use super::*;

const PRICES: Topic<String, i64> = Topic::new("prices");
const GONE: Topic<String, Option<i64>> = Topic::new("prices");
const ORDERS: Topic<String, String> = Topic::new("orders");
const OUT: Topic<String, i64> = Topic::new("out");
const KNOWN: KeyValueStore<String, i64> = KeyValueStore::new("known-prices");

#[test]
fn a_global_tables_rows_are_found() {
    let builder = StreamsBuilder::new();
    let prices = builder.global_table(PRICES).stored_as(KNOWN);
    builder.stream(ORDERS).join_global(prices, |_, article| article.clone(), |_, price| price).to(OUT);
    let log = log_with("orders");
    for (article, price) in [("tea", 3), ("milk", 1), ("tea", 4)] {
        log.send(&PRICES, article, price).expect("sent");
    }
    let running = start("prices", builder.build(), &log);
    let prices = running.query(&KNOWN).expect("a view");
    // They are complete before anything else begins.
    assert_eq!(prices.get("tea").wait(), Ok(Some(4)));
    assert_eq!(prices.all().wait(), Ok(vec![("milk".to_owned(), 1), ("tea".to_owned(), 4)]));
    assert_eq!(prices.approximate_count().wait(), Ok(Some(2)));
    log.send(&PRICES, "tea", 5).expect("sent");
    while prices.get("tea").wait() != Ok(Some(5)) {
        Doorbell::new().wait(Duration::from_millis(1));
    }
    running.close().expect("a clean end");
}

#[test]
fn a_global_table_is_followed() {
    let builder = StreamsBuilder::new();
    let prices = builder.global_table(PRICES).stored_as(KNOWN);
    builder.stream(ORDERS).join_global(prices, |_, article| article.clone(), |_, price| price).to(OUT);
    let log = log_with("orders");
    log.create_topic("prices", PARTITIONS).expect("a topic");
    log.send(&PRICES, "tea", 3).expect("sent");
    let running = start("prices", builder.build(), &log);
    let view = running.query(&KNOWN).expect("a view");
    let (mut all, mut tea) = (Copy::of(view.all().live()), Copy::of(view.prefixed("t").live()));
    let mut committed = Copy::of(running.query(&KNOWN).expect("a view").committed().all().live());
    let rows = |rows: &[(&str, i64)]| rows.iter().map(|(name, price)| ((*name).to_owned(), *price)).collect();
    all.until(&rows(&[("tea", 3)]));
    tea.until(&rows(&[("tea", 3)]));
    for round in 0..50 {
        for article in ["tea", "milk", "rice"] {
            log.send(&PRICES, article, round).expect("sent");
        }
    }
    log.send(&GONE, "milk", None::<i64>).expect("sent");
    for copy in [&mut all, &mut committed] {
        copy.until(&rows(&[("rice", 49), ("tea", 49)]));
    }
    tea.until(&rows(&[("tea", 49)]));
    running.close().expect("a clean end");
}
