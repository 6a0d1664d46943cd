//! Captures what the library logs, as text.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::filter::LevelFilter;

/// While the process has a single subscriber, `tracing` decides once and for all threads whether an event is wanted,
/// by asking the first thread that reaches it. A thread of another test would say no. So keep more subscribers
/// around.
static OTHERS: LazyLock<[Dispatch; 2]> = LazyLock::new(|| [0, 1].map(|_| Dispatch::new(NoSubscriber::default())));

/// What was logged so far.
#[derive(Clone, Default)]
pub(in crate::runtime) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// What was logged so far.
    pub(in crate::runtime) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("lock").clone()).expect("text")
    }

    /// Captures what this thread logs while `act` runs.
    pub(in crate::runtime) fn listen<T>(&self, act: impl FnOnce() -> T) -> T {
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

/// What this thread logs while `act` runs.
pub(in crate::runtime) fn said(act: impl FnOnce()) -> String {
    let said = Said::default();
    said.listen(act);
    said.text()
}
