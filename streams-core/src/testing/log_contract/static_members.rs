//! Clauses about static members (KIP-345), which the group knows again when they come back.

use std::time::Duration;

use super::client::{Bench, TestMember, position};
use super::groups::missed_an_owner;
use super::{LogUnderTest, Outcome};
use crate::log::{CommitOutcome, LogError, LogErrorKind, MemberOptions};

/// Longer than any clause takes.
const LONG: Duration = Duration::from_secs(300);

/// A static member that reads two partitions of this topic.
fn instance(bench: &Bench<'_>, topic: &str, id: &str, session_timeout: Duration) -> Result<TestMember, LogError> {
    bench.join(options(bench, topic, id, session_timeout))
}

fn options(bench: &Bench<'_>, topic: &str, id: &str, session_timeout: Duration) -> MemberOptions {
    let options = bench.member_options("group", id, &[(topic, 2)]);
    MemberOptions { instance_id: Some(bench.name(id)), session_timeout, rebalance_timeout: session_timeout, ..options }
}

/// Clause: a static member that comes back before its session has timed out is assigned its tasks again in the same
/// generation, under another member id, and the other members notice nothing. What its predecessor might still commit is
/// refused.
pub fn a_static_member_that_comes_back_has_its_tasks_in_the_same_generation(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let member = |id: &str| instance(&bench, &topic, id, LONG);
    let (mut a, mut b) = (member("a")?, member("b")?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let (before, of_b, revoked) = (a.current()?, b.current()?, b.revoked);
    drop(a);
    let mut a = member("a")?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let after = a.current()?;
    assert_eq!((after.generation, b.current()?), (before.generation, of_b.clone()), "nobody has rebalanced");
    assert_eq!((b.revoked, b.lost), (revoked, 0), "nor given up anything");
    assert_ne!(after.member_id, before.member_id);
    assert!(!after.directly_follows(&before), "its predecessor may have done more than it knows");
    let listed = bench.answer("members", bench.admin.group_members(&bench.name("group")))??;
    let listed: Vec<_> = listed.into_iter().map(|member| member.member_id).collect();
    assert_eq!(listed, [after.member_id.clone(), of_b.member_id]);

    let mut writer = bench.transactional_writer("id")?;
    writer.producer.begin_transaction()?;
    let late = writer.send_offsets(&[position(&topic, 0, 3, "late")], &before);
    assert!(matches!(&late, CommitOutcome::AbortRequired(error) if error.kind == LogErrorKind::Fenced), "{late:?}");
    assert_eq!(writer.abort(), CommitOutcome::Done);
    writer.producer.begin_transaction()?;
    assert_eq!(writer.send_offsets(&[position(&topic, 0, 4, "")], &after), CommitOutcome::Done);
    assert_eq!(writer.commit(), CommitOutcome::Done);
    let commit = a.member.committer().commit(&after, vec![position(&topic, 0, 5, "")]);
    assert_eq!(bench.answer("commit", commit)?, CommitOutcome::Done);
    Ok(())
}

/// Clause: a static member whose instance id another member joins with, while it is alive, can no longer commit, and is
/// told that it was replaced. The other one has its tasks.
pub fn who_takes_the_place_of_a_static_member_fences_it(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let member = |id: &str| instance(&bench, &topic, id, LONG);
    let (mut a, mut b) = (member("a")?, member("b")?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let (old, of_b, committer) = (a.current()?, b.current()?, a.member.committer());
    let mut twin = member("a")?;
    bench.settle(&mut [&mut twin, &mut b], &[&["0_0"], &["0_1"]]);
    let late = bench.answer("commit", committer.commit(&old, vec![position(&topic, 0, 3, "late")]))?;
    assert!(matches!(late, CommitOutcome::Fenced(_)), "{late:?}");
    bench.poll_until("a to hear of it", &mut [&mut a, &mut twin, &mut b], |members| {
        members.first().is_some_and(|member| member.was_replaced)
    });
    bench.wait_for("a to leave", || a.member.leave().is_ready().then_some(()));
    bench.let_pass(Duration::from_secs(1), || {
        twin.poll();
        b.poll();
    });
    assert_eq!((twin.tasks.clone(), twin.generation()), (vec!["0_0".to_owned()], Some(old.generation)));
    assert_eq!(b.current()?, of_b, "it does not take its successor along");
    Ok(())
}

/// Clause: when a static member leaves, the others get its tasks without waiting for its session timeout.
pub fn a_static_member_that_leaves_is_replaced_at_once(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let (mut a, mut b) = (instance(&bench, &topic, "a", LONG)?, instance(&bench, &topic, "b", LONG)?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    bench.wait_for("a to leave", || a.member.leave().is_ready().then_some(()));
    let begin = under_test.elapsed();
    bench.settle(&mut [&mut b], &[&["0_0", "0_1"]]);
    let took = under_test.elapsed().saturating_sub(begin);
    assert!(took < LONG, "it took {took:?}, as if the member had died");
    let mut a = instance(&bench, &topic, "a", LONG)?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    Ok(())
}

/// Clause: a static member that leaves while another one still has tasks to give up does not belong to the generation that
/// follows, or not for long.
pub fn a_static_member_that_leaves_in_the_middle_of_a_rebalance_is_not_waited_for(
    under_test: &dyn LogUnderTest,
) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let member = |id: &str| instance(&bench, &topic, id, LONG);
    let (mut a, mut b) = (member("a")?, member("b")?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    b.hesitates = true;
    let (before, mut c) = ((a.revoked, b.revoked), member("c")?);
    bench.poll_until("both to be asked", &mut [&mut a, &mut b, &mut c], |members| match members {
        [a, b, ..] => a.revoked > before.0 && b.revoked > before.1,
        _ => false,
    });
    // It joins again, and the group does not answer before `b` does.
    bench.let_pass(Duration::from_secs(1), || a.poll());
    let _ = a.member.leave();
    b.hesitates = false;
    b.give_up();
    bench.wait_for("a to leave", || {
        b.poll();
        c.poll();
        a.member.leave().is_ready().then_some(())
    });
    bench.settle(&mut [&mut b, &mut c], &[&["0_0"], &["0_1"]]);
    Ok(())
}

/// Clause: a static member that does not come back is replaced when its session times out, not before.
pub fn a_static_member_that_dies_is_replaced_after_the_session_timeout(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let session = under_test.session_timeout();
    let (mut a, mut b) = (instance(&bench, &topic, "a", session)?, instance(&bench, &topic, "b", session)?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let old = a.current()?;
    drop(a);
    bench.let_pass(session / 2, || b.poll());
    assert_eq!(b.tasks, ["0_1"], "the session is not over yet");
    bench.settle(&mut [&mut b], &[&["0_0", "0_1"]]);
    let mut a = instance(&bench, &topic, "a", session)?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    assert!(a.generation() > Some(old.generation), "by then it is a new member");
    Ok(())
}

/// Clause: the order of static members is that of their instance ids, whatever the names of their clients.
pub fn static_members_share_tasks_in_the_order_of_their_instance_ids(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let member = |client: &str, id: &str| {
        let options = options(&bench, &topic, id, LONG);
        bench.join(MemberOptions { client_id: bench.name(client), ..options })
    };
    let (mut b, mut a) = (member("m", "b")?, member("n", "a")?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    assert!(a.current()?.member_id.starts_with(&bench.name("a")), "the member id begins with the instance id");
    // Whoever takes a place is listed under the first client's name, as long as nobody rebalances.
    drop(a);
    let mut a = member("o", "a")?;
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let listed = bench.answer("members", bench.admin.group_members(&bench.name("group")))??;
    let clients: Vec<_> = listed.into_iter().map(|member| member.client_id).collect();
    assert_eq!(clients, [bench.name("n"), bench.name("m")]);
    Ok(())
}

/// Clause: a static member that takes longer than the rebalance timeout to give up its tasks loses them and is told so.
/// The others begin the next generation without it, but it stays a member.
pub fn a_static_member_that_does_not_give_up_in_time_loses_its_tasks(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 2)?;
    let session = under_test.session_timeout();
    let (mut a, mut b) = (instance(&bench, &topic, "a", session)?, instance(&bench, &topic, "b", session)?);
    bench.settle(&mut [&mut a, &mut b], &[&["0_0"], &["0_1"]]);
    let old = a.current()?;
    a.hesitates = true;
    let mut c = instance(&bench, &topic, "c", session)?;
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

/// Clause: the same as for other members holds for a static one whose session times out while others own its tasks.
pub fn a_static_member_that_missed_an_owner_of_its_tasks_can_tell(under_test: &dyn LogUnderTest) -> Outcome {
    missed_an_owner(under_test, Some(format!("{}-a", under_test.prefix())))
}
