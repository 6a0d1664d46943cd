//! Tests of blocking waits inside an async executor, as in an `async fn main`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::wrapped_log::{Answer, Ask, Asking, Wrap, WrappedLog};
use super::{COUNTS, LINES, word_count};
use crate::log::{Admin, Doorbell, Embedded, Isolation, Log as _, Reply};
use crate::record::{Offset, TopicPartition};
use crate::runtime::{App, AppState};

/// Answers asynchronously, as Kafka does.
struct Late;

struct LateAdmin {
    admin: Arc<dyn Admin>,
    doorbell: Doorbell,
}

impl Wrap for Late {
    fn admin(&self, admin: Arc<dyn Admin>, doorbell: Doorbell) -> Arc<dyn Admin> {
        Arc::new(Asking(LateAdmin { admin, doorbell }))
    }
}

impl Ask for LateAdmin {
    fn ask<T: Send + 'static>(
        &self,
        _what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let answer = question(&*self.admin);
        let (sender, reply) = Reply::later();
        let doorbell = self.doorbell.clone();
        std::thread::spawn(move || {
            let _ = sender.send(answer.wait().expect("an answer"));
            doorbell.ring();
        });
        reply
    }
}

fn late(log: &Embedded) -> WrappedLog<Late> {
    WrappedLog { log: log.clone(), wrap: Late }
}

/// Runs a batch job, starts and stops a service, and makes more requests than a tokio task may before it has to
/// yield.
fn wait_for_everything() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).expect("a topic");
    for word in ["to", "be", "to"] {
        log.send(&LINES, (), word).expect("sent");
    }
    App::new("batch", word_count()).run_until_idle(late(&log)).expect("no error");
    let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    let counts: BTreeMap<String, i64> = counts.collect();
    assert_eq!(counts, [("be".to_owned(), 1), ("to".to_owned(), 2)].into());

    let running = App::new("service", word_count()).start(late(&log)).expect("started");
    running.wait_until_running().expect("no error");
    assert_eq!(running.state(), AppState::Running);
    running.close().expect("no error");

    let admin = late(&log).admin(Doorbell::new()).expect("an admin client");
    for _ in 0..1_000 {
        let ends = admin.end_offsets(vec![TopicPartition::new("lines", 0)], Isolation::ReadUncommitted);
        assert_eq!(ends.wait(), Some(Ok(vec![Offset(3)])));
    }
}

/// Regression: tokio panicked with "Cannot block the current thread from within a runtime".
#[test]
fn a_batch_job_runs_inside_an_executor() {
    futures::executor::block_on(async { wait_for_everything() });
    let alone = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    alone.block_on(async { wait_for_everything() });
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    many.block_on(many.spawn(async { wait_for_everything() })).expect("no panic");
}
