//! Follows a tile's rows, and has pictures made of them.
//!
//! [`rows`] is the one place that knows where rows come from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use streams_core::query::{Live, QueryError, StoredBytes};
use streams_core::runtime::Handle;
use streams_core::topology::TileFacts;
use tokio::time::{Instant, sleep, sleep_until};

use super::Gallery;
use super::held::{Content, Held};
use super::picture::{Picture, State};

/// The shortest time between two pictures of a tile.
const INTERVAL: Duration = Duration::from_millis(100);

/// One that goes by the wall clock changes although no row does.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Making pictures takes at most one part in so many of a thread.
const PARTS: u32 = 10;

/// When to try again after an error.
const AGAIN: Duration = Duration::from_secs(1);

/// How many rows are taken before others get their turn.
const ROWS_AT_ONCE: usize = 256;

/// A tile that had more rows than it may hold begins anew when it has few, but not all the time.
const ANEW_AFTER: Duration = Duration::from_secs(10);

/// What is heard of a tile's rows: the bytes of a row's place, and the row.
type News = Result<Live<Box<[u8]>, StoredBytes>, QueryError>;

/// A tile's rows and from then on their changes: those of all instances, or those that this one has.
fn rows(app: &Handle, tile: &TileFacts, is_local: bool) -> Result<BoxStream<'static, News>, QueryError> {
    let store = app.store(&tile.store)?;
    Ok(if is_local { store.local() } else { store }.live_bytes().boxed())
}

/// Follows a tile for ever. If other instances cannot be asked, it shows what this one has, and says so.
pub(super) async fn follow(gallery: Arc<Gallery>, number: usize) {
    let Some(tile) = gallery.tiles().get(number) else { return };
    let mut last = Picture::loading(tile);
    gallery.hang(number, &last);
    let mut missing = None;
    loop {
        let ended = follow_once(&gallery, number, (tile, missing.take()), &mut last).await;
        last.state = match ended {
            Ok(()) => State::Loading,
            Err(error @ (QueryError::NotHere { .. } | QueryError::Elsewhere { passes: false, .. })) => {
                missing = Some(error.to_string());
                continue;
            }
            Err(error) => State::Failed { message: error.to_string() },
        };
        gallery.hang(number, &last);
        if matches!(last.state, State::Failed { .. }) {
            sleep(AGAIN).await;
        }
    }
}

/// Follows a tile until that has to begin anew.
async fn follow_once(
    gallery: &Gallery,
    number: usize,
    (tile, missing): (&TileFacts, Option<String>),
    last: &mut Picture,
) -> Result<(), QueryError> {
    let mut news = rows(&gallery.app, tile, missing.is_some())?;
    let began = Instant::now();
    let (mut held, mut is_complete, mut is_changed) = (Held::new(tile), false, false);
    let (mut due, mut taken) = (Instant::now(), 0_usize);
    loop {
        let is_due = is_complete && (is_changed || tile.by_wall_clock);
        let when = if is_changed { due } else { due + WALL_CLOCK_INTERVAL };
        let heard = tokio::select! {
            heard = news.next() => heard,
            () = sleep_until(when), if is_due => {
                let started = Instant::now();
                let wall = tile.by_wall_clock.then(|| gallery.app.about().clock().now());
                *last = held.picture(tile, wall).without(missing.clone());
                gallery.hang(number, last);
                is_changed = false;
                due = Instant::now() + INTERVAL.max(started.elapsed() * PARTS);
                if held.is_worth_a_new_beginning() && began.elapsed() > ANEW_AFTER {
                    return Ok(());
                }
                continue;
            }
        };
        match heard.transpose()? {
            // The application has ended.
            None => return Err(QueryError::NotRunning { state: gallery.app.state() }),
            // Tasks have moved, so that others may know more now.
            Some(Live::Reset) if missing.is_some() && is_complete => return Ok(()),
            Some(Live::Reset) => {
                (held, is_complete) = (Held::new(tile), false);
                last.state = State::Loading;
                gallery.hang(number, last);
            }
            Some(Live::Complete) => (is_complete, is_changed) = (true, true),
            Some(Live::Row(place, row)) => {
                held.take(tile, place, row.map(|row| (row.window, row.timestamp, shown(tile, &row))));
                is_changed = true;
            }
        }
        taken += 1;
        if taken.is_multiple_of(ROWS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}

/// What a tile shows of a row. The closures are the application's.
pub(super) fn shown(tile: &TileFacts, row: &StoredBytes) -> Content {
    match catch_unwind(AssertUnwindSafe(|| tile.read(&row.as_row()))) {
        Ok(Ok(Some(row))) => Content::Row(row),
        Ok(Ok(None)) => Content::Unwanted,
        Ok(Err(error)) => Content::Unreadable(error.to_string()),
        Err(_) => Content::Unreadable("a closure of the tile has panicked".to_owned()),
    }
}
