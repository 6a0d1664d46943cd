//! Follows a store: all rows first, then each that changes.
//!
//! Changes come from the workers in batches for all who follow ([`LiveStore`]). Here they are joined to the rows as they were
//! at first: those are read page by page while changes go on, and each page says which batches it includes already.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;

use super::QueryError;
use super::elsewhere::Everywhere;
use super::mark::Mark;
use super::rows::Read;
use super::store::AskedStore;
use crate::record::TaskId;
use crate::runtime::queries::{LiveBatch, LiveStore};
use crate::state::KeyOrder;
use crate::state::selection::{Area, PageRow, Selection, row_at};

/// How many rows a page has at most.
const PAGE: usize = 1_000;

/// How long a task is waited for that is on its way, or restores its state: longer than anything takes that ends well.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// What somebody hears who follows a store ([`Rows::live`](super::Rows::live)).
///
/// Whoever listens slowly does not hear each change, but always what a row has become in the end.
///
/// ```
/// use futures::{Stream, StreamExt};
/// use millstream::prelude::*;
/// use millstream::query::{Live, QueryError};
/// use millstream::runtime::Handle;
/// use std::collections::BTreeMap;
///
/// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
///
/// /// Keeps a copy of the counts, and prints it whenever it is whole and has changed.
/// async fn show(app: &Handle) -> Result<(), QueryError> {
///     let (mut counts, mut is_whole) = (BTreeMap::new(), false);
///     let mut live = app.query(&COUNTS)?.all().live();
///     while let Some(news) = live.next().await {
///         match news? {
///             Live::Reset => (counts, is_whole) = (BTreeMap::new(), false),
///             Live::Row(key, Some(count)) => drop(counts.insert(key, count)),
///             Live::Row(key, None) => drop(counts.remove(&key)),
///             Live::Complete => is_whole = true,
///         }
///         if is_whole {
///             println!("{counts:?}");
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live<K, V> {
    /// Forget everything: all rows follow. It comes first, and again when tasks have moved, or what they did was undone.
    Reset,
    /// A row as it is now; `None` if it is gone.
    Row(K, Option<V>),
    /// Everything that there is has been told. What follows are changes.
    Complete,
}

/// The same as bytes, and with marks.
pub(super) enum Change {
    Reset,
    /// Nothing was missed since the mark that was given.
    Resumed,
    Row {
        row: PageRow,
        is_gone: bool,
    },
    Complete,
    /// What has been told until here.
    Mark(Mark),
}

/// Whether somebody who follows wants to hear how far he is, to go on from there if he is cut off.
#[derive(Clone)]
pub(super) enum Marking {
    None,
    /// And where to begin; `None` for the rows as they are.
    From(Option<Mark>),
}

/// Follows the wanted rows of a store: in all instances, if questions are carried to them and all rows are wanted.
pub(super) fn follow<K: Send + 'static, V: Send + 'static>(
    store: AskedStore,
    selection: Option<Selection>,
    read: Read<K, V>,
) -> impl Stream<Item = Result<Live<K, V>, QueryError>> + Send {
    let reader = store.clone();
    let changes = selection.map(|selection| changes_everywhere(store, selection, Marking::None));
    let changes = changes.map_or_else(|| stream::empty().left_stream(), StreamExt::right_stream);
    changes.filter_map(move |change| {
        std::future::ready(match change {
            Ok(Change::Reset) => Some(Ok(Live::Reset)),
            Ok(Change::Complete) => Some(Ok(Live::Complete)),
            Ok(Change::Row { row, is_gone }) => Some(read.live(&reader, row, is_gone)),
            // Only for those who want marks.
            Ok(Change::Resumed | Change::Mark(_)) => None,
            Err(error) => Some(Err(error)),
        })
    })
}

/// The same, as bytes and with marks if they are wanted.
pub(super) fn changes_everywhere(
    store: AskedStore,
    selection: Selection,
    marking: Marking,
) -> impl Stream<Item = Result<Change, QueryError>> + Send {
    match store.elsewhere().filter(|_| !store.is_global()) {
        Some(elsewhere) => Everywhere::new(store, selection, elsewhere, marking).changes().left_stream(),
        None => following(Following::new(store, selection, None, marking)).right_stream(),
    }
}

