//! How many errors does each service have? Per minute, and in total.

use millstream::prelude::*;

use super::{GRACE, MINUTE, RETENTION};
use crate::line::Entry;

/// Output: the errors of each service in each minute, again whenever there is one more.
pub const ERRORS_PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("log-errors-per-minute").windows_of(MINUTE);

/// The errors by service and minute.
pub const ERRORS_STORE: WindowStore<String, i64> = WindowStore::new("errors-per-minute");
/// All errors by service.
pub const ERRORS_TOTAL_STORE: KeyValueStore<String, i64> = KeyValueStore::new("errors-total");

/// Counts, and returns each count as it rises.
pub(super) fn errors<'t>(errors: KStream<'t, String, Entry>) -> KStream<'t, Windowed<String>, i64> {
    let by_service = errors.group_by_key();
    by_service.count().stored_as(ERRORS_TOTAL_STORE).live(|tile| tile.bars("Errors, ever").unit("errors"));
    let per_minute = by_service
        .windowed_by(Tumbling::of(MINUTE).grace(GRACE))
        .count()
        .stored_as(ERRORS_STORE)
        // A cache would leave some counts out, and an alert is made of a certain one.
        .not_cached()
        .retention(RETENTION)
        .live(|tile| tile.lines("Errors").unit("per minute").last(RETENTION / 4))
        .live(|tile| tile.bars("Errors in the last minute").unit("errors"));
    let counts = per_minute.to_stream().filter_some();
    counts.to(ERRORS_PER_MINUTE);
    counts
}
