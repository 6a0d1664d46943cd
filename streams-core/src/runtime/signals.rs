//! Ctrl-C and SIGTERM: which applications they stop.
//!
//! A process has one handler for signals, so it is installed once and stays; which applications it stops, is
//! decided when a signal comes. Each signal stops every application that runs and has not been asked yet. When
//! one was asked already and still runs, or when none runs, the signal ends the process as it would without us.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::AppError;
use super::control::Status;

/// What a shell says of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

static TARGETS: Mutex<Targets> = Mutex::new(Targets { is_installed: false, running: Vec::new() });

/// Has the next signal stop this application.
pub(super) fn stop(application: &Arc<Status>) -> Result<(), AppError> {
    let mut targets = targets();
    if !targets.is_installed {
        ctrlc::set_handler(on_signal).map_err(cannot_install)?;
        targets.is_installed = true;
    }
    targets.add(application);
    Ok(())
}

fn cannot_install(error: ctrlc::Error) -> AppError {
    let reason = match error {
        ctrlc::Error::MultipleHandlers => {
            "this process has a handler already; leave `App::run` and `Running::stop_on_signals`, start the \
             application with `App::start` and call `Handle::stop` in that handler"
                .to_owned()
        }
        error => error.to_string(),
    };
    AppError::Setting { setting: "signal handlers".to_owned(), reason }
}

fn on_signal() {
    let next = targets().signal();
    if next == Next::EndProcess {
        std::process::exit(INTERRUPTED);
    }
}

fn targets() -> MutexGuard<'static, Targets> {
    TARGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The applications that signals stop.
struct Targets {
    is_installed: bool,
    running: Vec<Target>,
}

struct Target {
    application: Weak<Status>,
    was_asked: bool,
}

/// What becomes of the process.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    WaitForApplications,
    EndProcess,
}

impl Targets {
    fn add(&mut self, application: &Arc<Status>) {
        self.forget_the_ended();
        let application = Arc::downgrade(application);
        if !self.running.iter().any(|target| target.application.ptr_eq(&application)) {
            self.running.push(Target { application, was_asked: false });
        }
    }

    fn signal(&mut self) -> Next {
        self.forget_the_ended();
        if self.running.is_empty() || self.running.iter().any(|target| target.was_asked) {
            return Next::EndProcess;
        }
        for target in &mut self.running {
            target.was_asked = true;
            if let Some(application) = target.application.upgrade() {
                application.stop.store(true, Ordering::SeqCst);
                application.doorbell.ring();
            }
        }
        Next::WaitForApplications
    }

    fn forget_the_ended(&mut self) {
        self.running.retain(|target| target.application.upgrade().is_some_and(|application| !has_ended(&application)));
    }
}

/// One that was killed says nothing any more, not even that it has ended.
fn has_ended(application: &Status) -> bool {
    application.state.borrow().is_final() || application.killed.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::AppState;

    fn none() -> Targets {
        Targets { is_installed: true, running: Vec::new() }
    }

    fn is_asked(application: &Status) -> bool {
        application.stop.load(Ordering::SeqCst)
    }

    #[test]
    fn the_first_signal_stops_all_and_the_second_does_not_wait() {
        let (mut targets, one, other) = (none(), Status::new(), Status::new());
        for application in [&one, &other, &one] {
            targets.add(application);
        }
        assert_eq!(targets.running.len(), 2);
        assert_eq!(targets.signal(), Next::WaitForApplications);
        assert!(is_asked(&one) && is_asked(&other));
        one.state.send_replace(AppState::NotRunning);
        assert_eq!(targets.signal(), Next::EndProcess, "the other one still runs");
    }

    #[test]
    fn each_of_two_in_a_row_has_a_first_signal() {
        let (mut targets, first, second) = (none(), Status::new(), Status::new());
        targets.add(&first);
        assert_eq!(targets.signal(), Next::WaitForApplications);
        first.state.send_replace(AppState::NotRunning);
        targets.add(&second);
        assert_eq!(targets.signal(), Next::WaitForApplications);
        assert!(is_asked(&second));
    }

    #[test]
    fn a_signal_ends_a_process_in_which_no_application_runs() {
        let (mut targets, failed, killed, dropped) = (none(), Status::new(), Status::new(), Status::new());
        for application in [&failed, &killed, &dropped] {
            targets.add(application);
        }
        failed.state.send_replace(AppState::Error);
        killed.killed.store(true, Ordering::SeqCst);
        drop(dropped);
        assert_eq!(targets.signal(), Next::EndProcess);
        assert!(!is_asked(&failed) && !is_asked(&killed));
    }
}
