//! Follows a store in all instances at once.
//!
//! Each task's rows are told by the instance that has it. When one is lost, those of the others go on, while it is looked for
//! where its tasks are now; then everybody begins anew, because rows may have changed that nobody told about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, SelectAll, select_all};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};

use super::super::live::{Change, Marking, changes};
use super::super::mark::Mark;
use super::super::store::AskedStore;
use super::{Elsewhere, RemoteNews};
use crate::query::QueryError;
use crate::record::TaskId;
use crate::runtime::queries::elsewhere::News;
use crate::state::selection::Selection;

/// A part's change, and its number.
type Numbered = (usize, Result<Change, QueryError>);

/// All that there is to hear at the moment.
struct Parts {
    heard: SelectAll<BoxStream<'static, Numbered>>,
    count: usize,
    /// Whether some tasks have nobody to tell about them.
    is_partial: bool,
}

/// Somebody who follows a store in all instances.
pub(in crate::query) struct Everywhere {
    store: AskedStore,
    selection: Selection,
    elsewhere: Arc<dyn Elsewhere>,
    /// With a mark only until that was tried.
    marking: Marking,
    phase: Phase,
}

enum Phase {
    Beginning,
    Following(Box<Round>),
}

/// From one beginning to the next.
struct Round {
    parts: Parts,
    /// The parts that have begun, and those that have told everything.
    begun: BTreeSet<usize>,
    complete: BTreeSet<usize>,
    /// Whether all parts are to go on from where they were.
    goes_on: bool,
    /// The last mark of each part.
    marks: BTreeMap<usize, Mark>,
    /// Looks for all parts, if one is missing.
    search: Option<BoxFuture<'static, Result<Parts, QueryError>>>,
}

impl Everywhere {
    pub(in crate::query) fn new(
        store: AskedStore,
        selection: Selection,
        elsewhere: Arc<dyn Elsewhere>,
        marking: Marking,
    ) -> Self {
        Self { store, selection, elsewhere, marking, phase: Phase::Beginning }
    }

    /// What there is to hear.
    pub(in crate::query) fn changes(self) -> impl Stream<Item = Result<Change, QueryError>> + Send {
        stream::try_unfold(self, |mut everywhere| async move {
            let change = everywhere.next().await?;
            Ok(Some((change, everywhere)))
        })
    }

    async fn next(&mut self) -> Result<Change, QueryError> {
        loop {
            match &mut self.phase {
                Phase::Beginning => {
                    let parts = find(&self.store, &self.selection, &self.elsewhere, &self.marking).await?;
                    // A mark is good once, and only as a whole.
                    let mark = self.take_mark();
                    match mark {
                        Some(mark) if parts.is_partial || parts.count != mark.lists() => {}
                        mark => {
                            self.begin(parts, mark.is_some());
                            if mark.is_none() {
                                return Ok(Change::Reset);
                            }
                        }
                    }
                }
                Phase::Following(round) => match round.next().await {
                    Heard::Change(change) => return Ok(change),
                    Heard::Lost => {
                        let elsewhere = Arc::clone(&self.elsewhere);
                        let how = (self.store.clone(), self.selection.clone(), elsewhere, self.marking.clone());
                        round.search = Some(find_all(how).boxed());
                    }
                    Heard::Found(parts) => {
                        self.begin(parts?, false);
                        return Ok(Change::Reset);
                    }
                    Heard::Again => self.phase = Phase::Beginning,
                    Heard::Failed(error) => return Err(error),
                },
            }
        }
    }

    fn take_mark(&mut self) -> Option<Mark> {
        match &mut self.marking {
            Marking::From(mark) => mark.take(),
            Marking::None => None,
        }
    }

    fn begin(&mut self, parts: Parts, goes_on: bool) {
        let how = (self.store.clone(), self.selection.clone(), Arc::clone(&self.elsewhere), self.marking.clone());
        let search = parts.is_partial.then(|| find_all(how).boxed());
        let (begun, complete, marks) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let round = Round { parts, begun, complete, goes_on, marks, search };
        self.phase = Phase::Following(Box::new(round));
    }
}

/// What comes next.
enum Heard {
    Change(Change),
    /// A part has ended.
    Lost,
    /// All parts were found again.
    Found(Result<Parts, QueryError>),
    /// A part has begun anew.
    Again,
    /// Nobody can go on.
    Failed(QueryError),
}