/// Follows the wanted rows of some tasks of this instance, as long as it has all of them.
pub(super) fn changes(
    store: AskedStore,
    selection: Selection,
    tasks: Vec<TaskId>,
    marking: Marking,
) -> impl Stream<Item = Result<Change, QueryError>> + Send {
    following(Following::new(store, selection, Some(tasks.into_iter().collect()), marking))
}

fn following(following: Following) -> impl Stream<Item = Result<Change, QueryError>> + Send {
    stream::try_unfold(following, |mut following| async move {
        let change = following.next().await?;
        Ok(Some((change, following)))
    })
}

/// Somebody who follows a store.
struct Following {
    store: AskedStore,
    selection: Arc<Selection>,
    /// Where the wanted rows are.
    areas: Vec<Area>,
    live: Arc<LiveStore>,
    news: watch::Receiver<u64>,
    /// The number of the next batch.
    next: u64,
    events: VecDeque<Change>,
    /// The tasks that are followed; `None` if they are those that the store says.
    tasks: Option<BTreeSet<TaskId>>,
    phase: Phase,
    /// How far each task's rows were read, and the first batch that they do not include, one entry for each page. Kept until
    /// all batches from before are through.
    read: BTreeMap<TaskId, Vec<ReadUpTo>>,
    marking: Marking,
    /// The number in the last mark that was told.
    marked: Option<u64>,
}

enum Phase {
    Beginning,
    /// The tasks whose rows are still to be read, and after which row of the first one.
    Reading(VecDeque<TaskId>, Option<Box<[u8]>>),
    Changes,
}

struct ReadUpTo {
    /// The last place; `None` if everything was read.
    place: Option<Box<[u8]>>,
    number: u64,
}

impl Following {
    fn new(mut store: AskedStore, mut selection: Selection, tasks: Option<BTreeSet<TaskId>>, marking: Marking) -> Self {
        store.waiting(PATIENCE);
        selection.order = KeyOrder::Ascending;
        selection.after = None;
        let live = store.follow();
        Self {
            news: live.news(),
            live,
            areas: store.kind().areas(&selection.keys, selection.times),
            store,
            selection: Arc::new(selection),
            next: 0,
            events: VecDeque::new(),
            tasks,
            phase: Phase::Beginning,
            read: BTreeMap::new(),
            marking,
            marked: None,
        }
    }

