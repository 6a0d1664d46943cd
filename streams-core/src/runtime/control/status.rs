//! What an instance and its handles share: its state, its error, its metrics, and requests to it.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::watch;

use crate::log::Doorbell;
use crate::runtime::AppError;
use crate::runtime::drop_notices::DropNotices;
use crate::runtime::lifecycle::AppState;
use crate::runtime::metrics::MetricsBoard;
use crate::runtime::queries::Desk;
use crate::runtime::queries::elsewhere::Elsewhere;
use crate::runtime::summary::Totals;
use crate::runtime::turn_board::TurnBoard;
use crate::runtime::whereabouts::Whereabouts;

/// A change of state: before and after.
pub(crate) type Transition = (AppState, AppState);

/// What an instance and its handles share.
pub(crate) struct Status {
    pub(crate) state: watch::Sender<AppState>,
    /// For threads that wait for a state: blocking on what async code waits for does not work everywhere.
    state_changed: (Mutex<()>, Condvar),
    /// Receives every state change up to the last.
    transitions: Mutex<Option<Sender<Transition>>>,
    pub(crate) error: Mutex<Option<AppError>>,
    pub(crate) metrics: MetricsBoard,
    pub(crate) drops: DropNotices,
    pub(crate) totals: Totals,
    /// Where questions about stores are left.
    pub(crate) desk: Arc<Desk>,
    pub(crate) turns: TurnBoard,
    pub(crate) whereabouts: Arc<Whereabouts>,
    /// Who carries questions to other instances.
    elsewhere: Mutex<Option<Arc<dyn Elsewhere>>>,
    pub(crate) stop: AtomicBool,
    /// Set this to end everything at once, as a crash would.
    pub(crate) killed: Arc<AtomicBool>,
    pub(crate) paused: Arc<AtomicBool>,
    pub(crate) doorbell: Doorbell,
}

impl Status {
    pub(crate) fn new() -> Arc<Self> {
        let metrics = MetricsBoard::default();
        Arc::new(Self {
            state: watch::Sender::new(AppState::Created),
            state_changed: (Mutex::default(), Condvar::new()),
            transitions: Mutex::default(),
            error: Mutex::new(None),
            drops: DropNotices::new(metrics.clone()),
            totals: Totals::default(),
            turns: TurnBoard::default(),
            whereabouts: Arc::default(),
            elsewhere: Mutex::default(),
            metrics,
            desk: Arc::default(),
            stop: AtomicBool::new(false),
            killed: Arc::default(),
            paused: Arc::default(),
            doorbell: Doorbell::new(),
        })
    }

    pub(crate) fn error(&self) -> Option<AppError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who carries questions to other instances, if anybody does.
    pub(crate) fn elsewhere(&self) -> Option<Arc<dyn Elsewhere>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whoever carries questions knows this instance; so it is forgotten when the instance ends.
    pub(crate) fn set_elsewhere(&self, carrier: Arc<dyn Elsewhere>) {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        *elsewhere = Some(carrier).filter(|_| !self.state.borrow().is_final());
    }

    /// Blocks until `wanted` returns true for the state, or the state is final.
    pub(crate) fn wait_until(&self, wanted: impl Fn(AppState) -> bool) -> AppState {
        let (changing, changed) = &self.state_changed;
        let mut guard = changing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let state = *self.state.borrow();
            if wanted(state) || state.is_final() {
                return state;
            }
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Receives every state change from now on; ends after the last.
    pub(crate) fn transitions(&self) -> Receiver<Transition> {
        let (sender, receiver) = channel();
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner).replace(sender);
        receiver
    }

    pub(super) fn become_state(&self, next: AppState) {
        let from = *self.state.borrow();
        if from.may_become(next) {
            let (changing, changed) = &self.state_changed;
            let guard = changing.lock().unwrap_or_else(PoisonError::into_inner);
            self.state.send_replace(next);
            drop(guard);
            changed.notify_all();
            let mut transitions = self.transitions.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sender) = &*transitions {
                // If the listening thread is gone, nobody needs the change.
                let _ = sender.send((from, next));
            }
            if next.is_final() {
                *transitions = None;
            }
            drop(transitions);
            if next.is_final() {
                let carrier = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).take();
                drop(carrier);
            }
            // Last, because nobody must wait for a state in vain if this fails.
            tracing::info!(%from, to = %next, "state");
        }
    }
}
