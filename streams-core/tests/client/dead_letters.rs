//! Dead letters: read from the end, found by their place, and put back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streams_core::client::{DeadLetters, Newest, PartitionOffsets, PutBackError, Stays};
use streams_core::dead_letters::Replay;
use streams_core::record::Offset;

use super::*;

const DEAD: &str = "dead-letters";
const PRICES: Topic<String, String> = Topic::new("prices");

/// A letter of a test: its partition, its time, and whether it is in a transaction that ends, or one that is aborted, or
/// large.
#[derive(Debug, Clone, Copy)]
struct Written {
    partition: i32,
    time: i64,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Plain,
    Committed,
    Aborted,
    Large,
}

/// Writes letters, and returns those that can be read, as their partitions, offsets and times.
fn write_letters(log: &Embedded, letters: &[Written]) -> Vec<(i32, i64, i64)> {
    let mut plain = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let mut written = Vec::new();
    for Written { partition, time, fate } in letters {
        let is_in_transaction = matches!(fate, Fate::Committed | Fate::Aborted);
        let mut transaction = is_in_transaction.then(|| open_transaction(log));
        let producer = transaction.as_mut().unwrap_or(&mut plain);
        let topic = producer.topic(DEAD);
        let value = vec![b'x'; if *fate == Fate::Large { 1_000_000 } else { 1 }];
        let headers = Headers::new();
        let record = OutgoingRecord { key: None, value: Some(&value), timestamp: Timestamp(*time), headers: &headers };
        producer.send(topic, Partition(*partition), record).expect("there is room");
        assert_eq!(producer.flush(), Poll::Ready(Ok(())));
        let offset = producer.acknowledged(topic, Partition(*partition)).expect("acknowledged").0 - 1;
        if let Some(mut transaction) = transaction {
            let ended = match fate {
                Fate::Aborted => transaction.abort_transaction(),
                _ => transaction.commit_transaction(),
            };
            assert_eq!(ended, Poll::Ready(CommitOutcome::Done));
        }
        if *fate != Fate::Aborted {
            written.push((*partition, offset, *time));
        }
    }
    written
}

/// What is left, the newest first: of the last letters of all partitions, always the one with the latest time.
fn model(written: &[(i32, i64, i64)]) -> Vec<(i32, i64)> {
    let mut left: BTreeMap<i32, Vec<(i64, i64)>> = BTreeMap::new();
    written.iter().for_each(|(partition, offset, time)| left.entry(*partition).or_default().push((*time, *offset)));
    let mut newest = Vec::new();
    while let Some((partition, letters)) = left
        .iter_mut()
        .filter(|(_, letters)| !letters.is_empty())
        .max_by_key(|(_, letters)| letters.last().copied().map(|(time, _)| time))
    {
        newest.extend(letters.pop().map(|(_, offset)| (*partition, offset)));
    }
    newest
}

fn pages(letters: &DeadLetters, limit: usize, partition: Option<Partition>) -> Vec<(i32, i64)> {
    let (mut found, mut before) = (Vec::new(), None::<PartitionOffsets>);
    loop {
        let page = letters
            .newest(&Newest { limit, partitions: partition.into_iter().collect(), before: before.clone() })
            .expect("a page");
        assert!(page.records.len() <= limit);
        found.extend(page.records.iter().map(|letter| (letter.partition.0, letter.offset.0)));
        let Some(next) = page.next else { return found };
        // Whoever asks on gets on.
        assert_ne!(Some(&next), before.as_ref());
        before = Some(next.to_string().parse().expect("what it prints"));
    }
}

fn letters(client: &Client, log: &Embedded, partitions: u32) -> DeadLetters {
    log.create_topic(DEAD, partitions).expect("a new topic");
    client.dead_letters(DEAD).expect("a name")
}

fn written() -> impl Strategy<Value = Written> {
    let fate = prop_oneof![3 => Just(Fate::Plain), 2 => Just(Fate::Committed), 2 => Just(Fate::Aborted)];
    (0..3, 0..20_i64, fate).prop_map(|(partition, time, fate)| Written { partition, time, fate })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn pages_have_every_letter_once_and_the_newest_first(
        written in prop::collection::vec(written(), 0..80), limit in 1..30_usize,
    ) {
        let (log, client) = client();
        let letters = letters(&client, &log, 3);
        let written = write_letters(&log, &written);
        prop_assert_eq!(pages(&letters, limit, None), model(&written));
        let of_one: Vec<_> = written.iter().copied().filter(|(partition, ..)| *partition == 1).collect();
        prop_assert_eq!(pages(&letters, limit, Some(Partition(1))), model(&of_one));
        // Each is found by its place, and nothing between them.
        for partition in 0..3 {
            for offset in 0..100 {
                let found = letters.get(Partition(partition), Offset(offset)).expect("an answer").is_some();
                let is_there = written.iter().any(|letter| (letter.0, letter.1) == (partition, offset));
                prop_assert_eq!(found, is_there, "{}@{}", partition, offset);
            }
        }
    }

    #[test]
    fn no_text_is_too_strange_for_a_place(text in ".*") {
        if let Ok(before) = text.parse::<PartitionOffsets>() {
            prop_assert_eq!(before.to_string().parse::<PartitionOffsets>(), Ok(before));
        }
    }
}

