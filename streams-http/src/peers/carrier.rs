//! The engine's port: carries a question to all instances that have a part of the answer.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all, try_join_all};
use streams_core::query::QueryError;
use streams_core::query::elsewhere::{Elsewhere, Followed, RemoteAnswer, RemoteQuestion};
use streams_core::record::TaskId;
use tokio::time::{Instant, sleep};

use super::Peers;
use super::directory::Owners;

/// The pause before something is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause of those who look for an instance as long as it takes.
const LONG_PAUSE: Duration = Duration::from_millis(500);

/// How long an instance may take to leave the group and come back with its address.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(10);

impl Elsewhere for Peers {
    fn ask(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Vec<RemoteAnswer>, QueryError>> {
        let (peers, store) = (self.clone(), question.store().to_owned());
        self.on_runtime(store, async move { peers.ask_until_it_is_over(question).await })
    }

    fn follow(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Followed, QueryError>> {
        let (peers, store) = (self.clone(), question.store().to_owned());
        self.on_runtime(store, async move { peers.follow_those_who_answer(question).await })
    }

    fn pause(&self) -> BoxFuture<'static, ()> {
        match self.runtime.get() {
            // A runtime that ends takes the pause with it.
            Some(runtime) => runtime.spawn(sleep(LONG_PAUSE)).map(drop).boxed(),
            None => std::future::ready(()).boxed(),
        }
    }
}

impl Peers {
    /// Runs on the server's runtime, because whoever asks may have none.
    fn on_runtime<T: Send + 'static>(
        &self,
        store: String,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, QueryError>> {
        let Some(runtime) = self.runtime.get() else {
            return std::future::ready(Err(gone(store))).boxed();
        };
        let running = runtime.spawn(work);
        async move { running.await.unwrap_or_else(|_| Err(gone(store))) }.boxed()
    }

    /// What is remembered of the group is tried first. If that is wrong, the group is looked up, and from then on it is tried
    /// again for as long as the question is patient.
    async fn ask_until_it_is_over(&self, question: RemoteQuestion) -> Result<Vec<RemoteAnswer>, QueryError> {
        let until = Instant::now() + question.patience();
        let mut again = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let error = match self.try_to_ask(&question.about(question.tasks().to_vec(), left), again).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            let is_over = again && Instant::now() + PAUSE >= until;
            let has_a_point = match &error {
                // It may be about to say where it can be asked.
                QueryError::NotHere { owner: None, .. } => true,
                QueryError::NotHere { .. } => !again,
                error => error.is_transient(),
            };
            if is_over || !has_a_point {
                return Err(error);
            }
            if again {
                sleep(PAUSE).await;
            }
            again = true;
        }
    }

    async fn try_to_ask(&self, question: &RemoteQuestion, again: bool) -> Result<Vec<RemoteAnswer>, QueryError> {
        let owners = self.directory.owners(question.tasks(), again).await;
        let owners = owners.map_err(|reason| unknown(question, reason))?;
        if let Some(task) = owners.missing.first() {
            return Err(unknown(question, format!("task {task} is on its way from one instance to another")));
        }
        let asked = owners.others.into_iter().map(|(endpoint, tasks)| async move {
            let question = question.about(tasks, question.patience());
            let endpoint = self.allowed(endpoint, &question)?;
            self.client.rows(&endpoint, &question).await
        });
        try_join_all(asked).await
    }

    async fn follow_those_who_answer(&self, question: RemoteQuestion) -> Result<Followed, QueryError> {
        let Ok(owners) = self.owners_who_say_where(question.tasks()).await else {
            return Ok(Followed { news: Vec::new(), missing: question.tasks().to_vec() });
        };
        let begun = owners.others.into_iter().map(|(endpoint, tasks)| {
            let question = question.about(tasks, question.patience());
            async move {
                let news = match self.allowed(endpoint, &question) {
                    Ok(endpoint) => self.client.news(&endpoint, &question).await,
                    Err(error) => Err(error),
                };
                (question, news)
            }
        });
        let mut followed = Followed { news: Vec::new(), missing: owners.missing };
        for (question, news) in join_all(begun).await {
            match news {
                Ok(news) => followed.news.push(news),
                Err(error) if error.is_transient() => followed.missing.extend(question.tasks()),
                Err(error) => return Err(error),
            }
        }
        Ok(followed)
    }

    /// Who has the tasks. Whoever has just joined may be about to come back with an address, which is waited for.
    async fn owners_who_say_where(&self, tasks: &[TaskId]) -> Result<Owners, String> {
        let until = Instant::now() + COMES_BACK_WITHIN;
        loop {
            let owners = self.directory.owners(tasks, true).await?;
            let is_silent = owners.others.iter().any(|(endpoint, _)| endpoint.is_none());
            if !is_silent || Instant::now() >= until {
                return Ok(owners);
            }
            sleep(LONG_PAUSE).await;
        }
    }

    /// An instance's address, if it may be asked there.
    fn allowed(&self, endpoint: Option<String>, question: &RemoteQuestion) -> Result<String, QueryError> {
        match endpoint {
            Some(endpoint) if self.client.allows(&endpoint) => Ok(endpoint),
            owner => {
                let (store, task) = (question.store().to_owned(), question.tasks().first().copied());
                let unknown = || QueryError::Elsewhere {
                    store: store.clone(),
                    instance: None,
                    reason: "there is nothing to ask for".to_owned(),
                    passes: false,
                };
                Err(task.map_or_else(unknown, |task| QueryError::NotHere { store: store.clone(), task, owner }))
            }
        }
    }
}

fn unknown(question: &RemoteQuestion, reason: String) -> QueryError {
    QueryError::Elsewhere { store: question.store().to_owned(), instance: None, reason, passes: true }
}

/// The server has ended, and with it the way to others.
fn gone(store: String) -> QueryError {
    let reason = "the server that carries questions to it has ended".to_owned();
    QueryError::Elsewhere { store, instance: None, reason, passes: false }
}
