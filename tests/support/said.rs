//! What applications of this process say to people, for tests that look for a sentence.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Collects from now on what is said on any thread. All tests of a process share it, so a test should look for its own
/// application's name.
///
/// # Panics
/// When somebody else has set a subscriber.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let targets = Targets::new().with_target("millstream", LevelFilter::INFO).with_default(LevelFilter::WARN);
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Collected);
        tracing_subscriber::registry().with(lines).with(targets).try_init().expect("the only subscriber");
    });
}

/// The lines so far that contain all these texts.
#[must_use]
pub fn lines_with(texts: &[&str]) -> Vec<String> {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&said);
    text.lines().filter(|line| texts.iter().all(|text| line.contains(text))).map(str::to_owned).collect()
}

struct Collected;

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
