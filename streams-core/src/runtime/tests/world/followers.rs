//! Somebody follows each instance's rows from its start, the latest and the committed ones, and must know in the end what its
//! tasks have.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};

use super::workload::Workload;
use super::{Outcome, World};
use crate::query::{Live, QueryError, follow_rows};
use crate::runtime::Status;
use crate::state::selection::PageRow;

type Rows = Pin<Box<dyn Stream<Item = Result<Live<PageRow, PageRow>, QueryError>>>>;

/// Somebody who follows the rows of one instance.
struct Follower {
    live: Rows,
    rows: BTreeMap<String, String>,
    is_whole: bool,
}

/// All who follow the instances of one place.
#[derive(Default)]
pub(super) struct Followers {
    latest: Option<Follower>,
    committed: Option<Follower>,
    /// The last committed value of each key that was told, by whatever instance: it never goes back.
    told: BTreeMap<String, String>,
}

impl Follower {
    fn of(status: &Arc<Status>, is_committed: bool) -> Self {
        let live = follow_rows(status, "ids", is_committed).expect("a store");
        Self { live: Box::pin(live), rows: BTreeMap::new(), is_whole: false }
    }

    /// Hears what there is, and gives each row that has changed to `each`. Returns whether there will be more.
    fn hear(&mut self, workload: Workload, mut each: impl FnMut(&str, &str) -> Outcome) -> Result<bool, String> {
        while let Some(news) = self.live.next().now_or_never() {
            match news {
                None | Some(Err(QueryError::NotRunning { .. })) => return Ok(false),
                Some(Err(error)) => return Err(format!("who follows hears: {error}")),
                Some(Ok(Live::Reset)) => (self.rows, self.is_whole) = (BTreeMap::new(), false),
                Some(Ok(Live::Complete)) => self.is_whole = true,
                Some(Ok(Live::Row(place, row))) => {
                    let key = workload.name_of(&place.key, place.window);
                    match row {
                        Some(row) => {
                            let ids = String::from_utf8(row.value.into_vec()).expect("text");
                            each(&key, &ids)?;
                            self.rows.insert(key, ids);
                        }
                        None => drop(self.rows.remove(&key)),
                    }
                }
            }
        }
        Ok(true)
    }
}

impl Followers {
    /// An instance has started, and is followed from now on.
    pub(super) fn begin(&mut self, status: &Arc<Status>) {
        self.latest = Some(Follower::of(status, false));
        self.committed = Some(Follower::of(status, true));
    }

    /// Nobody listens any more.
    pub(super) fn end(&mut self) {
        (self.latest, self.committed) = (None, None);
    }

    /// Hears what there is.
    pub(super) fn hear(&mut self, workload: Workload, is_exactly_once: bool) -> Outcome {
        if let Some(latest) = &mut self.latest
            && !latest.hear(workload, |_, _| Ok(()))?
        {
            self.latest = None;
        }
        let told = &mut self.told;
        let goes_on = |key: &str, ids: &str| {
            let before = told.insert(key.to_owned(), ids.to_owned()).unwrap_or_default();
            match is_exactly_once && !ids.starts_with(&before) {
                true => Err(format!("the committed row of {key} was `{before}`, and now it is `{ids}`")),
                false => Ok(()),
            }
        };
        if let Some(committed) = &mut self.committed
            && !committed.hear(workload, goes_on)?
        {
            self.committed = None;
        }
        Ok(())
    }
}

impl World {
    /// What those who follow know, compared with what the tasks have.
    pub(super) fn check_followers(&mut self) -> Outcome {
        for _ in 0..3 {
            self.advance(Duration::from_millis(60));
            self.step_all(false)?;
        }
        let (workload, is_exactly_once) = (self.script.workload, self.is_exactly_once());
        for seat in &mut self.seats {
            let Some(instance) = &seat.instance else { continue };
            let rows: BTreeMap<_, _> = instance.workers().flat_map(|worker| workload.rows(worker)).collect();
            seat.followers.hear(workload, is_exactly_once)?;
            for (which, follower) in [("latest", &seat.followers.latest), ("committed", &seat.followers.committed)] {
                let Some(follower) = follower else {
                    return Err(format!("nobody follows the {which} rows of instance {} any more", seat.number));
                };
                if !follower.is_whole || follower.rows != rows {
                    let (number, known) = (seat.number, &follower.rows);
                    return Err(format!(
                        "who follows the {which} rows of instance {number} knows {known:?}, not {rows:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
