//! An application's threads: one for the control, one for each worker, one for the listeners if there are any. They do
//! nothing but call the control and the workers in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use super::AppError;
use super::control::{Control, ControlTurn, Status};
use super::lifecycle::AppState;
use super::voice::Voice;
use super::worker::{Report, Turn, Worker, WorkerSeed, panic_message};

pub(super) type StateListener = Box<dyn Fn(AppState, AppState) + Send>;

/// Calls the listeners on a separate thread, so that a slow one delays nothing.
pub(super) fn notify(
    status: &Status,
    id: &str,
    listeners: Vec<StateListener>,
    voice: &Voice,
) -> Result<Option<JoinHandle<()>>, AppError> {
    if listeners.is_empty() {
        return Ok(None);
    }
    let transitions = status.transitions();
    let thread = spawn(format!("{id}-listeners"), voice, move || {
        for (from, to) in transitions {
            for listener in &listeners {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(from, to))) {
                    tracing::error!(%from, %to, panic = panic_message(&*panic), "a state listener panicked");
                }
            }
        }
    })?;
    Ok(Some(thread))
}

fn spawn(name: String, voice: &Voice, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AppError> {
    let voice = voice.clone();
    let thread = std::thread::Builder::new().name(name.clone()).spawn(move || voice.heard_or_guarded(run));
    thread.map_err(|error| AppError::Thread { thread: name, reason: error.to_string() })
}

/// Runs the control, and the workers that it asks for.
pub(super) fn start_control(
    control: Control,
    status: &Arc<Status>,
    id: &Arc<str>,
    voice: &Voice,
) -> Result<JoinHandle<()>, AppError> {
    let (status, id, of_workers) = (Arc::clone(status), Arc::clone(id), voice.clone());
    spawn(format!("{id}-control"), voice, move || pump_control(control, &status, &id, &of_workers))
}

fn pump_control(mut control: Control, status: &Status, id: &str, voice: &Voice) {
    let mut threads = Vec::new();
    loop {
        if status.killed.load(Ordering::Relaxed) {
            control.die();
            break;
        }
        let step = catch_unwind(AssertUnwindSafe(|| control.step()));
        match step {
            Ok(ControlTurn::Busy) => {}
            Ok(ControlTurn::Idle(wait)) => {
                status.doorbell.wait(wait);
            }
            Ok(ControlTurn::Spawn(seeds)) => {
                let pulses = seeds.iter().map(|seed| Arc::clone(&seed.pulse)).collect::<Vec<_>>();
                threads.extend(seeds.into_iter().map(|seed| spawn_worker(seed, id, voice)).zip(pulses));
            }
            Ok(ControlTurn::Finished) => break,
            Err(panic) => {
                let error = AppError::Panic { thread: format!("{id}-control"), message: panic_message(&*panic) };
                if catch_unwind(AssertUnwindSafe(|| control.break_off(error.clone()))).is_err() {
                    // Whatever it is, whoever waits for the application's end must not wait for ever.
                    status.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    let _ = catch_unwind(AssertUnwindSafe(|| control.die()));
                    break;
                }
            }
        }
    }
    for (thread, pulse) in threads {
        // One that does not come back from the application's code is left to the end of the process.
        if let Some(thread) = thread.filter(|thread| thread.is_finished() || !pulse.is_given_up()) {
            let _ = thread.join();
        }
    }
}

fn spawn_worker(seed: WorkerSeed, id: &str, voice: &Voice) -> Option<JoinHandle<()>> {
    let name = format!("{id}-worker-{}", seed.number);
    let (number, reports, doorbell) = (seed.number, seed.reports.clone(), seed.control_doorbell.clone());
    let policy = Arc::clone(&seed.common.policy);
    let ended = move |error: Option<AppError>| {
        if let Some(error) = error {
            let verdict = policy.uncaught(&error);
            let _ = reports.send(Report::Failed { worker: number, error, verdict });
            let _ = reports.send(Report::Stopped { worker: number });
        }
        doorbell.ring();
    };
    let not_spawned = ended.clone();
    let thread_name = name.clone();
    let spawned = spawn(name, voice, move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| pump_worker(seed)));
        ended(match outcome {
            Ok(result) => result.err(),
            Err(panic) => Some(AppError::Panic { thread: thread_name, message: panic_message(&*panic) }),
        });
    });
    match spawned {
        Ok(thread) => Some(thread),
        Err(error) => {
            not_spawned(Some(error));
            None
        }
    }
}

fn pump_worker(seed: WorkerSeed) -> Result<(), AppError> {
    let mut worker = Worker::new(seed)?;
    loop {
        if worker.is_killed() {
            return Ok(());
        }
        match worker.run_once() {
            Turn::Busy => {}
            Turn::Idle(wait) => worker.wait(wait),
            Turn::Finished => return Ok(()),
        }
    }
}
