//! Per second, per minute, per hour: each level is made of the final results of the one below.
//!
//! `suppress` holds a window back until it is over, so that each result is sent once and never changes. It comes in the order of
//! windows: when the results of one minute arrive, those of all seconds before it have. So the levels above need no grace.

use std::time::Duration;

use millstream::prelude::*;

use super::Temperatures;
use crate::readings::{Summary, degrees};

/// The lengths of the windows.
pub const SECOND: Duration = Duration::from_secs(1);
/// See [`SECOND`].
pub const MINUTE: Duration = Duration::from_secs(60);
/// See [`SECOND`].
pub const HOUR: Duration = Duration::from_secs(3_600);

/// How late a reading may be, compared with the newest one in its partition. What is later counts nowhere.
pub const GRACE: Duration = Duration::from_secs(30);

/// Output: the final result of each device and second.
pub const SECONDS: Topic<Windowed<String>, Summary> = Topic::new("per-second").windows_of(SECOND);
/// Output: the final result of each device and minute.
pub const MINUTES: Topic<Windowed<String>, Summary> = Topic::new("per-minute").windows_of(MINUTE);
/// Output, and again input: the final result of each device and hour.
pub const HOURS: Topic<Windowed<String>, Summary> = Topic::new("per-hour").windows_of(HOUR);

/// The windows of each level as far as they are not over, and for some time after that.
const SECONDS_STORE: WindowStore<String, Summary> = WindowStore::new("seconds");
const MINUTES_STORE: WindowStore<String, Summary> = WindowStore::new("minutes");
const HOURS_STORE: WindowStore<String, Summary> = WindowStore::new("hours");

/// How long minutes are kept to be shown. A page reads the rows of all devices, so it is not for long.
const SHOWN_FOR: Duration = Duration::from_secs(600);

/// The final results of hours.
const FINAL_HOURS_STORE: KeyValueStore<Windowed<String>, Summary> = KeyValueStore::new("final-hours").windows_of(HOUR);

/// How long these are kept.
const FINAL_HOURS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A window's final result, without the device's window in the key.
fn device(window: &Windowed<String>, _: Option<&Summary>) -> String {
    window.key.clone()
}

pub(super) fn roll_up(builder: &StreamsBuilder, temperatures: Temperatures<'_>) {
    // What waits here is bounded by the grace: the windows of 31 seconds.
    let seconds = temperatures
        .map_values(Summary::of)
        .group_by_key()
        .windowed_by(Tumbling::of(SECOND).grace(GRACE))
        .aggregate(Summary::default, Summary::add)
        .named("seconds")
        .stored_as(SECONDS_STORE)
        .suppress(Suppress::until_window_closes().unbounded())
        .named("final-seconds");
    seconds.to_stream().filter_some().to(SECONDS);

    let minutes = seconds
        .to_stream_by(device)
        .filter_some()
        .group_by_key()
        .named("seconds-by-device")
        .windowed_by(Tumbling::of(MINUTE).no_grace())
        .aggregate(Summary::default, Summary::add)
        .named("minutes")
        .stored_as(MINUTES_STORE)
        .retention(SHOWN_FOR)
        .live(|tile| {
            tile.lines("Readings in final seconds")
                .series("readings", |_, minute| minute.readings)
                .last(SHOWN_FOR)
                .unit("per minute")
        })
        .suppress(Suppress::until_window_closes().unbounded())
        .named("final-minutes");
    minutes.to_stream().filter_some().to(MINUTES);

    minutes
        .to_stream_by(device)
        .filter_some()
        .group_by_key()
        .named("minutes-by-device")
        .windowed_by(Tumbling::of(HOUR).no_grace())
        .aggregate(Summary::default, Summary::add)
        .named("hours")
        .stored_as(HOURS_STORE)
        .suppress(Suppress::until_window_closes().unbounded())
        .named("final-hours")
        .to_stream()
        .filter_some()
        .to(HOURS);
    final_hours(builder);
}

/// Shows the final results of hours.
fn final_hours(builder: &StreamsBuilder) {
    builder
        .table(HOURS)
        .stored_as(FINAL_HOURS_STORE)
        .expire_after(FINAL_HOURS_KEPT)
        .live(|tile| {
            tile.table("Hottest hours, final")
                .largest(|_, hour| hour.max)
                .column("device", |hour, _| hour.key.clone())
                .column("hour", |hour, _| hour.window.start)
                .column("mean °C", |_, hour| hour.mean())
                .column("min °C", |_, hour| degrees(hour.min))
                .column("max °C", |_, hour| degrees(hour.max))
                .column("readings", |_, hour| hour.readings)
        })
        .live(|tile| tile.number("Final hours").rows().unit("of all devices"));
}
