//! The place where one thread writes at a time.
//!
//! An iterator of records to send may itself send, for instance what it cannot use to another topic. It runs while its
//! thread writes, so that thread is given a second place instead of waiting for itself for ever.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::writing::Writing;

#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// The thread that writes.
    writer: Option<ThreadId>,
    /// How many times it has sat down.
    seats: usize,
    /// What lies on the desk, for the next who sits down.
    idle: Vec<Writing>,
}

impl Desk {
    /// Waits until no other thread writes.
    pub(super) fn sit_down(&self) -> Seat<'_> {
        let me = std::thread::current().id();
        let is_taken = |state: &mut State| state.writer.is_some_and(|writer| writer != me);
        let mut state = self.freed.wait_while(self.lock(), is_taken).unwrap_or_else(PoisonError::into_inner);
        state.writer = Some(me);
        state.seats += 1;
        Seat { desk: self, writing: state.idle.pop().unwrap_or_else(Writing::new) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who writes, until this is dropped.
pub(super) struct Seat<'a> {
    desk: &'a Desk,
    writing: Writing,
}

impl Deref for Seat<'_> {
    type Target = Writing;

    fn deref(&self) -> &Writing {
        &self.writing
    }
}

impl DerefMut for Seat<'_> {
    fn deref_mut(&mut self) -> &mut Writing {
        &mut self.writing
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let writing = std::mem::replace(&mut self.writing, Writing::new());
        let mut state = self.desk.lock();
        // Whoever panicked has left records in the producer that must not be written later.
        if !std::thread::panicking() {
            state.idle.push(writing);
        }
        state.seats -= 1;
        if state.seats == 0 {
            state.writer = None;
            self.desk.freed.notify_one();
        }
    }
}
