//! The pictures of tiles: what a page draws of tables while the application runs.
//!
//! Each tile has one follower for all who watch, which reads its store's rows, hears of their changes, and makes a picture
//! of them, at most ten times a second. `held.rs` keeps what a tile needs of its rows, `picture.rs` makes the picture, and
//! `following.rs` is where rows come from. Followers start when the first viewer comes and end some time after the last one
//! has gone. A viewer takes the latest pictures whenever it has time, so a slow one skips some and holds up nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, stream};
use streams_core::runtime::Handle;
use streams_core::topology::TileFacts;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use picture::Picture;

mod following;
mod held;
mod lines;
mod picture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watching;

/// How long followers stay when nobody watches: longer than a page takes to load again.
const LINGER: Duration = Duration::from_secs(10);

/// The latest pictures of all tiles, as long as somebody watches.
pub(crate) struct Gallery {
    app: Handle,
    hung: Mutex<Hung>,
    viewers: watch::Sender<usize>,
    /// The number of the latest picture.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Hung {
    is_attended: bool,
    latest: u64,
    /// One place for each tile, in their order.
    pictures: Vec<Option<Numbered>>,
}

#[derive(Clone)]
struct Numbered {
    number: u64,
    /// As it is sent.
    text: Arc<str>,
}

impl Gallery {
    pub(crate) fn new(app: Handle) -> Arc<Self> {
        let (hung, viewers, news) = (Mutex::default(), watch::Sender::new(0), watch::Sender::new(0));
        Arc::new(Self { app, hung, viewers, news })
    }

    /// The tiles.
    pub(crate) fn tiles(&self) -> &[TileFacts] {
        self.app.about().topology().tiles()
    }

    /// The pictures that there are, and from then on each that is new, for somebody who takes them one after the other.
    pub(crate) fn watch(self: &Arc<Self>) -> impl Stream<Item = Arc<str>> + Send + use<> {
        let viewer = Viewer::new(self);
        stream::unfold((viewer, Vec::new()), async |(mut viewer, mut taken)| {
            while taken.is_empty() {
                taken = viewer.next().await?;
                taken.reverse();
            }
            taken.pop().map(|text| (text, (viewer, taken)))
        })
    }

    /// Hangs up a picture, unless it looks like the one before.
    fn hang(&self, tile: usize, picture: &Picture) {
        let Ok(text) = serde_json::to_string(picture) else { return };
        let mut hung = self.lock();
        hung.pictures.resize(self.tiles().len(), None);
        let number = hung.latest + 1;
        let Some(place) = hung.pictures.get_mut(tile) else { return };
        if place.as_ref().is_some_and(|before| *before.text == *text) {
            return;
        }
        *place = Some(Numbered { number, text: text.into() });
        hung.latest = number;
        drop(hung);
        self.news.send_replace(number);
    }

    /// The pictures that are newer, and the number of the latest one.
    fn since(&self, number: u64) -> (Vec<Arc<str>>, u64) {
        let hung = self.lock();
        let newer = hung.pictures.iter().flatten().filter(|picture| picture.number > number);
        (newer.map(|picture| Arc::clone(&picture.text)).collect(), hung.latest)
    }

    fn lock(&self) -> MutexGuard<'_, Hung> {
        self.hung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows all tiles until nobody has watched for a while.
    async fn attend(self: Arc<Self>) {
        let mut followers = JoinSet::new();
        for tile in 0..self.tiles().len() {
            followers.spawn(following::follow(Arc::clone(&self), tile));
        }
        let mut viewers = self.viewers.subscribe();
        loop {
            // The sender is in `self`, so it does not go.
            let _ = viewers.wait_for(|viewers| *viewers == 0).await;
            if timeout(LINGER, viewers.wait_for(|viewers| *viewers > 0)).await.is_ok() {
                continue;
            }
            let mut hung = self.lock();
            // Whoever comes does so under this lock.
            if *self.viewers.borrow() == 0 {
                hung.is_attended = false;
                // What they show would grow old.
                hung.pictures.clear();
                return;
            }
        }
    }
}

/// Somebody who watches.
struct Viewer {
    gallery: Arc<Gallery>,
    news: watch::Receiver<u64>,
    seen: u64,
}

impl Viewer {
    fn new(gallery: &Arc<Gallery>) -> Self {
        let mut hung = gallery.lock();
        gallery.viewers.send_modify(|viewers| *viewers += 1);
        if !std::mem::replace(&mut hung.is_attended, true) {
            tokio::spawn(Arc::clone(gallery).attend());
        }
        let mut news = gallery.news.subscribe();
        news.mark_changed();
        Self { gallery: Arc::clone(gallery), news, seen: 0 }
    }

    async fn next(&mut self) -> Option<Vec<Arc<str>>> {
        self.news.changed().await.ok()?;
        let (newer, latest) = self.gallery.since(self.seen);
        self.seen = latest;
        Some(newer)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.gallery.viewers.send_modify(|viewers| *viewers -= 1);
    }
}
