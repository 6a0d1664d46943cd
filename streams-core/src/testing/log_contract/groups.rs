//! Clauses about groups and their committed positions.

use std::time::Duration;

use super::client::{Bench, position};
use super::{LogUnderTest, Outcome};
use crate::log::{CommitOutcome, CommittedOffset, GroupMemberInfo, LogError, LogErrorKind, MemberOptions};
use crate::record::{Offset, TopicPartition};

/// Clause: a group's only member gets all tasks, with the metadata of its group and generation.
pub fn a_lone_member_gets_every_task(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 3)?;
    let mut member = bench.member("group", "a", &[(&topic, 3)])?;
    bench.settle(&mut [&mut member], &[&["0_0", "0_1", "0_2"]]);
    let metadata = member.current()?;
    assert_eq!(metadata.group, bench.name("group"));
    assert!(metadata.generation >= 0 && !metadata.member_id.is_empty(), "{metadata:?}");
    assert!(metadata.member_id.starts_with(&bench.name("a")), "the member id begins with the client id");
    Ok(())
}

/// Clause: each member gets a contiguous range of tasks, in the order of the clients' names and regardless of who
/// joined first. Every rebalance starts a later generation.
pub fn members_share_tasks_in_the_order_of_their_names(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 4)?;
    let mut z = bench.member("group", "z", &[(&topic, 4)])?;
    bench.settle(&mut [&mut z], &[&["0_0", "0_1", "0_2", "0_3"]]);
    let first = z.generation();
    let mut a = bench.member("group", "a", &[(&topic, 4)])?;
    bench.settle(&mut [&mut a, &mut z], &[&["0_0", "0_1"], &["0_2", "0_3"]]);
    let second = z.generation();
    assert!(second > first, "{second:?} comes after {first:?}");
    let mut m = bench.member("group", "m", &[(&topic, 4)])?;
    bench.settle(&mut [&mut a, &mut m, &mut z], &[&["0_0", "0_1"], &["0_2"], &["0_3"]]);
    assert!(z.generation() > second);
    assert_ne!(a.current()?.member_id, z.current()?.member_id);
    Ok(())
}

/// Clause: a task goes to the member that is assigned its partition of the widest topic, although each topic is
/// assigned separately.
pub fn a_task_goes_with_the_widest_topic(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (narrow, wide) = (bench.topic("narrow", 1)?, bench.topic("wide", 4)?);
    let topics = [(narrow.as_str(), 1), (wide.as_str(), 4)];
    let (mut a, mut b) = (bench.member("group", "a", &topics)?, bench.member("group", "b", &topics)?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0", "0_1"], &["0_2", "0_3"]]);
    Ok(())
}

/// Clause: if there are more members than tasks, the last ones by name have no tasks.
pub fn members_beyond_the_number_of_tasks_get_none(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let (mut a, mut b) = (bench.member("group", "a", &[(&topic, 1)])?, bench.member("group", "b", &[(&topic, 1)])?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &[]]);
    bench.wait_for("the owner to leave", || a.member.leave().is_ready().then_some(()));
    bench.settle(&mut [&mut b], &[&["0_0"]]);
    Ok(())
}

