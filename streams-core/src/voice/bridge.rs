//! Whether the program hears events through the crate `log`.
//!
//! With its feature `log`, which many crates switch on, `tracing` hands events to the program's logger, but only until
//! somebody sets the first subscriber anywhere in the process. If that were ours, the events of all other crates would
//! be lost, too.

use tracing::dispatcher;

use super::PEOPLE;

/// Whether the program's logger hears errors of ours.
pub(super) fn a_logger_listens() -> bool {
    !dispatcher::has_been_set() && somebody_listens()
}

/// Whether an error would be heard. Nothing is said: fields are evaluated only if somebody hears the event, and this one
/// returns before the event is made.
fn somebody_listens() -> bool {
    let try_to_say = || {
        tracing::error!(target: PEOPLE, heard = nothing()?);
        Some(())
    };
    try_to_say().is_none()
}

const fn nothing() -> Option<u8> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_is_said_to_find_out_who_listens() {
        let said = Said::default();
        let writer = said.clone();
        let theirs = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        assert!(tracing::subscriber::with_default(theirs, somebody_listens));
        assert_eq!(*said.0.lock().expect("lock"), b"");
    }
}
