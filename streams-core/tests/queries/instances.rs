//! Several instances that divide a store's tasks.

use streams_core::query::QueryError;

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

#[test]
fn each_row_is_with_one_instance_and_the_other_says_so() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
    let topology = builder.build().expect("a topology");
    let log = log_with("views");
    let users: Vec<_> = (0..40).map(|number| format!("user-{number}")).collect();
    let mut sent = Sent::default();
    for user in &users {
        sent.note(log.send(&VIEWS, user, "/").expect("sent"));
    }
    let first = start_as(App::new("divided", topology.clone()), &log);
    let second = start_as(App::new("divided", topology), &log);
    let is_divided = || first.assignment().len() == 2 && second.assignment().len() == 2;
    while !is_divided() {
        streams_core::log::Doorbell::new().wait(Duration::from_millis(5));
    }
    let view = |running: &Running| running.query(&COUNTS).expect("a view").at_least(&sent.0).waiting(PATIENCE);
    let (ones, others) = (view(&first), view(&second));
    for user in &users {
        let answers = [ones.get(user.as_str()).wait(), others.get(user.as_str()).wait()];
        let here = answers.iter().filter(|answer| **answer == Ok(Some(1))).count();
        let elsewhere = answers.iter().filter(|answer| matches!(answer, Err(QueryError::NotHere { .. }))).count();
        assert_eq!((here, elsewhere), (1, 1), "{user}: {answers:?}");
    }
    assert!(matches!(ones.all().wait(), Err(QueryError::NotHere { .. })), "half of the rows would be missing");
    let mut all = ones.local().all().wait().expect("rows");
    let of_the_first = all.len();
    all.extend(others.local().all().wait().expect("rows"));
    assert!(0 < of_the_first && of_the_first < users.len(), "{of_the_first}");
    let mut found: Vec<_> = all.into_iter().map(|(user, _)| user).collect();
    found.sort();
    let mut expected = users;
    expected.sort();
    assert_eq!(found, expected);
    second.close().expect("a clean end");
    first.close().expect("a clean end");
}
