//! A store of a running application, as bytes: finds the tasks that have its rows, asks them, and puts their answers together.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{join_all, try_join_all};

use super::elsewhere::{Elsewhere, RemoteQuestion};
use super::{Position, QueryError};
use crate::record::{Partition, TaskId, Timestamp};
use crate::runtime::queries::{Floor, Freshness, LiveBatch, LiveStore, Look, Question, TaskReader, Wish};
use crate::runtime::{AppState, Status};
use crate::state::kinds::StoredRow;
use crate::state::rows::RowError;
use crate::state::selection::{Keys, Page, PageRow, Selection, read_page, row_at};
use crate::state::{GlobalStore, KeyOrder, StoreAccess, StoreError, StoreErrorKind, StoreKind};
use crate::topology::StoreId;
use crate::windows::WindowSizes;
use crate::wire::murmur2::partition_of;

/// A store that can be asked.
#[derive(Clone)]
pub(crate) struct AskedStore {
    status: Arc<Status>,
    name: Arc<str>,
    id: StoreId,
    kind: Arc<dyn StoreKind>,
    windows: WindowSizes,
    /// The sub-topology whose tasks have it; `None` for a global table's.
    subtopology: Option<u32>,
    freshness: Freshness,
    at_least: Arc<Position>,
    patience: Duration,
    /// Whether only this instance's rows are wanted.
    is_local: bool,
}

/// The limit of a page that has no rows, but says how many there are.
const NONE: usize = 0;

/// A key that is looked up.
pub(crate) struct Sought {
    pub(crate) key: Vec<u8>,
    /// The part of the key that decides the partition.
    pub(crate) partitioned_by: Vec<u8>,
    /// As in [`Selection`].
    pub(crate) times: Option<(Timestamp, Timestamp)>,
}

impl AskedStore {
    /// Finds a store by its name.
    pub(crate) fn find(status: &Arc<Status>, name: &str) -> Result<Self, QueryError> {
        let not_running = || QueryError::NotRunning { state: *status.state.borrow() };
        let topology = status.desk.topology().ok_or_else(not_running)?;
        let stores = &topology.graph().stores;
        let Some(number) = stores.iter().position(|store| *store.name == *name) else {
            let known = stores.iter().map(|store| store.name.to_string()).collect();
            return Err(QueryError::UnknownStore { store: name.to_owned(), known });
        };
        let id = StoreId(u32::try_from(number).unwrap_or(u32::MAX));
        let definition = topology.graph().store(id).ok_or_else(not_running)?;
        let mut parts = topology.subtopologies().iter().filter(|sub| !sub.global && !definition.global);
        let subtopology = parts.find(|sub| sub.stores.contains(&id)).map(|sub| sub.id);
        Ok(Self {
            status: Arc::clone(status),
            name: Arc::clone(&definition.name),
            id,
            kind: Arc::clone(&definition.kind),
            windows: definition.windows,
            subtopology,
            freshness: Freshness::default(),
            at_least: Arc::default(),
            patience: Duration::ZERO,
            is_local: false,
        })
    }

    pub(super) const fn freshness(&self) -> Freshness {
        self.freshness
    }

    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn kind(&self) -> &dyn StoreKind {
        &*self.kind
    }

    /// The sizes of the windows in its keys, without those of the rows themselves.
    pub(crate) fn inner_windows(&self) -> WindowSizes {
        if self.kind.window_size().is_some() { self.windows.inner() } else { self.windows }
    }

    pub(crate) fn committed(&mut self) {
        self.freshness = Freshness::Committed;
    }

    pub(crate) fn at_least(&mut self, position: &Position) {
        Arc::make_mut(&mut self.at_least).merge(position);
    }

    pub(crate) fn local(&mut self) {
        self.is_local = true;
    }

