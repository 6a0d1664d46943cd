//! Syncs a durable log to disk, without any call waiting for the disk.
//!
//! A commit asks for a sync, and its doorbell is rung when that is done. One thread does all syncs, so commits that
//! arrive at the same time share one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;

use futures::channel::oneshot;

use super::storage::Storage;
use crate::log::{CommitOutcome, Doorbell, LogError, LogErrorKind};

pub(super) struct Syncer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// A request to sync, which is done once everything written before it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Default)]
struct Desk {
    orders: Mutex<Orders>,
    wake: Condvar,
}

#[derive(Default)]
struct Orders {
    asked: u64,
    synced: u64,
    waiting: Vec<Asker>,
    failure: Option<LogError>,
    stop: bool,
}

struct Asker {
    ticket: u64,
    doorbell: Doorbell,
    /// For a caller that waits for an answer instead of polling.
    answer: Option<oneshot::Sender<CommitOutcome>>,
}

impl Syncer {
    pub(super) fn start(storage: Arc<Storage>) -> Result<Self, LogError> {
        let desk = Arc::new(Desk::default());
        let theirs = Arc::clone(&desk);
        let thread = std::thread::Builder::new().name("embedded-log-sync".to_owned());
        let thread = thread.spawn(move || theirs.serve(&storage)).map_err(|error| {
            LogError::new(LogErrorKind::Other, format!("the embedded log cannot start its sync thread: {error}"))
        })?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Asks to sync everything written so far; rings the doorbell when it is done.
    pub(super) fn ask(&self, doorbell: &Doorbell) -> Ticket {
        Ticket(self.desk.ask(doorbell, None))
    }

    /// Whether a request is done.
    pub(super) fn poll(&self, ticket: Ticket) -> Poll<Result<(), LogError>> {
        let orders = self.desk.lock();
        match &orders.failure {
            Some(failure) => Poll::Ready(Err(failure.clone())),
            None if orders.synced >= ticket.0 => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    /// Answers once everything written so far is synced, and then rings the doorbell.
    pub(super) fn answer(&self, doorbell: &Doorbell, answer: oneshot::Sender<CommitOutcome>) {
        self.desk.ask(doorbell, Some(answer));
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.desk.lock().stop = true;
        self.desk.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It panics only if the store does, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, doorbell: &Doorbell, answer: Option<oneshot::Sender<CommitOutcome>>) -> u64 {
        let mut orders = self.lock();
        orders.asked += 1;
        let ticket = orders.asked;
        orders.waiting.push(Asker { ticket, doorbell: doorbell.clone(), answer });
        drop(orders);
        self.wake.notify_all();
        ticket
    }

    /// The thread's loop: syncs whenever somebody asks, and once more at the end.
    fn serve(&self, storage: &Storage) {
        loop {
            let idle = |orders: &mut Orders| orders.asked == orders.synced && !orders.stop;
            let orders = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            let (asked, stop) = (orders.asked, orders.stop);
            drop(orders);
            let synced = storage.sync();
            self.tell(asked, synced);
            if stop {
                return;
            }
        }
    }

    fn tell(&self, asked: u64, synced: Result<(), LogError>) {
        let mut orders = self.lock();
        orders.synced = asked;
        if let Err(error) = &synced {
            // After a failed sync, nobody knows what is on disk, so the log cannot continue.
            orders.failure.get_or_insert_with(|| error.clone());
        }
        let (told, waiting) =
            std::mem::take(&mut orders.waiting).into_iter().partition(|waiting| waiting.ticket <= asked);
        orders.waiting = waiting;
        let outcome = orders.failure.clone().map_or(CommitOutcome::Done, CommitOutcome::Fatal);
        drop(orders);
        let told: Vec<Asker> = told;
        for waiting in told {
            if let Some(answer) = waiting.answer {
                // The asker may be gone.
                let _ = answer.send(outcome.clone());
            }
            waiting.doorbell.ring();
        }
    }
}
