//! Questions that are carried to the instances that have the rows, and answered by any of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use streams_core::log::{Doorbell, Log as _};
use streams_core::query::elsewhere::{Elsewhere, Followed, RemoteAnswer, RemoteNews, RemoteQuestion};
use streams_core::query::{JsonNews, QueryError, Wanted};
use streams_core::record::TaskId;
use streams_core::runtime::Handle;

use super::live::Copy;
use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// Who can be reached under which address.
type Directory = Arc<Mutex<BTreeMap<String, Handle>>>;

/// Carries questions from one instance to the others in the same process, as texts.
#[derive(Clone)]
struct Carrier {
    app: Handle,
    log: Embedded,
    directory: Directory,
}

impl Carrier {
    /// The instances that have the tasks, as the group says, and the tasks that nobody has.
    fn owners(&self, tasks: &[TaskId]) -> (Vec<(Handle, Vec<TaskId>)>, Vec<TaskId>) {
        let admin = self.log.admin(Doorbell::new()).expect("a client");
        let members = admin.group_members(self.app.about().application_id()).wait().expect("an answer");
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = tasks.to_vec();
        let mut owners = Vec::new();
        for instance in self.app.instances(&members.expect("members")) {
            let known = instance.endpoint.filter(|_| !instance.is_self).and_then(|endpoint| directory.get(&endpoint));
            let Some(app) = known else { continue };
            let (own, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|task| instance.tasks.contains(task));
            left = others;
            if !own.is_empty() {
                owners.push((app.clone(), own));
            }
        }
        (owners, left)
    }

    async fn try_to_ask(&self, question: &RemoteQuestion) -> Result<Vec<RemoteAnswer>, QueryError> {
        let (owners, missing) = self.owners(question.tasks());
        if !missing.is_empty() {
            return Err(unknown(question, "nobody has them"));
        }
        let mut answers = Vec::new();
        for (app, tasks) in owners {
            let text = question.about(tasks, question.patience()).to_json();
            let answer = app.answer(RemoteQuestion::from_json(text.as_bytes()).expect("a question")).await;
            let answer = answer.map_err(|error| carried(question.store(), error))?;
            answers.push(RemoteAnswer::from_json(answer.to_json().as_bytes()).expect("an answer"));
        }
        Ok(answers)
    }
}

/// An error of another instance. If that does not run any more, its tasks are somewhere else in a moment.
fn carried(store: &str, error: QueryError) -> QueryError {
    match error {
        QueryError::NotHere { .. } => error,
        error => {
            let passes = error.is_transient() || matches!(error, QueryError::NotRunning { .. });
            QueryError::Elsewhere { store: store.to_owned(), instance: None, reason: error.to_string(), passes }
        }
    }
}

fn unknown(question: &RemoteQuestion, reason: &str) -> QueryError {
    let (store, reason) = (question.store().to_owned(), reason.to_owned());
    QueryError::Elsewhere { store, instance: None, reason, passes: true }
}

impl Elsewhere for Carrier {
    fn ask(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Vec<RemoteAnswer>, QueryError>> {
        let carrier = self.clone();
        async move {
            let began = std::time::Instant::now();
            loop {
                match carrier.try_to_ask(&question).await {
                    Err(error) if began.elapsed() < question.patience() => {
                        assert!(error.is_transient() || matches!(error, QueryError::NotHere { .. }), "{error}");
                        carrier.pause().await;
                    }
                    answers => return answers,
                }
            }
        }
        .boxed()
    }

    fn follow(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Followed, QueryError>> {
        let (owners, missing) = self.owners(question.tasks());
        let news = owners.into_iter().map(|(app, tasks)| {
            let news = app.news(&question.about(tasks, question.patience()))?;
            let store = question.store().to_owned();
            let sent = |news: RemoteNews| RemoteNews::from_json(news.to_json().as_bytes()).expect("news");
            Ok(news.map(move |news| news.map(sent).map_err(|error| carried(&store, error))).boxed())
        });
        std::future::ready(news.collect::<Result<_, _>>().map(|news| Followed { news, missing })).boxed()
    }

    fn pause(&self) -> BoxFuture<'static, ()> {
        Doorbell::new().wait(Duration::from_millis(5));
        std::future::ready(()).boxed()
    }
}

struct Cluster {
    log: Embedded,
    directory: Directory,
    sent: Sent,
}

impl Cluster {
    fn new() -> Self {
        Self { log: log_with("views"), directory: Directory::default(), sent: Sent::default() }
    }