    pub(crate) fn waiting(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The row of a key. It is in the partition that the key belongs to, unless the topic was written by somebody who divides
    /// keys in another way; so if it is not there, it is looked for in the other tasks.
    pub(crate) async fn get(&self, sought: Sought) -> Result<(Option<PageRow>, Position), QueryError> {
        let deadlines = self.status.desk.deadlines(self.patience);
        let floor = self.floor(deadlines.0).await?;
        let selection = Selection {
            keys: Keys::One(sought.key.into()),
            times: sought.times,
            order: KeyOrder::Ascending,
            after: None,
        };
        let selection = Arc::new(selection);
        let Some(subtopology) = self.subtopology else {
            let page = self.look_at_global(&floor, &selection, 1)?;
            return Ok((page.rows.into_iter().next(), Position::default()));
        };
        let partitions = floor.partitions.get(&subtopology).copied().unwrap_or(0);
        let home = TaskId { subtopology, partition: partition_of(&sought.partitioned_by, partitions) };
        let (row, mut position) = self.first(&[home], &selection, deadlines).await?;
        if row.is_some() {
            return Ok((row, position));
        }
        let everywhere = self.elsewhere().is_some();
        let others = if everywhere { self.tasks(&floor, subtopology) } else { self.own_tasks(subtopology) };
        let others: Vec<_> = others.into_iter().filter(|task| *task != home).collect();
        let (row, own) = self.first(&others, &selection, deadlines).await?;
        position.merge(&own);
        Ok((row, position))
    }

    /// The first wanted row of some tasks.
    async fn first(
        &self,
        tasks: &[TaskId],
        selection: &Arc<Selection>,
        deadlines: (Duration, Duration),
    ) -> Result<(Option<PageRow>, Position), QueryError> {
        let mut selection = Arc::clone(selection);
        loop {
            let (page, position) = self.page_of_tasks(tasks, &selection, 1, deadlines).await?;
            match (page.rows.into_iter().next(), page.next) {
                (None, Some(next)) => Arc::make_mut(&mut selection).after = Some(next),
                (row, _) => return Ok((row, position)),
            }
        }
    }

    /// Some of the wanted rows of all tasks, in the order of the store's keys: at most `limit`, and where to go on.
    pub(crate) async fn page(&self, selection: &Arc<Selection>, limit: usize) -> Result<(Page, Position), QueryError> {
        let deadlines = self.status.desk.deadlines(self.patience);
        let floor = self.floor(deadlines.0).await?;
        let Some(subtopology) = self.subtopology else {
            return Ok((self.look_at_global(&floor, selection, limit)?, Position::default()));
        };
        self.page_of_tasks(&self.tasks(&floor, subtopology), selection, limit, deadlines).await
    }

    /// About how many entries all tasks have together; `None` if a backend does not know.
    pub(crate) async fn estimate(&self) -> Result<(Option<u64>, Position), QueryError> {
        let all = Selection { keys: Keys::All, times: None, order: KeyOrder::Ascending, after: None };
        let (page, position) = self.page(&Arc::new(all), NONE).await?;
        Ok((page.estimate, position))
    }

    /// The same of some tasks of this instance, each of which must be here.
    pub(super) async fn page_of_all(
        &self,
        tasks: &[TaskId],
        selection: &Arc<Selection>,
        limit: usize,
    ) -> Result<(Page, Position), QueryError> {
        let deadlines = self.status.desk.deadlines(self.patience);
        self.floor(deadlines.0).await?;
        let pages = tasks.iter().map(|task| self.page_of(*task, selection, limit, deadlines, None));
        let (mut pages_read, mut position) = (Vec::new(), Position::default());
        for (page, own, _) in try_join_all(pages).await? {
            position.merge(&own);
            pages_read.push(page);
        }
        Ok((merged(pages_read, selection.order, limit), position))
    }

    /// The same of some tasks, wherever they are, if questions are carried to other instances.
    async fn page_of_tasks(
        &self,
        tasks: &[TaskId],
        selection: &Arc<Selection>,
        limit: usize,
        deadlines: (Duration, Duration),
    ) -> Result<(Page, Position), QueryError> {
        let ask = |task: &TaskId| self.page_of(*task, selection, limit, deadlines, None);
        let answers = match tasks {
            // Most questions are about one key, and there is nothing to put together.
            [task] => match ask(task).await {
                Ok((page, position, _)) => return Ok((page, position)),
                failed => vec![failed],
            },
            _ => join_all(tasks.iter().map(ask)).await,
        };
        let (mut pages, mut position, mut elsewhere) = (Vec::new(), Position::default(), Vec::new());
        for (task, page) in tasks.iter().zip(answers) {
            match page {
                Ok((page, own, _)) => {
                    position.merge(&own);
                    pages.push(page);
                }
                // It has moved in between.
                Err(QueryError::NotHere { .. }) if self.is_local => {}
                Err(QueryError::NotHere { .. }) if self.elsewhere().is_some() => elsewhere.push(*task),
                Err(error) => return Err(error),
            }
        }
        if !elsewhere.is_empty()
            && let Some(carrier) = self.elsewhere()
        {
            for answer in carrier.ask(self.remote_question(elsewhere, selection, limit)).await? {
                position.merge(&answer.position);
                pages.push(answer.page);
            }
        }
        Ok((merged(pages, selection.order, limit), position))
    }

    /// Who carries questions to other instances, if they may go there.
    pub(super) fn elsewhere(&self) -> Option<Arc<dyn Elsewhere>> {
        if self.is_local { None } else { self.status.elsewhere() }
    }

    /// What is asked about tasks of other instances.
    pub(super) fn remote_question(&self, tasks: Vec<TaskId>, selection: &Selection, limit: usize) -> RemoteQuestion {
        let how = (self.freshness, &*self.at_least, self.patience);
        RemoteQuestion::new((&self.name, tasks), how, selection, limit)
    }

    /// Asks only this instance, for another one.
    pub(super) fn only_here(&mut self, freshness: Freshness, at_least: &Position, patience: Duration) {
        (self.freshness, self.patience, self.is_local) = (freshness, patience, true);
        self.at_least = Arc::new(at_least.clone());
    }

    /// The same store, of which only this instance is asked.
    pub(super) fn as_only_here(&self) -> Self {
        Self { is_local: true, ..self.clone() }
    }

    /// The tasks with its rows that this instance has.
    pub(super) fn tasks_here(&self) -> Vec<TaskId> {
        self.subtopology.map_or_else(Vec::new, |subtopology| self.own_tasks(subtopology))
    }

    /// The tasks that have its rows, or those of them that this instance has.
    fn tasks(&self, floor: &Floor, subtopology: u32) -> Vec<TaskId> {
        if self.is_local {
            return self.own_tasks(subtopology);
        }
        let partitions = floor.partitions.get(&subtopology).copied().unwrap_or(0);
        let partition = |number| Partition(i32::try_from(number).unwrap_or(i32::MAX));
        (0..partitions).map(|number| TaskId { subtopology, partition: partition(number) }).collect()
    }

    fn own_tasks(&self, subtopology: u32) -> Vec<TaskId> {
        let owners = self.status.desk.owners();
        owners.into_keys().filter(|task| task.subtopology == subtopology).collect()
    }

    /// Some of the wanted rows of one task; for those who follow the store, with the number of the first batch of changes
    /// that they do not have yet.
    async fn page_of(
        &self,
        task: TaskId,
        selection: &Arc<Selection>,
        limit: usize,
        deadlines: (Duration, Duration),
        live: Option<Arc<LiveStore>>,
    ) -> Result<(Page, Position, u64), QueryError> {
        let read = move |look: Look<'_>, store: &str, selection: &Selection| {
            let page = match limit {
                NONE => Ok(Page { estimate: look.estimate, rows: Vec::new(), next: None }),
                limit => read_page(look.rows, look.kind, look.newest, selection, limit),
            };
            page.map(|page| (page, look.position, 0)).map_err(|error| failed(store, error))
        };
        // Only the worker knows which changes it has told.
        if live.is_none()
            && limit != NONE
            && let Some(reader) = self.status.desk.reader(task)
            && let Some(is_glance) = self.beside_the_worker(&reader, selection)
            && let Some(page) =
                reader.look(&self.name, &self.at_least, is_glance, |look| read(look, &self.name, selection))
        {
            return page;
        }
        let (sender, receiver) = oneshot::channel();
        let (store, selection) = (Arc::clone(&self.name), Arc::clone(selection));
        let (freshness, at_least, counts) = (self.freshness, Arc::clone(&self.at_least), limit == NONE);
        let wish = Wish { task, store: Arc::clone(&store), freshness, at_least, counts };
        let question = Question::new(wish, deadlines, move |look| {
            let number = live.map_or(0, |live| live.end());
            let answer = look.and_then(|look| read(look, &store, &selection));
            let answer = answer.map(|(page, position, _)| (page, position, number));
            // If nobody listens any more, nobody wants to know.
            let _ = sender.send(answer);
        });
        self.status.desk.ask(question, self.state());
        receiver.await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// Whether a task need not be bothered with a question, and then whether a glance is enough.
    fn beside_the_worker(&self, reader: &TaskReader, selection: &Selection) -> Option<bool> {
        let is_committed = self.freshness == Freshness::Committed;
        // Which rows have expired, only the worker knows.
        let is_glance = matches!(selection.keys, Keys::One(_)) && self.kind.retention().is_none();
        let is_there = (is_committed && reader.reads_pages()) || (is_glance && (is_committed || reader.is_clean()));
        is_there.then_some(is_glance)
    }

    /// The tasks whose rows somebody wants to follow.
    pub(super) async fn tasks_to_follow(&self) -> Result<Vec<TaskId>, QueryError> {
        let floor = self.floor(self.status.desk.deadlines(self.patience).0).await?;
        match self.subtopology {
            Some(subtopology) => Ok(self.tasks(&floor, subtopology)),
            None => Ok(vec![LiveBatch::OF_GLOBAL]),
        }
    }

    /// Some rows of a task for somebody who follows the store, with the number of the first batch that they do not include.
    pub(super) async fn live_page(
        &self,
        task: TaskId,
        selection: &Arc<Selection>,
        limit: usize,
        live: &Arc<LiveStore>,
    ) -> Result<(Page, u64), QueryError> {
        let deadlines = self.status.desk.deadlines(self.patience);
        if self.is_global() {
            // A change that comes in between is told once more, as it is then.
            let number = live.end();
            return Ok((self.look_at_global(&*self.floor(deadlines.0).await?, selection, limit)?, number));
        }
        let (page, _, number) = self.page_of(task, selection, limit, deadlines, Some(Arc::clone(live))).await?;
        Ok((page, number))
    }

    /// Whether every instance has all of its rows.
    pub(super) const fn is_global(&self) -> bool {
        self.subtopology.is_none()
    }

    /// A row of a global table as it is now, by its place.
    pub(super) fn global_row(&self, place: &[u8]) -> Result<Option<PageRow>, QueryError> {
        let floor = self.status.desk.floor().ok_or_else(|| QueryError::NotRunning { state: self.state() })?;
        let store = floor.globals.get(&self.id).ok_or_else(|| QueryError::NotRunning { state: self.state() })?;
        let row = store.get(place).map_err(|error| failed(&self.name, error.into()))?;
        Ok(row.and_then(|row| row_at(&*self.kind, place, &row)))
    }

    /// Whether only the tasks of this instance are followed.
    pub(super) const fn is_local(&self) -> bool {
        self.is_local
    }

    /// Begins to follow the store.
    pub(super) fn follow(&self) -> Arc<LiveStore> {
        self.status.desk.follow(&self.name, self.followed())
    }

    /// Follows it no more. Whoever `may_return` finds what changes until then.
    pub(super) fn unfollow(&self, may_return: bool) {
        self.status.desk.unfollow(&self.name, self.followed(), may_return);
    }

    /// Which changes those hear who follow. All of a global table's are committed.
    const fn followed(&self) -> Freshness {
        if self.is_global() { Freshness::Committed } else { self.freshness }
    }

    /// The row that was at a place and is gone, as far as that tells.
    pub(super) fn gone(&self, place: &[u8]) -> Option<PageRow> {
        // Places say all but the value. No row's other parts are longer than this.
        const ANY_ROW: [u8; 32] = [0; 32];
        let read = self.kind.read(place, &ANY_ROW)?;
        let (key, window) = (read.key.into(), read.window);
        Some(PageRow { place: place.into(), key, window, timestamp: None, value: [].into() })
    }

    /// Whether a row that has changed, and is where wanted ones are, is wanted.
    pub(super) fn wants(&self, selection: &Selection, row: &PageRow, is_gone: bool) -> bool {
        let stored = StoredRow { key: &row.key, window: row.window, timestamp: row.timestamp, value: &row.value };
        selection.keys.contain(&row.key)
            && selection.times.is_none_or(|times| is_gone || self.kind.is_within(&stored, times, None))
    }

    /// Where to ask, as soon as that is known.
    async fn floor(&self, until: Duration) -> Result<Arc<Floor>, QueryError> {
        let desk = &self.status.desk;
        if let Some(floor) = desk.floor() {
            return Ok(floor);
        }
        if desk.now() < until && !self.state().is_final() {
            let _ = desk.wait_for_floor(until).await;
        }
        desk.floor().ok_or_else(|| QueryError::NotRunning { state: self.state() })
    }

    fn look_at_global(&self, floor: &Floor, selection: &Selection, limit: usize) -> Result<Page, QueryError> {
        let Some(store) = floor.globals.get(&self.id) else {
            return Err(QueryError::NotRunning { state: self.state() });
        };
        if limit == NONE {
            let size = store.size().map_err(|error| failed(&self.name, error.into()))?;
            let estimate = size.rows.map(|rows| rows / self.kind.rows_each().max(1));
            return Ok(Page { estimate, rows: Vec::new(), next: None });
        }
        let mut rows = access(store, &self.name);
        let newest = store.newest().map_err(|error| failed(&self.name, error.into()))?;
        let newest = Some(newest).filter(|_| self.kind.retention().is_some());
        read_page(&mut rows, &*self.kind, newest, selection, limit).map_err(|error| failed(&self.name, error))
    }

    fn state(&self) -> AppState {
        *self.status.state.borrow()
    }

    /// Why a question was dropped.
    fn unanswered(&self) -> QueryError {
        match self.state() {
            AppState::Running | AppState::Rebalancing | AppState::Disconnected => {
                let reason = "there is no answer: a row cannot be encoded, or its worker has ended; the log says why";
                let error = StoreError::new(StoreErrorKind::Other, reason);
                QueryError::Store { store: self.name.to_string(), error }
            }
            state => QueryError::NotRunning { state },
        }
    }
}

fn access(store: &Arc<GlobalStore>, name: &Arc<str>) -> StoreAccess {
    let state = std::rc::Rc::new(std::cell::RefCell::new(store.as_state()));
    StoreAccess::new(Arc::clone(name), store.index(), state, None)
}

fn failed(store: &str, error: RowError) -> QueryError {
    let store = store.to_owned();
    match error {
        RowError::Store(error) => QueryError::Store { store, error },
        RowError::Encode(error) => {
            let error = StoreError::new(StoreErrorKind::Other, format!("a row cannot be encoded: {error}"));
            QueryError::Store { store, error }
        }
    }
}

/// Puts the tasks' pages together. A page that ends early hides what may come behind its end, so nothing behind the first
/// such end is taken.
fn merged(pages: Vec<Page>, order: KeyOrder, limit: usize) -> Page {
    let mut end: Option<Box<[u8]>> = None;
    let mut rows = Vec::new();
    let estimate = pages.iter().map(|page| page.estimate).sum();
    for page in pages {
        if let Some(next) = page.next
            && end.as_ref().is_none_or(|end| order.compare(&next, end).is_lt())
        {
            end = Some(next);
        }
        rows.extend(page.rows);
    }
    rows.retain(|row| end.as_ref().is_none_or(|end| order.compare(&row.place, end).is_le()));
    rows.sort_by(|left, right| order.compare(&left.place, &right.place));
    if rows.len() > limit {
        rows.truncate(limit);
        end = rows.last().map(|last: &PageRow| last.place.clone());
    }
    Page { estimate, rows, next: end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_added_up_and_one_that_is_missing_leaves_nothing() {
        let counted = |estimate| Page { estimate, rows: Vec::new(), next: None };
        for (pages, expected) in [
            (vec![counted(Some(2)), counted(Some(3))], Some(5)),
            (vec![counted(Some(2)), counted(None)], None),
            (vec![], Some(0)),
        ] {
            assert_eq!(merged(pages, KeyOrder::Ascending, NONE).estimate, expected);
        }
    }

    fn page(places: &[&str], next: Option<&str>) -> Page {
        let row = |place: &&str| PageRow {
            place: place.as_bytes().into(),
            key: place.as_bytes().into(),
            window: None,
            timestamp: None,
            value: [].into(),
        };
        let rows: Vec<_> = places.iter().map(row).collect();
        Page { estimate: None, rows, next: next.map(|next| next.as_bytes().into()) }
    }

    #[test]
    fn nothing_is_taken_from_behind_the_end_of_a_page_that_ends_early() {
        use KeyOrder::{Ascending, Descending};
        for (pages, order, limit, expected) in [
            (vec![page(&["a", "c"], None), page(&["b"], None)], Ascending, 9, page(&["a", "b", "c"], None)),
            (
                vec![page(&["a", "c"], Some("c")), page(&["b", "d"], None)],
                Ascending,
                9,
                page(&["a", "b", "c"], Some("c")),
            ),
            (vec![page(&["a", "c"], Some("c")), page(&[], Some("b"))], Ascending, 9, page(&["a"], Some("b"))),
            (vec![page(&["a", "c"], None), page(&["b"], None)], Ascending, 2, page(&["a", "b"], Some("b"))),
            (vec![page(&["c", "a"], None), page(&["b"], Some("b"))], Descending, 9, page(&["c", "b"], Some("b"))),
            (vec![], Ascending, 9, Page { estimate: Some(0), ..page(&[], None) }),
        ] {
            assert_eq!(merged(pages.clone(), order, limit), expected, "{pages:?}");
        }
    }
}
