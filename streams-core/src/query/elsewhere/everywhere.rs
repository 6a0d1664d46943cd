//! Follows a store in all instances at once.
//!
//! Each task's rows are told by the instance that has it. When one is lost, those of the others go on, while it is looked for
//! where its tasks are now; then everybody begins anew, because rows may have changed that nobody told about.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, SelectAll, select_all};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};

use super::super::live::{Change, changes};
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
    /// Looks for all parts, if one is missing.
    search: Option<BoxFuture<'static, Result<Parts, QueryError>>>,
}

impl Everywhere {
    pub(in crate::query) fn new(store: AskedStore, selection: Selection, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { store, selection, elsewhere, phase: Phase::Beginning }
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
                    let parts = find(&self.store, &self.selection, &self.elsewhere).await?;
                    self.begin(parts);
                    return Ok(Change::Reset);
                }
                Phase::Following(round) => match round.next().await {
                    Heard::Change(change) => return Ok(change),
                    Heard::Lost => {
                        let how = (self.store.clone(), self.selection.clone(), Arc::clone(&self.elsewhere));
                        round.search = Some(find_all(how).boxed());
                    }
                    Heard::Found(parts) => {
                        self.begin(parts?);
                        return Ok(Change::Reset);
                    }
                    Heard::Again => self.phase = Phase::Beginning,
                    Heard::Failed(error) => return Err(error),
                },
            }
        }
    }

    fn begin(&mut self, parts: Parts) {
        let search = parts
            .is_partial
            .then(|| find_all((self.store.clone(), self.selection.clone(), Arc::clone(&self.elsewhere))).boxed());
        let round = Round { parts, begun: BTreeSet::new(), complete: BTreeSet::new(), search };
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
                Ok(Change::Reset) if self.begun.insert(part) => {}
                Ok(Change::Reset) => return Heard::Again,
                Ok(Change::Complete) => {
                    self.complete.insert(part);
                    if self.complete.len() == self.parts.count && !self.parts.is_partial && self.search.is_none() {
                        return Heard::Change(Change::Complete);
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
    (store, selection, elsewhere): (AskedStore, Selection, Arc<dyn Elsewhere>),
) -> Result<Parts, QueryError> {
    loop {
        elsewhere.pause().await;
        let parts = find(&store, &selection, &elsewhere).await?;
        if !parts.is_partial {
            return Ok(parts);
        }
    }
}

/// Divides the tasks among those who have them at the moment.
async fn find(store: &AskedStore, selection: &Selection, elsewhere: &Arc<dyn Elsewhere>) -> Result<Parts, QueryError> {
    let all = store.tasks_to_follow().await?;
    let own = store.tasks_here();
    let (here, there): (Vec<TaskId>, Vec<TaskId>) = all.into_iter().partition(|task| own.contains(task));
    let mut streams: Vec<BoxStream<'static, Result<Change, QueryError>>> = Vec::new();
    if !here.is_empty() {
        streams.push(changes(store.as_only_here(), selection.clone(), here).boxed());
    }
    let mut is_partial = false;
    if !there.is_empty() {
        let followed = elsewhere.follow(store.remote_question(there, selection, 0)).await?;
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
        News::Complete => Change::Complete,
        News::Row(row) => Change::Row { row, is_gone: false },
        News::Gone(row) => Change::Row { row, is_gone: true },
    }
}
