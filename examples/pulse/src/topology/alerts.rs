//! Is that unusual? A page that is suddenly viewed far more often than usual, as by a bot.
//!
//! The views per window of each page have a mean and a deviation, in which older windows count less and less. A window that
//! is more than four deviations above the mean is reported while it lasts: the counts come here as they change.

use std::time::Duration;

use millstream::prelude::*;

use super::WINDOW;
use crate::events::{Alert, PageCounts, Usual};

/// Output, and again input: the alerts. Their table has the last one of each page.
pub const ALERTS: Topic<String, Alert> = Topic::new("pulse-alerts");

/// The last alert by page.
pub const ALERTS_STORE: KeyValueStore<String, Alert> = KeyValueStore::new("alerts");

/// What is usual for each page.
const USUAL_STORE: KeyValueStore<String, Usual> = KeyValueStore::new("usual-views");

/// So many deviations above the mean are unusual.
const DEVIATIONS: f64 = 4.0;

/// The smallest deviation that is believed, in views: three of a page that is hardly ever viewed are no attack.
const DEVIATION_MIN: f64 = 3.0;

/// How much one more window changes the mean.
const WEIGHT: f64 = 0.05;

/// So many windows have to be known before any can be unusual.
const KNOWN_MIN: u32 = 10;

/// A page is not reported again for so long.
const QUIET_FOR: Duration = Duration::from_secs(10);

pub(super) fn alerts(builder: &StreamsBuilder, per_window: KStream<'_, Windowed<String>, Option<PageCounts>>) {
    _ = builder.store(USUAL_STORE).cached();
    per_window
        .filter_some()
        .process(USUAL_STORE, |mut all, window: &Windowed<String>, counts: PageCounts, out| {
            let mut usual = all.get(&window.key).unwrap_or_default();
            if let Some(alert) = look(&mut usual, window, counts.views) {
                out.send(window.key.clone(), alert);
            }
            all.put(&window.key, usual);
        })
        .named("find-unusual")
        .to(ALERTS);
    builder.table(ALERTS).stored_as(ALERTS_STORE).live(|tile| {
        tile.table("Alerts")
            .column("page", |page, _| page.clone())
            .column("since", |_, alert| Timestamp(alert.window))
            .column("views", |_, alert| alert.views)
            .column("usual", |_, alert| alert.usual)
            .column("deviations", |_, alert| alert.deviations)
    });
}

/// Looks at the views of a page in a window so far.
fn look(usual: &mut Usual, window: &Windowed<String>, views: i64) -> Option<Alert> {
    let start = window.window.start.0;
    if usual.known > 0 && start < usual.window {
        return None;
    }
    let length = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX).max(1);
    if usual.known == 0 {
        *usual = Usual { window: start, known: 1, ..Usual::default() };
    } else if start > usual.window {
        // The last window is over, and in those since then there was nothing.
        let empty = ((start - usual.window) / length - 1).clamp(0, 200);
        let limit = usual.mean + DEVIATIONS * usual.deviation().max(DEVIATION_MIN);
        usual.learn((usual.views as f64).min(limit), WEIGHT);
        (0..empty).for_each(|_| usual.learn(0.0, WEIGHT));
        usual.window = start;
    }
    usual.views = views;
    let above = (views as f64 - usual.mean) / usual.deviation().max(DEVIATION_MIN);
    let was_reported = usual.reported.is_some_and(|at| start - at < QUIET_FOR.as_millis() as i64);
    if above <= DEVIATIONS || usual.known < KNOWN_MIN || was_reported {
        return None;
    }
    usual.reported = Some(start);
    Some(Alert { window: start, views, usual: usual.mean, deviations: above })
}
