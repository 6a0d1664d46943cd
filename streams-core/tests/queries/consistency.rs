//! What an answer is worth, and when there is none.

use streams_core::query::QueryError;

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
const PER_PAGE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-page");

fn counts() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
    builder.build()
}

/// With a commit every 30 seconds, none comes during the test.
#[test]
fn an_answer_has_what_is_not_committed_yet_unless_only_committed_rows_are_wanted() {
    let log = log_with("views");
    let running = start_as(App::new("counting", counts().expect("a topology")).at_least_once(), &log);
    let counts = running.query(&COUNTS).expect("a view").waiting(PATIENCE);
    let mut sent = Sent::default();
    for _ in 0..5 {
        sent.note(log.send(&VIEWS, "ada", "/").expect("sent"));
    }
    assert_eq!(counts.clone().at_least(&sent.0).get("ada").wait(), Ok(Some(5)));
    assert_eq!(counts.clone().committed().get("ada").wait(), Ok(None));
    assert_eq!(counts.clone().committed().all().wait(), Ok(Vec::new()));
    let behind = counts.committed().at_least(&sent.0).waiting(Duration::ZERO).get("ada").wait();
    let Err(QueryError::Behind { wanted, reached, .. }) = behind else { panic!("{behind:?}") };
    assert_eq!(wanted, sent.0);
    assert!(!reached.includes(&sent.0), "{reached}");
    running.close().expect("a clean end");
}

/// Each question is asked at once after its record was sent, most often before that was processed.
#[test]
fn everybody_reads_what_they_have_written() {
    let log = log_with("views");
    let running = start("own-writes", counts(), &log);
    let counts = running.query(&COUNTS).expect("a view").waiting(PATIENCE);
    for round in 1..=50_i64 {
        for (number, user) in ["ada", "grace", "linus"].into_iter().enumerate() {
            let (partition, offset) = log.send(&VIEWS, user, "/").expect("sent");
            let position = Position::behind(partition, offset);
            let view = counts.clone().at_least(&position);
            let view = if number == 0 { view.committed() } else { view };
            let (count, reached) = view.get(user).with_position().wait().expect("an answer");
            assert_eq!(count, Some(round), "{user}");
            assert!(reached.includes(&position), "{reached} {position}");
        }
    }
    running.close().expect("a clean end");
}

/// While everything is committed, rows are read beside the worker, which must not answer with a newer one before.
#[test]
fn nobody_hears_of_an_older_row_after_a_newer_one() {
    let log = log_with("views");
    let app = App::new("no-way-back", counts().expect("a topology")).commit_interval(Duration::from_millis(5));
    let running = start_as(app, &log);
    let counts = running.query(&COUNTS).expect("a view").waiting(PATIENCE);
    for round in 1..=100_i64 {
        let (partition, offset) = log.send(&VIEWS, "ada", "/").expect("sent");
        let position = Position::behind(partition, offset);
        assert_eq!(counts.clone().at_least(&position).get("ada").wait(), Ok(Some(round)));
        for _ in 0..3 {
            assert_eq!(counts.get("ada").wait(), Ok(Some(round)));
        }
        let committed = counts.clone().committed().at_least(&position);
        assert_eq!(committed.get("ada").wait(), Ok(Some(round)));
        assert_eq!(counts.get("ada").wait(), Ok(Some(round)));
    }
    running.close().expect("a clean end");
}

#[test]
fn a_position_in_a_topic_that_only_leads_to_the_store_is_an_error_that_says_what_it_reads() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by(|_, page| page.clone()).count().stored_as(PER_PAGE);
    let log = log_with("views");
    let running = start("pages", builder.build(), &log);
    let (partition, offset) = log.send(&VIEWS, "ada", "/").expect("sent");
    let view = running.query(&PER_PAGE).expect("a view").at_least(&Position::behind(partition, offset));
    let error = view.get("/").wait().expect_err("the store reads another topic").to_string();
    assert!(error.contains("`views-per-page` is not made of views-") && error.contains("-repartition-"), "{error}");
    running.close().expect("a clean end");
}

#[test]
fn a_store_that_is_not_there_or_is_of_another_kind_is_named() {
    let log = log_with("views");
    let running = start("names", counts(), &log);
    let unknown = running.query(&PER_PAGE).map(drop).expect_err("there is none").to_string();
    assert_eq!(unknown, "there is no store `views-per-page`; there are `counts`");
    let windows: WindowStore<String, i64> = WindowStore::new("counts");
    let other = running.query(&windows).map(drop).expect_err("it has no windows").to_string();
    let expected = "the store `counts` is a KeyValueStore, but it was asked for as a WindowStore; declare the constant as \
                    `KeyValueStore<.., ..>`";
    assert_eq!(other, expected);
    let small: KeyValueStore<String, i32> = KeyValueStore::new("counts");
    let other = running.query(&small).map(drop).expect_err("it has longer numbers").to_string();
    let expected =
        "the store `counts` has keys and values of the types String, i64, but it was asked for with String, i32";
    assert_eq!(other, expected);
    running.close().expect("a clean end");
}

#[test]
fn an_application_is_waited_for_while_it_starts_and_not_when_it_has_ended() {
    let log = log_with("views");
    let running = App::new("ending", counts().expect("a topology")).start(log).expect("it starts");
    let (handle, counts) = (running.handle(), running.query(&COUNTS).expect("a view"));
    assert_eq!(counts.clone().waiting(PATIENCE).get("ada").wait(), Ok(None));
    running.close().expect("a clean end");
    for error in [counts.get("ada").wait().map(drop), counts.all().wait().map(drop)] {
        assert!(matches!(error, Err(QueryError::NotRunning { state: AppState::NotRunning })), "{error:?}");
    }
    assert!(handle.query(&COUNTS).expect("a view").waiting(PATIENCE).get("ada").wait().is_err());
}

/// Ended like by a crash, with questions on their way all the time.
#[test]
fn no_question_waits_for_ever_when_the_application_is_killed() {
    let log = log_with("views");
    let running = start("killed", counts(), &log);
    let counts = running.query(&COUNTS).expect("a view").waiting(PATIENCE);
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let counts = counts.clone();
            std::thread::spawn(move || {
                loop {
                    match counts.get("ada").wait() {
                        Ok(_) => {}
                        Err(error) => return error,
                    }
                }
            })
        })
        .collect();
    running.kill();
    for asked in asking {
        let error = asked.join().expect("no panic");
        assert!(matches!(error, QueryError::NotRunning { .. }), "{error}");
    }
}
