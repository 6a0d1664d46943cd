//! Brokers that crash and come back while clients are in the middle of something.

use std::sync::Arc;
use std::time::Duration;

use millstream_tests::kafka::OwnCluster;
use streams_core::log::{
    CommitOutcome, Doorbell, GroupPlan, Isolation, Log, LogError, LogErrorKind, Member, MemberEvent, MemberOptions,
    OffsetToCommit, PlannedSubtopology, Producer, ProducerOptions,
};
use streams_core::record::{Offset, TopicPartition};
use streams_kafka::Kafka;

use crate::bench::{Reader, decide, send, topic, wait_for, writer};

/// Ends the transaction as the engine would, and returns whether it was committed.
fn end(producer: &mut dyn Producer, bell: &Doorbell) -> bool {
    loop {
        match decide("commit", bell, || producer.commit_transaction()) {
            CommitOutcome::Done => return true,
            CommitOutcome::Retriable(_) => {}
            CommitOutcome::AbortRequired(_) => break,
            outcome => panic!("{outcome:?}"),
        }
    }
    loop {
        match decide("abort", bell, || producer.abort_transaction()) {
            CommitOutcome::Done => return false,
            CommitOutcome::Retriable(_) => {}
            outcome => panic!("{outcome:?}"),
        }
    }
}

fn transactional(kafka: &Kafka, bell: &Doorbell) -> Result<Box<dyn Producer>, LogError> {
    let options = ProducerOptions {
        client_id: "writer".into(),
        transactional_id: Some("id".into()),
        transaction_timeout_ms: 600_000,
        ..ProducerOptions::default()
    };
    let mut producer = kafka.producer(options, bell.clone())?;
    wait_for("registration", bell, || {
        let outcome = decide("init", bell, || producer.init_transactions());
        (outcome == CommitOutcome::Done).then_some(())
    });
    Ok(producer)
}

fn member(kafka: &Kafka, bell: &Doorbell, topic: &str) -> Result<Box<dyn Member>, LogError> {
    let topics = [(Arc::from(topic), 1)].into();
    let options = MemberOptions {
        group: format!("group-{topic}"),
        client_id: "member".into(),
        instance_id: None,
        plan: GroupPlan { subtopologies: vec![PlannedSubtopology { id: 0, topics }] },
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(6),
    };
    kafka.member(options, bell.clone())
}

/// Records that are sent while the only broker is down arrive once each and in order when it is back; the reader reports
/// the outage and continues automatically.
#[test]
fn a_broker_that_comes_back_costs_no_record() -> Result<(), LogError> {
    let cluster = OwnCluster::start("outage", 1);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let mut producer = writer(&kafka, &bell)?;
    let mut reader = Reader::new(&kafka, &partition, None)?;
    let expected: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    for (index, value) in expected.iter().enumerate() {
        if index == 1_000 {
            reader.until("what was sent before", |reader| reader.values.len() > 500);
            cluster.kill(1);
        }
        send(&mut *producer, &bell, &partition, value)?;
        producer.poll()?;
        assert!(producer.flush().is_pending() || index != 2_999, "nobody acknowledges");
    }
    reader.until("the outage to be told", |reader| !reader.errors.is_empty());
    cluster.revive();
    decide("flush", &bell, || producer.flush())?;
    reader.until("all records", |reader| reader.values.len() >= expected.len());
    reader.until("the end", |reader| reader.end.is_some());
    assert!(reader.values == expected, "{} records, or not in order", reader.values.len());
    assert!(reader.errors.iter().all(|error| error.kind == LogErrorKind::Unavailable), "{:?}", reader.errors);
    Ok(())
}

/// Transactions that are reported as committed are seen completely, and others not at all, whatever happens to the
/// brokers.
#[test]
fn transactions_are_whole_or_nothing_when_brokers_crash() -> Result<(), LogError> {
    let cluster = OwnCluster::start("crashes", 3);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let mut producer = transactional(&kafka, &bell)?;
    let mut committed = Vec::new();
    for number in 0..24 {
        producer.begin_transaction()?;
        for part in 0..5 {
            send(&mut *producer, &bell, &partition, &format!("{number}.{part}"))?;
        }
        // The three brokers in turn, at different moments of a transaction.
        let broker = number / 8 + 1;
        match number % 8 {
            2 => cluster.kill(broker),
            5 => cluster.revive(),
            _ => {}
        }
        if end(&mut *producer, &bell) {
            committed.extend((0..5).map(|part| format!("{number}.{part}")));
        }
    }
    let mut reader = Reader::new(&kafka, &partition, None)?;
    let last = committed.last().cloned();
    reader.until("the last committed record", |reader| reader.values.last() == last.as_ref());
    assert_eq!(reader.values, committed);
    assert!(committed.len() >= 60, "most transactions were committed: {}", committed.len());
    Ok(())
}

/// Regression: an application on a new cluster began with a warning that the log cannot be reached, because nobody
/// coordinates a group before the first one is asked for.
#[test]
fn a_new_cluster_has_groups_without_members() -> Result<(), LogError> {
    let cluster = OwnCluster::start("new", 1);
    let admin = Kafka::at(cluster.bootstrap_servers()).admin(Doorbell::new())?;
    for number in 0..50 {
        assert_eq!(admin.group_members(&format!("group-{number}")).wait(), Some(Ok(Vec::new())), "{number}");
    }
    Ok(())
}