/// A page stops before it takes too much memory, and the next one goes on there.
#[test]
fn large_letters_make_short_pages() {
    let (log, client) = client();
    let letters = letters(&client, &log, 2);
    let large = |partition| move |time| Written { partition, time, fate: Fate::Large };
    let written: Vec<_> = (0..14).map(large(0)).chain((14..20).map(large(1))).collect();
    let written = write_letters(&log, &written);
    let first = letters.newest(&Newest { limit: 100, ..Newest::default() }).expect("a page");
    assert_eq!(first.records.len(), 5);
    assert!(!first.total_is_exact && first.total == 20);
    assert_eq!(pages(&letters, 100, None), model(&written));
}

#[test]
fn the_number_of_letters_is_exact_if_all_are_in_one_page() {
    let (log, client) = client();
    let letters = letters(&client, &log, 2);
    let total = |limit| {
        let page = letters.newest(&Newest { limit, ..Newest::default() }).expect("a page");
        (page.total, page.total_is_exact)
    };
    assert_eq!(total(10), (0, true));
    // Two letters, and as many markers of transactions.
    write_letters(&log, &[0, 1].map(|partition| Written { partition, time: 0, fate: Fate::Committed }));
    assert_eq!(total(10), (2, true));
    assert_eq!(total(1), (4, false));
}

/// A letter of `prices` as an application writes it.
fn price_letter(client: &Client, headers: &[(&str, &str)]) -> (Partition, Offset) {
    let topic = Topic::<String, String>::new(DEAD);
    let mut all = Headers::new();
    headers.iter().for_each(|(name, value)| all.push(*name, (*value).to_owned()));
    let record = Record { key: "pen".to_owned(), value: "cheap".to_owned(), timestamp: Timestamp(7), headers: all };
    let (partition, offset) = client.send_record(&topic, record, None).expect("sent");
    (partition.partition, offset)
}

#[test]
fn a_letter_goes_back_as_it_was_and_not_too_often() {
    let (log, client) = client();
    let letters = letters(&client, &log, 1);
    let from = [("__streams.errors.topic", "prices"), ("__streams.errors.partition", "2"), ("trace", "t1")];
    let put_back = |at: (Partition, Offset), at_most| {
        let letter = letters.get(at.0, at.1).expect("an answer").expect("a letter");
        letters.put_back(&letter, at_most)
    };
    let first = price_letter(&client, &from);
    let missing = put_back(first, 1).expect_err("no topic").to_string();
    assert!(missing.starts_with("dead letter 0@0 was not put back: there is no topic `prices` on "), "{missing}");

    log.create_topic("prices", 3).expect("a new topic");
    let (partition, offset) = put_back(first, 1).expect("put back");
    assert_eq!((partition.to_string().as_str(), offset), ("prices-2", Offset(0)));
    let record = &log.read(&PRICES).expect("read")[0];
    assert_eq!((record.key.as_str(), record.value.as_str(), record.timestamp), ("pen", "cheap", Timestamp(7)));
    let headers: Vec<_> = record.headers.iter().map(|header| header.name.as_str()).collect();
    assert_eq!(headers, ["trace", "millstream.errors.replays"]);

    // It fails again.
    let again = price_letter(&client, &[from[0], from[1], ("millstream.errors.replays", "1")]);
    let why = |error: PutBackError| match error {
        PutBackError::Stays { why, .. } => Some(why),
        _ => None,
    };
    assert_eq!(put_back(again, 1).map_err(why), Err(Some(Stays::TooOften { replays: 1 })));
    assert!(put_back(again, 2).is_ok());
    let lost = price_letter(&client, &[]);
    assert_eq!(put_back(lost, 9).map_err(why), Err(Some(Stays::FromNowhere)));
    // The topic has fewer partitions than it had.
    let elsewhere = price_letter(&client, &[from[0], ("__streams.errors.partition", "7")]);
    let (by_key, _) = client.send(&PRICES, "pen", "120").expect("sent");
    assert_eq!(put_back(elsewhere, 1).expect("put back").0, by_key);
}

#[test]
fn a_dry_run_says_what_a_replay_does_next() {
    let (log, client) = client();
    let _letters = letters(&client, &log, 2);
    log.create_topic("prices", 1).expect("a new topic");
    let from = [("__streams.errors.topic", "prices")];
    for headers in [&from as &[_], &[], &from] {
        price_letter(&client, headers);
    }
    let dry_run = || Replay::of(DEAD).dry_run(&client).expect("an answer").to_string();
    let run = || Replay::of(DEAD).run(log.clone()).expect("it ends").to_string();
    assert_eq!(dry_run(), "2 records put back, 1 left");
    assert_eq!(log.read(&PRICES).expect("read").len(), 0);
    assert_eq!((run(), log.read(&PRICES).expect("read").len()), ("2 records put back, 1 left".to_owned(), 2));
    price_letter(&client, &from);
    assert_eq!(dry_run(), "1 record put back, 0 left");
    assert_eq!(run(), "1 record put back, 0 left");
    assert_eq!(dry_run(), "0 records put back, 0 left");
}
