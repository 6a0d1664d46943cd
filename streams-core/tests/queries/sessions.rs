//! Stores with one row per key and session.

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const VISITS: SessionStore<String, i64> = SessionStore::new("visits");

#[test]
fn sessions_are_found_by_key_and_by_the_moments_they_have() {
    let builder = StreamsBuilder::new();
    let visits = Sessions::gap(Duration::from_secs(30)).grace(Duration::from_secs(3_600));
    builder.stream(VIEWS).group_by_key().windowed_by(visits).count().stored_as(VISITS);
    let log = log_with("views");
    let mut sent = Sent::default();
    // Ada: 0 to 40 s and 100 to 110 s, grace: 20 s.
    for (user, second) in [("ada", 0), ("ada", 20), ("grace", 20), ("ada", 40), ("ada", 100), ("ada", 110)] {
        sent.note(log.send_at(&VIEWS, user, "/", Timestamp(second * 1_000)).expect("sent"));
    }
    let running = start("visits", builder.build(), &log);
    let visits = running.query(&VISITS).expect("a view").at_least(&sent.0).waiting(PATIENCE);
    let told = |rows: Vec<(Windowed<String, Session>, i64)>| {
        let told = rows.into_iter().map(|(key, views)| {
            format!("{} {}-{}: {views}", key.key, key.window.start.0 / 1_000, key.window.end.0 / 1_000)
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(visits.of("ada", ..).wait().expect("rows")), ["ada 0-40: 3", "ada 100-110: 2"]);
    let mut all = told(visits.all(..).wait().expect("rows"));
    all.sort();
    assert_eq!(all, ["ada 0-40: 3", "ada 100-110: 2", "grace 20-20: 1"]);
    let during = |from, to| told(visits.of("ada", Timestamp(from)..=Timestamp(to)).wait().expect("rows"));
    assert_eq!(during(40_000, 99_999), ["ada 0-40: 3"]);
    assert_eq!(during(40_001, 99_999), [""; 0]);
    assert_eq!(during(105_000, 105_000), ["ada 100-110: 2"]);
    running.close().expect("a clean end");
}
