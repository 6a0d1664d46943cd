//! A handler's node and attempts that end when nobody waits for them any more. What handlers do for a program is tested in
//! `streams-core/tests/handlers`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::FutureExt as _;
use futures::executor::block_on;

use super::{HandlerOptions, each, recipe};
use crate::executor::{Executor, Work};
use crate::operators::testing::{Chain, Setup, Word, at, values};
use crate::operators::{Recipe, StoreId};
use crate::state::kinds::InFlight;

const NOW: Duration = Duration::ZERO;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each attempt on a thread of its own, as a runtime with many threads does.
#[derive(Default)]
struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Executor for Threads {
    fn spawn(&self, work: Work) {
        let thread = std::thread::spawn(move || block_on(work));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    fn sleep(&self, _time: Duration) -> Work {
        std::future::pending().boxed()
    }
}

impl Threads {
    /// Waits for the attempt that was begun first.
    fn join_first(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(0).join().unwrap();
    }
}

/// A handler that is in the middle of its only poll until it is told what to return.
struct Blocking {
    begun: Receiver<Sender<i64>>,
    recipe: Recipe,
}

impl Blocking {
    fn new() -> Self {
        let (tell, begun) = channel();
        let tell = Mutex::new(tell);
        let handler = each(move |_job: super::Job<Word, Word>| {
            let (answer, told) = channel();
            tell.lock().unwrap_or_else(PoisonError::into_inner).send(answer).unwrap();
            async move { told.recv_timeout(PATIENCE) }
        });
        let recipe = recipe::<Word, Word, i64>((StoreId(0), Vec::new()), HandlerOptions::default(), handler);
        Self { begun, recipe }
    }

    /// The attempt that has begun.
    fn next(&self) -> Sender<i64> {
        self.begun.recv_timeout(PATIENCE).unwrap()
    }
}

type Node = Chain<Word, Word, Word, i64>;

fn attend(node: &mut Node, may_start: bool) -> usize {
    let attended = node.parts.attended[0].clone();
    attended.borrow_mut().attend(&mut node.context, NOW, may_start).unwrap()
}

fn setup(threads: &Arc<Threads>) -> Setup {
    Setup { kind: Arc::new(InFlight), executor: Arc::clone(threads) as _, ..Setup::default() }
}

/// A runtime cannot stop what it is polling. So an attempt that is cancelled may still come to its end, when the same record
/// is being handled again: that end is none of the new attempt's.
#[test]
fn an_attempt_that_was_withdrawn_in_the_middle_of_its_work_ends_no_other_one() {
    let (threads, handler) = (Arc::new(Threads::default()), Blocking::new());
    let mut node = Node::with(setup(&threads), &handler.recipe);
    node.send(at(1, "ada".into(), "a".into()));
    attend(&mut node, true);
    let first = handler.next();
    let attended = node.parts.attended[0].clone();
    // The task is revoked, and comes back.
    attended.borrow_mut().withdraw();
    attend(&mut node, true);
    let second = handler.next();
    first.send(1).unwrap();
    threads.join_first();
    attend(&mut node, true);
    assert_eq!(values(&node.received()), [0; 0], "the first attempt's end has no effect");
    assert_eq!(attended.borrow().running(), 1, "the second one is not over");
    second.send(2).unwrap();
    threads.join_first();
    attend(&mut node, true);
    assert_eq!((values(&node.received()), attended.borrow().is_idle()), (vec![2], true));
}

/// The same for a task that is undone: it is built anew from the same recipe, and counts its attempts from the beginning.
#[test]
fn an_attempt_of_a_task_that_was_undone_ends_none_of_the_task_that_follows() {
    let (threads, handler) = (Arc::new(Threads::default()), Blocking::new());
    let mut undone = Node::with(setup(&threads), &handler.recipe);
    undone.send(at(1, "ada".into(), "a".into()));
    attend(&mut undone, true);
    let first = handler.next();
    let mut node = undone.restarted(&handler.recipe);
    node.send(at(2, "bob".into(), "b".into()));
    attend(&mut node, true);
    let second = handler.next();
    first.send(1).unwrap();
    threads.join_first();
    attend(&mut node, true);
    assert_eq!(values(&node.received()), [0; 0]);
    second.send(2).unwrap();
    threads.join_first();
    attend(&mut node, true);
    assert_eq!(values(&node.received()), [2]);
}
