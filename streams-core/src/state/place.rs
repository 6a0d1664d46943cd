//! Where a backend keeps state, if not in a folder.

/// A place for persistent state that is not a folder on disk; see [`StateBackend::place`](super::StateBackend::place).
pub trait StatePlace: Send + Sync {
    /// Locks an application's state until the returned guard is dropped; `None` if it is locked already.
    fn hold(&self, application_id: &str) -> Option<Box<dyn Send + Sync>>;

    /// The text last stored under `name`. The runtime uses a handful of names.
    fn noted(&self, application_id: &str, name: &str) -> Option<String>;

    /// Stores a text under `name`, for as long as the state is kept.
    fn note(&self, application_id: &str, name: &str, text: &str);
}
