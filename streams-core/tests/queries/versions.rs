//! Stores that keep the versions of their rows.

use streams_core::state::Version;

use super::*;

const RATES: Topic<String, Option<f64>> = Topic::new("rates");
const HISTORY: VersionedStore<String, f64> = VersionedStore::new("rates-history", Duration::from_secs(600));

#[test]
fn a_version_is_found_by_the_time_at_which_it_was_valid() {
    let builder = StreamsBuilder::new();
    builder.table(RATES).stored_as(HISTORY);
    let log = log_with("rates");
    let mut sent = Sent::default();
    for (currency, rate, second) in [
        ("dollar", Some(0.5), 10),
        ("dollar", Some(0.75), 20),
        ("pound", Some(1.5), 15),
        ("dollar", Some(0.8), 1_000),
        ("pound", None, 1_010),
    ] {
        sent.note(log.send_at(&RATES, currency, rate, Timestamp(second * 1_000)).expect("sent"));
    }
    let running = start("rates", builder.build(), &log);
    let rates = running.query(&HISTORY).expect("a view").at_least(&sent.0).waiting(PATIENCE);
    let version = |value, from: i64, until: Option<i64>| Version {
        value,
        from: Timestamp(from * 1_000),
        until: until.map(|until| Timestamp(until * 1_000)),
    };
    assert_eq!(rates.get("dollar").wait(), Ok(Some(version(0.8, 1_000, None))));
    assert_eq!(rates.get("pound").wait(), Ok(None), "it was deleted");
    let as_of = |currency: &str, second: i64| rates.as_of(currency, Timestamp(second * 1_000)).wait();
    assert_eq!(as_of("dollar", 999), Ok(Some(version(0.75, 20, Some(1_000)))));
    assert_eq!(as_of("dollar", 1_000), Ok(Some(version(0.8, 1_000, None))));
    assert_eq!(as_of("dollar", 100), Ok(None), "before the history of ten minutes began");
    assert_eq!(as_of("pound", 1_009), Ok(Some(version(1.5, 15, Some(1_010)))));
    let all = rates.of("dollar", Timestamp(500_000)..).wait();
    let dollar = |version| ("dollar".to_owned(), version);
    assert_eq!(all, Ok(vec![dollar(version(0.75, 20, Some(1_000))), dollar(version(0.8, 1_000, None))]));
    assert_eq!(rates.all().wait(), Ok(vec![("dollar".to_owned(), version(0.8, 1_000, None))]));
    running.close().expect("a clean end");
}
