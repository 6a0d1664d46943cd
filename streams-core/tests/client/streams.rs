//! Reading on as records come, as a stream for an async executor.

use futures::StreamExt as _;
use futures::executor::block_on;
use tokio::runtime::Builder;

use super::*;

/// More tails than threads, so a tail that blocked one would stop the others.
#[test]
fn many_tails_share_the_threads_of_an_executor() {
    const RECORDS: i64 = 3_000;
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(3).create().expect("created");
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let tails: Vec<_> = (0..8)
        .map(|_| {
            let mut tail = client.tail(&NUMBERS, StartAt::End).expect("a tail").stream();
            runtime.spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < usize::try_from(RECORDS).unwrap_or(0) {
                    seen.push(tail.next().await.expect("no end").expect("a record").record.value);
                }
                seen.sort_unstable();
                seen
            })
        })
        .collect();
    for number in 0..RECORDS {
        client.send(&NUMBERS, (), number).expect("sent");
    }
    for tail in tails {
        assert_eq!(runtime.block_on(tail).expect("it read"), (0..RECORDS).collect::<Vec<_>>());
    }
}

/// A reader answers each record, so every wake-up that is lost stops the test.
#[test]
fn no_wake_up_is_lost_between_two_that_answer_each_other() {
    const PINGS: Topic<(), i64> = Topic::new("pings");
    const PONGS: Topic<(), i64> = Topic::new("pongs");
    let (_, client) = client();
    client.create_topic(&PINGS).create().expect("created");
    client.create_topic(&PONGS).create().expect("created");
    let (mut pings, mut pongs) = (
        client.tail(&PINGS, StartAt::Beginning).expect("a tail").stream(),
        client.tail(&PONGS, StartAt::Beginning).expect("a tail").stream(),
    );
    let answering = client.clone();
    let answers = std::thread::spawn(move || {
        block_on(async {
            for _ in 0..2_000 {
                let ping = pings.next().await.expect("no end").expect("a record").record.value;
                answering.send(&PONGS, (), ping + 1).expect("sent");
            }
        });
    });
    let last = block_on(async {
        let mut number = 0;
        for _ in 0..2_000 {
            client.send(&PINGS, (), number).expect("sent");
            number = pongs.next().await.expect("no end").expect("a record").record.value;
        }
        number
    });
    answers.join().expect("it answered");
    assert_eq!(last, 2_000);
}

#[test]
fn a_stream_of_what_is_there_ends() {
    let (log, client) = client();
    client.send_all(&NUMBERS, (0..5_000).map(|n| ((), n))).expect("sent");
    write_bytes(&log, b"x");
    let items: Vec<_> = block_on(client.records(&NUMBERS).expect("records").stream().collect());
    let numbers: Vec<_> = items.iter().filter_map(|item| Some(item.as_ref().ok()?.record.value)).collect();
    assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
    assert_eq!(items.len(), 5_001);
}

/// A long run of records that are ready must not keep its executor from anything else.
#[test]
fn a_stream_lets_other_tasks_run() {
    const RECORDS: i64 = 10_000;
    let (_, client) = client();
    client.send_all(&NUMBERS, (0..RECORDS).map(|n| ((), n))).expect("sent");
    let mut tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").stream();
    let (sender, mut receiver) = tokio::sync::oneshot::channel();
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let other_ran_after = runtime.block_on(async move {
        let other = async move { sender.send(()).expect("somebody asks") };
        let reader = async move {
            let mut ran_after = None;
            for number in 0..RECORDS {
                tail.next().await.expect("no end").expect("a record");
                if ran_after.is_none() && receiver.try_recv().is_ok() {
                    ran_after = Some(number);
                }
            }
            ran_after
        };
        let (ran_after, ()) = futures::join!(reader, other);
        ran_after
    });
    assert!(other_ran_after.is_some_and(|number| number < RECORDS / 2), "{other_ran_after:?}");
}

/// What a dropped future had not returned yet comes next.
#[test]
fn a_wait_that_is_cancelled_loses_nothing() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).create().expect("created");
    let mut tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").stream();
    for number in 0..100 {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        {
            let waiting = std::pin::pin!(tail.next());
            assert!(waiting.poll(&mut context).is_pending());
        }
        client.send(&NUMBERS, (), number).expect("sent");
        assert_eq!(block_on(tail.next()).expect("no end").expect("a record").record.value, number);
    }
    drop(tail);
    client.send(&NUMBERS, (), 100).expect("a stream that was dropped is in nobody's way");
}
