//! Decides which applications Ctrl-C and SIGTERM stop.
//!
//! A process has one signal handler, so it is installed once and stays; which applications to stop is decided when a
//! signal arrives. A signal stops every running application that has not been asked to stop yet. If one was asked and
//! is still running, or none is running, the signal ends the process, as it would without a handler.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::AppError;
use super::control::Status;

/// The exit code that shells report for a process ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

static APPS: Mutex<RunningApps> = Mutex::new(RunningApps { is_installed: false, running: Vec::new() });

/// Registers the application to be stopped by the next signal.
pub(super) fn stop(application: &Arc<Status>) -> Result<(), AppError> {
    let mut apps = apps();
    if !apps.is_installed {
        ctrlc::set_handler(on_signal).map_err(cannot_install)?;
        apps.is_installed = true;
    }
    apps.add(application);
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
    let next = apps().signal();
    if next == SignalEffect::EndProcess {
        std::process::exit(INTERRUPTED);
    }
}

fn apps() -> MutexGuard<'static, RunningApps> {
    APPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The applications that signals stop.
struct RunningApps {
    is_installed: bool,
    running: Vec<RunningApp>,
}

struct RunningApp {
    application: Weak<Status>,
    was_asked: bool,
}

/// What a signal does to the process.
#[derive(Debug, PartialEq, Eq)]
enum SignalEffect {
    WaitForApplications,
    EndProcess,
}

impl RunningApps {
    fn add(&mut self, application: &Arc<Status>) {
        self.forget_the_ended();
        let application = Arc::downgrade(application);
        if !self.running.iter().any(|app| app.application.ptr_eq(&application)) {
            self.running.push(RunningApp { application, was_asked: false });
        }
    }

    fn signal(&mut self) -> SignalEffect {
        self.forget_the_ended();
        if self.running.is_empty() || self.running.iter().any(|app| app.was_asked) {
            return SignalEffect::EndProcess;
        }
        for app in &mut self.running {
            app.was_asked = true;
            if let Some(application) = app.application.upgrade() {
                application.stop.store(true, Ordering::SeqCst);
                application.doorbell.ring();
            }
        }
        SignalEffect::WaitForApplications
    }

    fn forget_the_ended(&mut self) {
        self.running.retain(|app| app.application.upgrade().is_some_and(|application| !has_ended(&application)));
    }
}

/// A killed application no longer updates its status, so it never reports that it has ended.
fn has_ended(application: &Status) -> bool {
    application.state.borrow().is_final() || application.killed.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::AppState;

    fn none() -> RunningApps {
        RunningApps { is_installed: true, running: Vec::new() }
    }

    fn is_asked(application: &Status) -> bool {
        application.stop.load(Ordering::SeqCst)
    }

    #[test]
    fn the_first_signal_stops_all_and_the_second_does_not_wait() {
        let (mut apps, one, other) = (none(), Status::new(), Status::new());
        for application in [&one, &other, &one] {
            apps.add(application);
        }
        assert_eq!(apps.running.len(), 2);
        assert_eq!(apps.signal(), SignalEffect::WaitForApplications);
        assert!(is_asked(&one) && is_asked(&other));
        one.state.send_replace(AppState::NotRunning);
        assert_eq!(apps.signal(), SignalEffect::EndProcess, "the other one still runs");
    }

    #[test]
    fn each_of_two_in_a_row_has_a_first_signal() {
        let (mut apps, first, second) = (none(), Status::new(), Status::new());
        apps.add(&first);
        assert_eq!(apps.signal(), SignalEffect::WaitForApplications);
        first.state.send_replace(AppState::NotRunning);
        apps.add(&second);
        assert_eq!(apps.signal(), SignalEffect::WaitForApplications);
        assert!(is_asked(&second));
    }

    #[test]
    fn a_signal_ends_a_process_in_which_no_application_runs() {
        let (mut apps, failed, killed, dropped) = (none(), Status::new(), Status::new(), Status::new());
        for application in [&failed, &killed, &dropped] {
            apps.add(application);
        }
        failed.state.send_replace(AppState::Error);
        killed.killed.store(true, Ordering::SeqCst);
        drop(dropped);
        assert_eq!(apps.signal(), SignalEffect::EndProcess);
        assert!(!is_asked(&failed) && !is_asked(&killed));
    }
}