/// A member keeps its tasks during an outage that is shorter than its session, or gets them back. Either way, its
/// positions are committed, in a generation that it belongs to.
#[test]
fn a_member_outlives_its_coordinator() -> Result<(), LogError> {
    let cluster = OwnCluster::start("members", 1);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let topic = topic(&kafka, 1)?;
    let mut member = member(&kafka, &bell, &topic)?;
    let committer = member.committer();
    let mut current = None;
    let mut commit = |member: &mut dyn Member, offset: i64| {
        wait_for("a commit", &bell, || {
            while let Some(event) = member.poll() {
                match event {
                    MemberEvent::Assigned { tasks, metadata } => {
                        assert_eq!(tasks.len(), 1);
                        current = Some(metadata);
                    }
                    MemberEvent::Revoked { .. } => {
                        current = None;
                        member.acknowledge_revoked();
                    }
                    MemberEvent::Lost => current = None,
                    MemberEvent::Failed(error) => assert!(error.is_transient(), "{error}"),
                    MemberEvent::Replaced => panic!("it is no static member"),
                }
            }
            let position = OffsetToCommit {
                partition: TopicPartition::new(topic.as_str(), 0),
                offset: Offset(offset),
                metadata: format!("at {offset}"),
            };
            let mut reply = committer.commit(current.as_ref()?, vec![position]);
            match decide("an answer", &bell, || {
                let _ = member.poll().map(|event| match event {
                    MemberEvent::Lost => current = None,
                    event => assert!(matches!(event, MemberEvent::Failed(_)), "{event:?}"),
                });
                reply.poll()
            }) {
                Some(CommitOutcome::Done) => Some(()),
                Some(CommitOutcome::Retriable(_) | CommitOutcome::Fenced(_)) => None,
                outcome => panic!("{outcome:?}"),
            }
        });
    };
    commit(&mut *member, 1);
    cluster.kill(1);
    cluster.revive();
    commit(&mut *member, 2);
    let asked = vec![TopicPartition::new(topic.as_str(), 0)];
    let mut reply = member.committer().committed(asked);
    let found = decide("positions", &bell, || reply.poll()).expect("an answer")?;
    let found = found.into_iter().flatten().map(|found| (found.offset.0, found.metadata)).collect::<Vec<_>>();
    assert_eq!(found, [(2, "at 2".to_owned())]);
    decide("leaving", &bell, || member.leave());
    Ok(())
}

/// Regression: an application that was started while its broker was down crashed in librdkafka when the broker came back
/// and answered the question for positions with "not the coordinator".
#[test]
fn who_asks_for_positions_before_the_coordinator_is_there_is_answered() -> Result<(), LogError> {
    let cluster = OwnCluster::start("positions", 1);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    for _ in 0..2 {
        cluster.kill(1);
        // A broker that is asked immediately does not yet know which groups it coordinates.
        let asked = (0..8).map(|number| {
            let admin = kafka.admin(bell.clone())?;
            Ok((admin.committed(&format!("group-{number}"), vec![partition.clone()]), admin))
        });
        let asked = asked.collect::<Result<Vec<_>, LogError>>()?;
        cluster.revive();
        for (reply, _admin) in asked {
            assert_eq!(reply.wait().expect("an answer")?, [None]);
        }
    }
    Ok(())
}

/// Regression: a group moved to another broker while its own one was restarted, and back afterwards. Whoever had asked in
/// between went on asking the wrong broker for ever, so applications stood still until they were restarted.
#[test]
fn who_asks_about_a_group_follows_it_from_broker_to_broker() -> Result<(), LogError> {
    let cluster = OwnCluster::start("coordinators", 3);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let (members, positions) = (kafka.admin(bell.clone())?, kafka.admin(bell.clone())?);
    // Enough for every broker to coordinate some; librdkafka remembers ten.
    let groups: Vec<_> = (0..8).map(|number| format!("group-{number}")).collect();
    let ask = |when: &str| {
        for group in &groups {
            wait_for(&format!("{group} {when}"), &bell, || {
                let found = members.group_members(group).wait().expect("an answer");
                found.inspect_err(|error| assert!(error.is_transient(), "{error}")).ok()
            });
            wait_for(&format!("positions of {group} {when}"), &bell, || {
                let found = positions.committed(group, vec![partition.clone()]).wait().expect("an answer");
                found.inspect_err(|error| assert!(error.is_transient(), "{error}")).ok()
            });
        }
    };
    ask("at first");
    cluster.kill(1);
    ask("while a broker is away");
    cluster.revive();
    let servers = ["--bootstrap-server", cluster.bootstrap_servers()];
    let election = ["--election-type", "preferred", "--all-topic-partitions"];
    let elect =
        || cluster.exec("org.apache.kafka.tools.LeaderElectionCommand", &[&servers[..], &election[..]].concat());
    // A broker that has just come back is elected when it has caught up.
    wait_for("the preferred leaders", &bell, || elect().ok());
    ask("when it leads again");
    Ok(())
}

/// Regression: a task that was reopened after its broker had crashed sent requests with the old leader's epoch, was
/// refused, and repeated that for five minutes.
#[test]
fn who_asked_for_an_end_before_a_crash_is_answered_after_it() -> Result<(), LogError> {
    let cluster = OwnCluster::start("ends", 1);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let mut producer = writer(&kafka, &bell)?;
    send(&mut *producer, &bell, &partition, "1")?;
    decide("flush", &bell, || producer.flush())?;
    let admin = kafka.admin(bell.clone())?;
    let ask = || admin.end_offsets(vec![partition.clone()], Isolation::ReadUncommitted).wait().expect("an answer");
    assert_eq!(ask()?, [Offset(1)]);
    cluster.kill(1);
    cluster.revive();
    let ends = wait_for("the end", &bell, || ask().inspect_err(|error| assert!(error.is_transient(), "{error}")).ok());
    assert_eq!(ends, [Offset(1)]);
    Ok(())
}
