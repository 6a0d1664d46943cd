//! What an application says of itself when it starts, in one line.

use super::control::InstanceParts;
use super::settings::Guarantee;
use super::voice::PEOPLE;

/// Says where the application runs and how.
pub(super) fn tell(parts: &InstanceParts) {
    let (id, log, settings) = (&*parts.application_id, parts.log.describe(), &parts.settings);
    let guarantee = match settings.guarantee() {
        Guarantee::AtLeastOnce => "at-least-once",
        Guarantee::ExactlyOnce => "exactly-once",
    };
    let (workers, plural) = (settings.workers, if settings.workers == 1 { "" } else { "s" });
    let state = state_of(parts);
    tracing::info!(
        target: PEOPLE,
        application = id, %log, guarantee, workers, state,
        "{id} starts: {guarantee} on {log}, {workers} worker{plural}, state in {state}"
    );
}

/// Where the state is kept.
fn state_of(parts: &InstanceParts) -> String {
    let name = parts.backend.name();
    if !parts.backend.is_persistent() || parts.backend.place().is_some() {
        return name.to_owned();
    }
    let folder = parts.settings.state_dir.join(&*parts.application_id);
    format!("{name} in {}", folder.display())
}
