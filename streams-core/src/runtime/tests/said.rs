//! What the library logs, as text.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::filter::LevelFilter;

/// While there is one subscriber in the process, `tracing` asks the thread that first comes by an event whether
/// anybody wants it, for all threads and for ever: another test's thread says no. So there are always more.
static OTHERS: LazyLock<[Dispatch; 2]> = LazyLock::new(|| [0, 1].map(|_| Dispatch::new(NoSubscriber::default())));

/// What was logged so far.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// What was logged so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("lock").clone()).expect("text")
    }

    /// Listens to this thread while it does something.
    pub(super) fn listen<T>(&self, act: impl FnOnce() -> T) -> T {
        LazyLock::force(&OTHERS);
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged while this thread does something.
pub(super) fn said(act: impl FnOnce()) -> String {
    let said = Said::default();
    said.listen(act);
    said.text()
}
