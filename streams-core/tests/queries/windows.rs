//! Stores with one row per key and window.

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const MINUTE_MS: i64 = 60_000;
const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("views-per-minute");

fn per_minute() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(30));
    let kept = Duration::from_secs(600);
    builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().stored_as(PER_MINUTE).retention(kept);
    builder.build()
}

#[test]
fn a_keys_windows_are_found_by_time_and_those_that_have_expired_are_not() {
    let log = log_with("views");
    let mut sent = Sent::default();
    let mut view = |user: &str, minute: i64| {
        sent.note(log.send_at(&VIEWS, user, "/", Timestamp(minute * MINUTE_MS + 7)).expect("sent"));
    };
    for minute in 0..15 {
        for _ in 0..=minute % 3 {
            view("ada", minute);
        }
        view("grace", minute);
    }
    let running = start("views", per_minute(), &log);
    let minutes = running.query(&PER_MINUTE).expect("a view").at_least(&sent.0).waiting(PATIENCE);
    let starts = |rows: Vec<(Windowed<String>, i64)>| {
        let seen = rows.into_iter().map(|(key, views)| {
            assert_eq!(key.window.end.0 - key.window.start.0, MINUTE_MS);
            (key.key, key.window.start.0 / MINUTE_MS, views)
        });
        seen.collect::<Vec<_>>()
    };
    let ada =
        |minutes: &[i64]| minutes.iter().map(|minute| ("ada".to_owned(), *minute, minute % 3 + 1)).collect::<Vec<_>>();
    // The newest window starts at minute 14, and windows are kept for ten minutes after their start.
    let all = minutes.of("ada", ..).wait().expect("rows");
    assert_eq!(starts(all), ada(&[5, 6, 7, 8, 9, 10, 11, 12, 13, 14]));
    let some = minutes.of("ada", Timestamp(7 * MINUTE_MS)..Timestamp(10 * MINUTE_MS));
    assert_eq!(starts(some.wait().expect("rows")), ada(&[7, 8, 9]));
    let last = minutes.of("ada", ..).reversed().limit(2);
    assert_eq!(starts(last.wait().expect("rows")), ada(&[14, 13]));
    assert_eq!(minutes.get("ada", Timestamp(8 * MINUTE_MS)).wait(), Ok(Some(3)));
    assert_eq!(minutes.get("ada", Timestamp(8 * MINUTE_MS + 1)).wait(), Ok(None), "no window starts then");
    assert_eq!(minutes.get("nobody", Timestamp(8 * MINUTE_MS)).wait(), Ok(None));
    let both = starts(minutes.all(Timestamp(13 * MINUTE_MS)..).wait().expect("rows"));
    let row = |user: &str, minute, views| (user.to_owned(), minute, views);
    assert_eq!(both, [row("ada", 13, 2), row("grace", 13, 1), row("ada", 14, 3), row("grace", 14, 1)]);
    assert_eq!(minutes.of("ada", Timestamp(5)..Timestamp(5)).wait().expect("rows"), []);
    running.close().expect("a clean end");
}