/// Clause: when a member leaves, the others get its tasks without waiting for a session timeout. Leaving twice is
/// harmless.
pub fn who_leaves_is_replaced(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let (mut a, mut b) = (bench.member("group", "a", &[(&topic, 2)])?, bench.member("group", "b", &[(&topic, 2)])?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    bench.wait_for("a to leave", || a.member.leave().is_ready().then_some(()));
    let begin = under_test.elapsed();
    bench.settle(&mut [&mut b], &[&["0_0", "0_1"]]);
    let took = under_test.elapsed().saturating_sub(begin);
    assert!(took < under_test.session_timeout(), "it took {took:?}, as if the member had died");
    bench.wait_for("a to leave again", || a.member.leave().is_ready().then_some(()));
    assert_eq!(a.member.poll(), None, "who left hears no more");
    Ok(())
}

/// Clause: a member that is dropped without leaving is replaced when its session times out, not before.
pub fn who_dies_is_replaced_after_the_session_timeout(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let (mut a, mut b) = (bench.member("group", "a", &[(&topic, 2)])?, bench.member("group", "b", &[(&topic, 2)])?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    drop(a);
    bench.let_pass(under_test.session_timeout() / 2, || b.poll());
    assert_eq!(b.tasks, ["0_1"], "the session is not over yet");
    bench.settle(&mut [&mut b], &[&["0_0", "0_1"]]);
    Ok(())
}

/// Clause: no member is assigned tasks that another has not yet given up.
pub fn nothing_is_given_out_before_it_is_given_up(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let mut a = bench.member_with("group", "a", &[(&topic, 2)], Duration::from_secs(60))?;
    bench.settle(&mut [&mut a], &[&["0_0", "0_1"]]);
    a.hesitates = true;
    let mut b = bench.member_with("group", "b", &[(&topic, 2)], Duration::from_secs(60))?;
    bench.poll_until("a to be asked", &mut [&mut a, &mut b], |members| {
        members.first().is_some_and(|member| member.revoked == 1)
    });
    bench.let_pass(Duration::from_secs(2), || {
        a.poll();
        b.poll();
        assert!(b.metadata.is_none() && b.tasks.is_empty(), "a has not given up its tasks");
    });
    assert_eq!(a.revoked, 1, "asked once");
    a.hesitates = false;
    a.give_up();
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    Ok(())
}

/// Clause: a member that takes longer than the rebalance timeout to give up its tasks loses them, is told so, and may
/// rejoin.
pub fn who_does_not_give_up_in_time_loses_its_tasks(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let (mut a, mut b) = (bench.member("group", "a", &[(&topic, 2)])?, bench.member("group", "b", &[(&topic, 2)])?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let old = a.current()?;
    a.hesitates = true;
    let mut c = bench.member("group", "c", &[(&topic, 2)])?;
    bench.poll_until("a to lose its task", &mut [&mut a, &mut b, &mut c], |members| {
        members.first().is_some_and(|member| member.lost == 1)
    });
    let commit = a.member.committer().commit(&old, vec![position(&topic, 0, 1, "")]);
    let outcome = bench.answer("commit", commit)?;
    assert!(matches!(outcome, CommitOutcome::Fenced(_)), "{outcome:?}");
    a.hesitates = false;
    bench.settle(&mut [&mut a, &mut b, &mut c], &[&["0_0"], &["0_1"], &[]]);
    Ok(())
}

/// Clause: between revocation and its acknowledgement the old generation may still commit; once the next generation
/// has begun, it may not.
pub fn the_old_generation_commits_until_it_gave_up(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let mut a = bench.member_with("group", "a", &[(&topic, 2)], Duration::from_secs(60))?;
    bench.settle(&mut [&mut a], &[&["0_0", "0_1"]]);
    let old = a.current()?;
    a.hesitates = true;
    let mut b = bench.member_with("group", "b", &[(&topic, 2)], Duration::from_secs(60))?;
    bench.poll_until("a to be asked", &mut [&mut a, &mut b], |members| {
        members.first().is_some_and(|member| member.revoked == 1)
    });
    let committer = a.member.committer();
    let plain = bench.answer("commit", committer.commit(&old, vec![position(&topic, 0, 4, "plain")]))?;
    assert_eq!(plain, CommitOutcome::Done);
    let mut writer = bench.transactional_writer("id")?;
    writer.producer.begin_transaction()?;
    assert_eq!(writer.send_offsets(&[position(&topic, 1, 5, "transactional")], &old), CommitOutcome::Done);
    assert_eq!(writer.commit(), CommitOutcome::Done);
    a.hesitates = false;
    a.give_up();
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let late = bench.answer("commit", committer.commit(&old, vec![position(&topic, 0, 9, "late")]))?;
    assert!(matches!(late, CommitOutcome::Fenced(_)), "{late:?}");
    let asked = vec![TopicPartition::new(topic.as_str(), 0), TopicPartition::new(topic.as_str(), 1)];
    let expected = [(4, "plain"), (5, "transactional")]
        .map(|(offset, metadata)| Some(CommittedOffset { offset: Offset(offset), metadata: metadata.into() }));
    assert_eq!(bench.answer("committed", committer.committed(asked))??, expected);
    Ok(())
}

/// Clause: a member that gives up its tasks when asked is assigned tasks again as the same member, in the very next
/// generation. This tells it that nobody owned them in between, so it can resume them.
pub fn who_takes_part_in_a_rebalance_can_tell_that_nobody_came_between(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 3)?;
    let mut a = bench.member("group", "a", &[(&topic, 3)])?;
    bench.settle(&mut [&mut a], &[&["0_0", "0_1", "0_2"]]);
    let mut b = bench.member("group", "b", &[(&topic, 3)])?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0", "0_1"], &["0_2"]]);
    let mut c = bench.member("group", "c", &[(&topic, 3)])?;
    bench.settle(&mut [&mut a, &mut b, &mut c], &[&["0_0"], &["0_1"], &["0_2"]]);
    assert!(a.came_back.len() >= 2, "two rebalances: {:?}", a.came_back);
    for (earlier, later) in a.came_back.iter().chain(&b.came_back) {
        assert!(later.directly_follows(earlier), "{later:?} after {earlier:?}");
    }
    Ok(())
}

/// Clause: a member gives up its tasks, then hears nothing while another member owns them and commits. It is either
/// told that they are lost, or assigned tasks in a membership that does not directly follow the old one. The old
/// membership can no longer commit.
pub fn who_missed_an_owner_of_its_tasks_can_tell(under_test: &dyn LogUnderTest) -> Outcome {
    missed_an_owner(under_test, None)
}

pub(super) fn missed_an_owner(under_test: &dyn LogUnderTest, instance_id: Option<String>) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let options = bench.member_options("group", "a", &[(&topic, 2)]);
    let mut a = bench.join_from_afar(MemberOptions { instance_id, ..options })?;
    let mut b = bench.member("group", "b", &[(&topic, 2)])?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let old = a.current()?;
    let mut c = bench.member("group", "c", &[(&topic, 2)])?;
    bench.poll_until("a to give up its task", &mut [&mut a, &mut b, &mut c], |members| {
        members.first().is_some_and(|member| member.revoked == 1)
    });
    // From now on `a` is cut off from the group, or at least silent.
    let is_cut = under_test.cut(true);
    bench.settle_while(&mut [&mut b, &mut c], &[&["0_0"], &["0_1"]], || {
        if is_cut {
            a.poll();
        }
    });
    let between = b.current()?;
    let commit = b.member.committer().commit(&between, vec![position(&topic, 0, 7, "of b")]);
    assert_eq!(bench.answer("commit", commit)?, CommitOutcome::Done);

    under_test.cut(false);
    let committer = a.member.committer();
    bench.settle(&mut [&mut a, &mut b, &mut c], &[&["0_0"], &["0_1"], &[]]);
    let current = a.current()?;
    assert!(current.generation > between.generation, "{current:?} after {between:?}");
    assert!(!current.directly_follows(&old), "{current:?} after {old:?}, and b came between");
    for (earlier, later) in &a.came_back {
        assert!(*earlier != old || !later.directly_follows(earlier), "{later:?} after {earlier:?}: b came between");
    }
    let late = bench.answer("commit", committer.commit(&old, vec![position(&topic, 0, 3, "late")]))?;
    assert!(matches!(late, CommitOutcome::Fenced(_)), "{late:?}");
    let asked = vec![TopicPartition::new(topic.as_str(), 0)];
    let expected = CommittedOffset { offset: Offset(7), metadata: "of b".into() };
    assert_eq!(bench.answer("committed", committer.committed(asked))??, [Some(expected)]);
    Ok(())
}

/// Clause: a committed position is returned with its metadata, of up to 4,096 bytes. The last commit counts; a
/// partition without a commit has no position.
pub fn committed_offsets_come_back_with_their_metadata(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 3)?;
    let mut member = bench.member("group", "a", &[(&topic, 3)])?;
    bench.settle(&mut [&mut member], &[&["0_0", "0_1", "0_2"]]);
    let (committer, metadata) = (member.member.committer(), member.current()?);
    let text = "m".repeat(4_096);
    for offsets in
        [vec![position(&topic, 0, 10, "old"), position(&topic, 1, 0, "")], vec![position(&topic, 0, 12, &text)], vec![]]
    {
        let outcome = bench.answer("commit", committer.commit(&metadata, offsets))?;
        assert_eq!(outcome, CommitOutcome::Done);
    }
    let asked = [2, 0, 1].map(|partition| TopicPartition::new(topic.as_str(), partition)).to_vec();
    let expected = [
        None,
        Some(CommittedOffset { offset: Offset(12), metadata: text }),
        Some(CommittedOffset { offset: Offset(0), metadata: String::new() }),
    ];
    assert_eq!(bench.answer("committed", committer.committed(asked))??, expected, "in the order of the question");
    Ok(())
}

