//! Ctrl-C and SIGTERM for commands that go on until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;
use streams_core::log::Doorbell;

use crate::failure::Failure;

/// The exit code that shells report for a process ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Rings and is set once somebody has asked the process to end. Asked twice, it ends at once.
#[derive(Clone)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    doorbell: Doorbell,
}

impl Interrupt {
    /// Listens. The future is ready when somebody asks for the first time.
    pub(crate) fn listen() -> Result<(Self, oneshot::Receiver<()>), Failure> {
        let (sender, receiver) = oneshot::channel();
        let this = Self { asked: Arc::default(), doorbell: Doorbell::new() };
        let (mut sender, heard) = (Some(sender), this.clone());
        ctrlc::set_handler(move || {
            if heard.asked.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
            sender.take().into_iter().for_each(|sender| _ = sender.send(()));
            heard.doorbell.ring();
        })
        .map_err(Failure::because)?;
        Ok((this, receiver))
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Lets time pass, at most until somebody asks.
    pub(crate) fn wait(&self, time: std::time::Duration) {
        if !self.was_asked() {
            self.doorbell.wait(time);
        }
    }
}