    async fn next(&mut self) -> Result<Change, QueryError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            // Whatever comes from now on is looked at below.
            self.news.borrow_and_update();
            match &self.phase {
                Phase::Beginning => {
                    if self.goes_on() {
                        return Ok(Change::Resumed);
                    }
                    self.next = self.live.end();
                    self.marked = None;
                    self.read.clear();
                    let tasks = match &self.tasks {
                        Some(tasks) => tasks.iter().copied().collect(),
                        None => self.store.tasks_to_follow().await?.into(),
                    };
                    self.phase = Phase::Reading(tasks, None);
                    return Ok(Change::Reset);
                }
                Phase::Reading(..) => {
                    self.read_on().await?;
                    self.take_changes()?;
                }
                Phase::Changes => {
                    self.take_changes()?;
                    if self.events.is_empty()
                        && matches!(self.phase, Phase::Changes)
                        && self.news.changed().await.is_err()
                    {
                        // Nobody publishes any more; asking says why.
                        self.phase = Phase::Beginning;
                    }
                }
            }
        }
    }

    /// Goes on from the mark that was given, if everything since is still there. A mark is good once.
    fn goes_on(&mut self) -> bool {
        let Marking::From(mark) = &mut self.marking else { return false };
        let next = mark.take().and_then(|mark| mark.in_list(self.live.number()));
        let Some(next) = next.filter(|next| self.live.since(*next).is_some()) else { return false };
        (self.next, self.phase) = (next, Phase::Changes);
        true
    }

    /// Tells how far this is, once everything is told that a page or a batch has had before that.
    fn mark(&mut self, is_news: bool) {
        let is_wanted = matches!(self.marking, Marking::From(_)) && matches!(self.phase, Phase::Changes);
        // Whoever wants few rows is not bothered by changes of others.
        if is_wanted && self.read.is_empty() && (is_news || self.marked.is_none()) {
            self.marked = Some(self.next);
            self.events.push_back(Change::Mark(Mark::new(self.live.number(), self.next)));
        }
    }

    /// Reads the next page.
    async fn read_on(&mut self) -> Result<(), QueryError> {
        let Phase::Reading(tasks, after) = &mut self.phase else { return Ok(()) };
        let Some(task) = tasks.front().copied() else {
            self.phase = Phase::Changes;
            self.events.push_back(Change::Complete);
            return Ok(());
        };
        Arc::make_mut(&mut self.selection).after = after.take();
        let read = self.store.live_page(task, &self.selection, PAGE, &self.live).await;
        let (page, number) = match read {
            // It has moved in between.
            Err(QueryError::NotHere { .. }) if self.store.is_local() && self.tasks.is_none() => {
                self.phase = Phase::Beginning;
                return Ok(());
            }
            read => read?,
        };
        self.read.entry(task).or_default().push(ReadUpTo { place: page.next.clone(), number });
        match page.next {
            Some(next) => *after = Some(next),
            None => drop(tasks.pop_front()),
        }
        self.events.extend(page.rows.into_iter().map(|row| Change::Row { row, is_gone: false }));
        Ok(())
    }

    /// Takes the batches that have come since, and of each row only what it has become in the end.
    fn take_changes(&mut self) -> Result<(), QueryError> {
        let Some(batches) = self.live.since(self.next) else {
            self.phase = Phase::Beginning;
            self.events.clear();
            return Ok(());
        };
        let mut changed: BTreeMap<&[u8], Change> = BTreeMap::new();
        for batch in &batches {
            let number = self.next;
            self.next += 1;
            for (place, event) in self.wanted(batch, number)? {
                changed.insert(place, event);
            }
        }
        let is_news = !changed.is_empty();
        self.events.extend(changed.into_values());
        if matches!(self.phase, Phase::Changes) && self.read.values().flatten().all(|read| read.number <= self.next) {
            self.read.clear();
        }
        self.mark(is_news);
        Ok(())
    }

    /// The rows of a batch that are wanted and not told already.
    fn wanted<'a>(&self, batch: &'a LiveBatch, number: u64) -> Result<Vec<(&'a [u8], Change)>, QueryError> {
        if self.tasks.as_ref().is_some_and(|tasks| !tasks.contains(&batch.task)) {
            return Ok(Vec::new());
        }
        let pages = self.read.get(&batch.task);
        let is_new = |place: &[u8]| match (pages, &self.phase) {
            (Some(pages), phase) => {
                let page = pages.iter().find(|page| page.place.as_deref().is_none_or(|last| place <= last));
                // What is behind the last page will be read.
                page.map_or(matches!(phase, Phase::Changes), |page| page.number <= number)
            }
            (None, phase) => matches!(phase, Phase::Changes),
        };
        let rows = self.areas.iter().flat_map(|area| batch.within(area)).filter(|row| is_new(row.place));
        let mut events = Vec::new();
        for row in rows {
            let found = match row.row {
                Some(found) => row_at(self.store.kind(), row.place, found),
                // Only which rows have changed is known of a global table.
                None if self.store.is_global() => self.store.global_row(row.place)?,
                None => None,
            };
            let is_gone = found.is_none();
            let Some(row_now) = found.or_else(|| self.store.gone(row.place)) else { continue };
            if self.store.wants(&self.selection, &row_now, is_gone) {
                events.push((row.place, Change::Row { row: row_now, is_gone }));
            }
        }
        Ok(events)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.store.unfollow(matches!(self.marking, Marking::From(_)));
    }
}