impl Round {
    /// Whether everything that there is has been told.
    fn is_complete(&self) -> bool {
        self.complete.len() == self.parts.count && !self.parts.is_partial && self.search.is_none()
    }

    async fn next(&mut self) -> Heard {
        loop {
            let (part, change) = match &mut self.search {
                None => match self.parts.heard.next().await {
                    Some(heard) => heard,
                    None => return Heard::Lost,
                },
                Some(search) => {
                    let heard = async {
                        match self.parts.heard.next().await {
                            Some(heard) => heard,
                            // Nobody is left to listen to.
                            None => futures::future::pending().await,
                        }
                    };
                    match futures::future::select(search, std::pin::pin!(heard)).await {
                        futures::future::Either::Left((parts, _)) => return Heard::Found(parts),
                        futures::future::Either::Right((heard, _)) => heard,
                    }
                }
            };
            match change {
                Ok(Change::Reset) if !self.goes_on && self.begun.insert(part) => {}
                Ok(Change::Reset) => return Heard::Again,
                Ok(Change::Resumed) => {
                    self.begun.insert(part);
                    self.complete.insert(part);
                    if self.is_complete() {
                        self.goes_on = false;
                        return Heard::Change(Change::Resumed);
                    }
                }
                Ok(Change::Complete) => {
                    self.complete.insert(part);
                    if self.is_complete() {
                        return Heard::Change(Change::Complete);
                    }
                }
                Ok(Change::Mark(mark)) => {
                    self.marks.insert(part, mark);
                    // The mark of a part is no use to anybody without those of the others.
                    if self.is_complete() && self.marks.len() == self.parts.count {
                        return Heard::Change(Change::Mark(self.marks.values().collect()));
                    }
                }
                Ok(row @ Change::Row { .. }) => return Heard::Change(row),
                Err(error) if error.passes_elsewhere() => {
                    if self.search.is_none() {
                        return Heard::Lost;
                    }
                }
                Err(error) => return Heard::Failed(error),
            }
        }
    }
}

/// Looks until all parts are found.
async fn find_all(
    (store, selection, elsewhere, marking): (AskedStore, Selection, Arc<dyn Elsewhere>, Marking),
) -> Result<Parts, QueryError> {
    loop {
        elsewhere.pause().await;
        let parts = find(&store, &selection, &elsewhere, &marking).await?;
        if !parts.is_partial {
            return Ok(parts);
        }
    }
}

/// Divides the tasks among those who have them at the moment.
async fn find(
    store: &AskedStore,
    selection: &Selection,
    elsewhere: &Arc<dyn Elsewhere>,
    marking: &Marking,
) -> Result<Parts, QueryError> {
    let all = store.tasks_to_follow().await?;
    let own = store.tasks_here();
    let (here, there): (Vec<TaskId>, Vec<TaskId>) = all.into_iter().partition(|task| own.contains(task));
    let mut streams: Vec<BoxStream<'static, Result<Change, QueryError>>> = Vec::new();
    if !here.is_empty() {
        streams.push(changes(store.as_only_here(), selection.clone(), here, marking.clone()).boxed());
    }
    let mut is_partial = false;
    if !there.is_empty() {
        let question = store.remote_question(there, selection, 0);
        let question = match marking {
            Marking::From(mark) => question.marked(mark.as_ref().map(Mark::to_string)),
            Marking::None => question,
        };
        let followed = elsewhere.follow(question).await?;
        is_partial = !followed.missing.is_empty();
        streams.extend(followed.news.into_iter().map(|news| news.map(|news| news.map(change)).boxed()));
    }
    let count = streams.len();
    let ending = |(number, stream): (usize, BoxStream<'static, Result<Change, QueryError>>)| {
        // Whoever ends without a word is lost, too.
        let end = stream::once(std::future::ready(Err(QueryError::lost(store.name()))));
        stream.chain(end).map(move |change| (number, change)).boxed()
    };
    Ok(Parts { heard: select_all(streams.into_iter().enumerate().map(ending)), count, is_partial })
}

fn change(news: RemoteNews) -> Change {
    match news.0 {
        News::Reset => Change::Reset,
        News::Resumed => Change::Resumed,
        News::Complete => Change::Complete,
        // What cannot be read is no mark to go on from.
        News::Mark(mark) => Change::Mark(mark.parse().unwrap_or_default()),
        News::Row(row) => Change::Row { row, is_gone: false },
        News::Gone(row) => Change::Row { row, is_gone: true },
    }
}