    fn start(&self, endpoint: &str) -> Running {
        let builder = StreamsBuilder::new();
        builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
        let app = App::new("divided", builder.build().expect("a topology")).session_timeout(Duration::from_secs(1));
        let running = app.workers(2).start(self.log.clone()).expect("it starts");
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(endpoint.to_owned(), Handle::clone(&running));
        let (log, directory) = (self.log.clone(), Arc::clone(&self.directory));
        running.ask_elsewhere(Arc::new(Carrier { app: Handle::clone(&running), log, directory }));
        running.announce(endpoint);
        running.wait_until_running().expect("it runs");
        running
    }

    fn send(&mut self, user: &str) {
        self.sent.note(self.log.send(&VIEWS, user, "/").expect("sent"));
    }

    /// All counts as an instance tells them, one by one and together.
    fn counts(&self, asked: &Running, users: &[String]) -> Vec<i64> {
        let view = asked.query(&COUNTS).expect("a view").at_least(&self.sent.0).waiting(PATIENCE);
        let one_by_one: Vec<_> =
            users.iter().map(|user| view.get(user.as_str()).wait().expect("an answer").unwrap_or(0)).collect();
        let all: BTreeMap<_, _> = view.all().wait().expect("rows").into_iter().collect();
        assert_eq!(users.iter().map(|user| all[user]).collect::<Vec<_>>(), one_by_one);
        assert_eq!(view.all().limit(7).wait().expect("rows").len(), 7);
        one_by_one
    }
}

fn divided(first: &Running, second: &Running) {
    while first.assignment().len() != 2 || second.assignment().len() != 2 {
        Doorbell::new().wait(Duration::from_millis(5));
    }
}

#[test]
fn any_instance_answers_for_all_of_them_while_they_come_and_go() {
    let mut cluster = Cluster::new();
    let users: Vec<_> = (0..40).map(|number| format!("user-{number}")).collect();
    users.iter().for_each(|user| cluster.send(user));
    let first = cluster.start("10.0.0.1:7070");
    let mut copy = Copy::of(first.query(&COUNTS).expect("a view").all().live());
    let expected = |count: i64| users.iter().map(|user| (user.clone(), count)).collect::<BTreeMap<_, _>>();
    copy.until(&expected(1));

    let second = cluster.start("10.0.0.2:7070");
    divided(&first, &second);
    for asked in [&first, &second] {
        assert_eq!(cluster.counts(asked, &users), vec![1; 40]);
        let view = asked.query(&COUNTS).expect("a view").waiting(PATIENCE);
        while view.approximate_count().wait().expect("a count") != Some(40) {
            Doorbell::new().wait(Duration::from_millis(5));
        }
        let own = view.local().approximate_count().wait().expect("a count");
        assert!(own.is_some_and(|own| (1..40).contains(&own)), "{own:?}");
    }
    assert_eq!(second.query(&COUNTS).expect("a view").waiting(PATIENCE).get("nobody").wait(), Ok(None));
    users.iter().for_each(|user| cluster.send(user));
    copy.until(&expected(2));

    // Killed, and with it two tasks until its session times out.
    second.kill();
    users.iter().for_each(|user| cluster.send(user));
    copy.until(&expected(3));
    assert_eq!(cluster.counts(&first, &users), vec![3; 40]);
    first.close().expect("a clean end");
}

/// Follows the counts as JSON until they are as expected and a mark has come. Returns the first that was told, and the mark.
fn follow_as_json(
    asked: &Running,
    since: Option<&str>,
    rows: &mut BTreeMap<String, i64>,
    expected: i64,
) -> (JsonNews, String) {
    let mut live = asked.store("counts").expect("a store").live(&Wanted::default(), since).expect("rows");
    let (mut first, mut is_whole) = (None, false);
    loop {
        let news = futures::executor::block_on(live.next()).expect("it does not end").expect("news");
        first.get_or_insert_with(|| news.clone());
        match news {
            JsonNews::Reset => (*rows, is_whole) = (BTreeMap::new(), false),
            JsonNews::Resumed | JsonNews::Complete => is_whole = true,
            JsonNews::Row(row) => {
                let key = row.key.as_str().expect("a key").to_owned();
                rows.insert(key, row.value.as_i64().expect("a count"));
            }
            JsonNews::Gone(key) => panic!("nothing is deleted: {key}"),
            JsonNews::Mark(mark) if is_whole && rows.values().all(|count| *count == expected) => {
                return (first.expect("something was told"), mark);
            }
            JsonNews::Mark(_) => {}
        }
    }
}

#[test]
fn whoever_was_cut_off_goes_on_at_any_instance_unless_tasks_have_moved() {
    let mut cluster = Cluster::new();
    let users: Vec<_> = (0..40).map(|number| format!("user-{number}")).collect();
    users.iter().for_each(|user| cluster.send(user));
    let (first, second) = (cluster.start("10.0.0.1:7070"), cluster.start("10.0.0.2:7070"));
    divided(&first, &second);
    assert_eq!(cluster.counts(&first, &users), vec![1; 40]);
    let mut rows = BTreeMap::new();
    let (told, mut mark) = follow_as_json(&first, None, &mut rows, 1);
    assert_eq!((told, rows.len()), (JsonNews::Reset, 40));
    for (asked, expected) in [(&second, 2), (&second, 3), (&first, 4)] {
        users.iter().for_each(|user| cluster.send(user));
        let (told, last) = follow_as_json(asked, Some(&mark), &mut rows, expected);
        assert!(told != JsonNews::Reset, "it goes on");
        assert_eq!(rows.len(), 40);
        mark = last;
    }
    second.kill();
    while first.assignment().len() != 4 {
        Doorbell::new().wait(Duration::from_millis(5));
    }
    users.iter().for_each(|user| cluster.send(user));
    let (told, _) = follow_as_json(&first, Some(&mark), &mut rows, 5);
    assert_eq!((told, rows.len()), (JsonNews::Reset, 40));
    first.close().expect("a clean end");
}

#[test]
fn an_instance_that_says_late_where_it_is_comes_back_once_others_are_there() {
    let cluster = Cluster::new();
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
    let first = start_as(App::new("divided", builder.build().expect("a topology")), &cluster.log);
    let members = || {
        let admin = cluster.log.admin(Doorbell::new()).expect("a client");
        admin.group_members("divided").wait().expect("an answer").expect("members")
    };
    let endpoints =
        |asked: &Running| asked.instances(&members()).into_iter().map(|instance| instance.endpoint).collect::<Vec<_>>();
    let names = || members().into_iter().map(|member| (member.member_id, member.client_id)).collect::<Vec<_>>();
    let before = names();
    first.announce("10.0.0.1:7070");
    Doorbell::new().wait(Duration::from_millis(100));
    assert_eq!(names(), before, "nobody is there to tell it to");
    assert_eq!(endpoints(&first), [Some("10.0.0.1:7070".to_owned())], "it knows itself");
    let second = cluster.start("10.0.0.2:7070");
    let known = [Some("10.0.0.1:7070".to_owned()), Some("10.0.0.2:7070".to_owned())];
    loop {
        let mut endpoints = endpoints(&second);
        endpoints.sort();
        if endpoints == known {
            break;
        }
        Doorbell::new().wait(Duration::from_millis(5));
    }
    divided(&first, &second);
    second.close().expect("a clean end");
    first.close().expect("a clean end");
}