/// Clause: a group's later members see what it has committed.
pub fn committed_offsets_outlive_the_members(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let mut first = bench.member("group", "a", &[(&topic, 1)])?;
    bench.settle(&mut [&mut first], &[&["0_0"]]);
    let old = first.current()?;
    let commit = first.member.committer().commit(&old, vec![position(&topic, 0, 3, "kept")]);
    assert_eq!(bench.answer("commit", commit)?, CommitOutcome::Done);
    bench.wait_for("the member to leave", || first.member.leave().is_ready().then_some(()));
    let mut next = bench.member("group", "a", &[(&topic, 1)])?;
    bench.settle(&mut [&mut next], &[&["0_0"]]);
    assert!(next.generation() > Some(old.generation), "generations go on");
    let asked = vec![TopicPartition::new(topic.as_str(), 0)];
    let expected = CommittedOffset { offset: Offset(3), metadata: "kept".into() };
    assert_eq!(bench.answer("committed", next.member.committer().committed(asked))??, [Some(expected)]);
    Ok(())
}

/// Clause: anybody can list a group's members with their client names and their shares. A member that left is gone at once,
/// one that died when its session times out.
pub fn the_members_of_a_group_are_known_to_all(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let members = || {
        let members = bench.answer("members", bench.admin.group_members(&bench.name("group")))??;
        let facts = |member: GroupMemberInfo| (member.member_id, member.client_id, member.assigned);
        Ok::<_, LogError>(members.into_iter().map(facts).collect::<Vec<_>>())
    };
    assert_eq!(members()?, [], "nobody has joined yet");
    let (mut a, mut b) = (bench.member("group", "a", &[(&topic, 2)])?, bench.member("group", "b", &[(&topic, 2)])?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let [of_a, of_b] = [(a.current()?, "a", 0), (b.current()?, "b", 1)].map(|(own, name, partition)| {
        (own.member_id, bench.name(name), vec![TopicPartition::new(topic.as_str(), partition)])
    });
    assert_eq!(members()?, [of_a, of_b.clone()]);
    bench.wait_for("a to leave", || a.member.leave().is_ready().then_some(()));
    let is_alone = || members().is_ok_and(|members| matches!(&*members, [(id, ..)] if *id == of_b.0));
    bench.wait_for("a to be gone", || is_alone().then_some(()));
    drop(b);
    bench.wait_for("b's session to run out", || members().is_ok_and(|members| members.is_empty()).then_some(()));
    Ok(())
}

/// Clause: a group without members can be forgotten with its positions; one with members cannot.
pub fn a_group_without_members_can_be_forgotten(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let (group, at) = (bench.name("group"), TopicPartition::new(topic.as_str(), 0));
    let forget = || bench.answer("forgetting the group", bench.admin.delete_group(&group));
    let committed = || bench.answer("positions", bench.admin.committed(&group, vec![at.clone()]));
    assert_eq!(forget()?, Ok(()), "there is no such group");

    let mut member = bench.member("group", "a", &[(&topic, 1)])?;
    bench.settle(&mut [&mut member], &[&["0_0"]]);
    let commit = member.member.committer().commit(&member.current()?, vec![position(&topic, 0, 5, "here")]);
    assert_eq!(bench.answer("commit", commit)?, CommitOutcome::Done);
    assert_eq!(forget()?.map_err(|error| error.kind), Err(LogErrorKind::InUse), "it has a member");
    assert_eq!(committed()??.iter().flatten().count(), 1);

    bench.wait_for("the member to leave", || member.member.leave().is_ready().then_some(()));
    bench.wait_for("the group to be forgotten", || matches!(forget(), Ok(Ok(()))).then_some(()));
    assert_eq!(committed()??, [None]);
    assert_eq!(forget()?, Ok(()), "it is gone already");
    Ok(())
}
