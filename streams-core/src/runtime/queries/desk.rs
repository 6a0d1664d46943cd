//! Where questions are left: it knows which worker has which task, and keeps those whose task is nowhere at the moment.
//!
//! The control looks after it: tells it the owners, and lets it ask again from time to time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;

use super::{Freshness, Inbox, LiveStore, QueryError, Question, TaskReader};
use crate::clock::SharedClock;
use crate::log::GroupPlan;
use crate::operators::StoreId;
use crate::random::SharedRandom;
use crate::record::TaskId;
use crate::runtime::AppState;
use crate::state::GlobalStore;
use crate::topology::{StoreFacts, Topology};

/// How long a worker has for an answer, beside the time for which the question is patient.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is known once the instance has made its plan: where to ask.
#[derive(Clone, Default)]
pub(crate) struct Floor {
    /// How tasks follow from partitions.
    pub(crate) plan: GroupPlan,
    /// How many tasks each sub-topology has.
    pub(crate) partitions: BTreeMap<u32, u32>,
    pub(crate) globals: BTreeMap<StoreId, Arc<GlobalStore>>,
    pub(crate) inboxes: Vec<Inbox>,
}

/// Where an application's questions are left.
#[derive(Default)]
pub(crate) struct Desk {
    inside: Mutex<Inside>,
    /// The stores that somebody follows, and how many do.
    live: Mutex<Followed>,
    /// Changes whenever that does.
    live_version: AtomicU64,
}

/// How long the changes of a store are still published for those who were cut off and may come back.
const LINGER: Duration = Duration::from_secs(30);

type Followed = BTreeMap<(Arc<str>, Freshness), FollowedStore>;

/// A store that somebody follows.
struct FollowedStore {
    live: Arc<LiveStore>,
    followers: usize,
    /// Until when it is kept if there are none.
    kept_until: Duration,
}

#[derive(Default)]
struct Inside {
    /// What is asked about, and the clock that deadlines are measured with; set when the application starts.
    about: Option<(Arc<Topology>, SharedClock)>,
    random: Option<SharedRandom>,
    /// The stores that can be asked for by name.
    facts: BTreeMap<Arc<str>, Arc<StoreFacts>>,
    floor: Option<Arc<Floor>>,
    owners: BTreeMap<TaskId, usize>,
    /// Where committed rows can be read beside the workers.
    readers: BTreeMap<TaskId, Arc<TaskReader>>,
    /// Whether everything has ended.
    is_closed: bool,
    /// The questions whose task is nowhere at the moment.
    waiting: Vec<Question>,
    /// Who waits for the floor, and until when.
    newcomers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl Desk {
    /// Begins: from now on it is known what can be asked.
    pub(crate) fn open(&self, topology: Arc<Topology>, clock: SharedClock, random: SharedRandom) {
        let facts = topology.stores().into_iter().map(|facts| (Arc::clone(&facts.name), Arc::new(facts))).collect();
        let mut inside = self.lock();
        (inside.about, inside.facts, inside.random) = (Some((topology, clock)), facts, Some(random));
    }

    /// What the topology says of a store.
    pub(crate) fn facts(&self, store: &str) -> Option<Arc<StoreFacts>> {
        self.lock().facts.get(store).cloned()
    }

    /// The topology that the application runs, as soon as it has been started.
    pub(crate) fn topology(&self) -> Option<Arc<Topology>> {
        self.lock().about.as_ref().map(|(topology, _)| Arc::clone(topology))
    }

    /// The monotonic time.
    pub(crate) fn now(&self) -> Duration {
        self.lock().about.as_ref().map_or(Duration::ZERO, |(_, clock)| clock.monotonic())
    }

    /// Tells where to ask. What workers of an earlier plan have not answered is asked again.
    pub(crate) fn furnish(&self, floor: Floor) {
        let mut inside = self.lock();
        if let Some(before) = inside.floor.replace(Arc::new(floor)) {
            inside.waiting.extend(before.inboxes.iter().flat_map(Inbox::take_all));
        }
        inside.newcomers.clear();
    }

    /// Where to ask; `None` if that is not known yet.
    pub(crate) fn floor(&self) -> Option<Arc<Floor>> {
        self.lock().floor.clone()
    }

    /// Becomes ready when it is known where to ask, when the time has come, or when everything has ended.
    pub(crate) fn wait_for_floor(&self, until: Duration) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut inside = self.lock();
        if inside.floor.is_none() && !inside.is_closed {
            inside.newcomers.push((until, sender));
        }
        receiver
    }

    /// The tasks' owners among the workers, from now on.
    pub(crate) fn set_owners(&self, owners: &BTreeMap<TaskId, usize>) {
        let mut inside = self.lock();
        let is_new = inside.owners.keys().ne(owners.keys());
        inside.owners.clone_from(owners);
        drop(inside);
        if is_new {
            // Tasks that come say so when they are open; of those that go, nothing more is heard.
            self.live_stores().values().for_each(|store| store.live.restart());
        }
    }

    /// Begins to follow a store.
    pub(crate) fn follow(&self, store: &Arc<str>, freshness: Freshness) -> Arc<LiveStore> {
        let number = self.lock().random.as_ref().map_or(0, |random| random.number());
        let mut stores = self.live_stores();
        let new = || FollowedStore { live: Arc::new(LiveStore::new(number)), followers: 0, kept_until: Duration::ZERO };
        let entry = stores.entry((Arc::clone(store), freshness)).or_insert_with(new);
        entry.followers += 1;
        let live = Arc::clone(&entry.live);
        self.live_version.fetch_add(1, Ordering::SeqCst);
        live
    }

    /// Follows a store no more. Whoever `may_return` finds the changes that are made in the meantime.
    pub(crate) fn unfollow(&self, store: &Arc<str>, freshness: Freshness, may_return: bool) {
        let now = self.now();
        let mut stores = self.live_stores();
        let Some(followed) = stores.get_mut(&(Arc::clone(store), freshness)) else { return };
        followed.followers = followed.followers.saturating_sub(1);
        if may_return {
            followed.kept_until = now.saturating_add(LINGER);
        }
        self.forget_unfollowed(&mut stores, now);
    }

    /// Lets go of the changes that nobody waits for any more.
    fn forget_unfollowed(&self, stores: &mut Followed, now: Duration) {
        let before = stores.len();
        stores.retain(|_, store| store.followers > 0 || now < store.kept_until);
        if stores.len() != before {
            self.live_version.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Where the changes of a store are published, if somebody follows it.
    pub(crate) fn live(&self, store: &Arc<str>, freshness: Freshness) -> Option<Arc<LiveStore>> {
        self.live_stores().get(&(Arc::clone(store), freshness)).map(|store| Arc::clone(&store.live))
    }

    /// Changes whenever somebody begins to follow a store that nobody followed, or the last one stops.
    pub(crate) fn live_version(&self) -> u64 {
        self.live_version.load(Ordering::Relaxed)
    }

    fn live_stores(&self) -> MutexGuard<'_, Followed> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tasks' owners among the workers.
    pub(crate) fn owners(&self) -> BTreeMap<TaskId, usize> {
        self.lock().owners.clone()
    }

    /// From now on, the task's committed rows can be read like this.
    pub(crate) fn set_reader(&self, task: TaskId, reader: &Arc<TaskReader>) {
        self.lock().readers.insert(task, Arc::clone(reader));
    }

    /// How to read the committed rows of a task of this instance beside its worker, if that is possible.
    pub(crate) fn reader(&self, task: TaskId) -> Option<Arc<TaskReader>> {
        let inside = self.lock();
        inside.readers.get(&task).filter(|_| inside.owners.contains_key(&task) && !inside.is_closed).cloned()
    }

    /// Passes a question on to the worker that has its task.
    pub(crate) fn ask(&self, question: Question, state: AppState) {
        let mut inside = self.lock();
        let has_ended = inside.is_closed || matches!(state, AppState::PendingShutdown | AppState::PendingError);
        if has_ended || state.is_final() {
            drop(inside);
            return question.refuse(QueryError::NotRunning { state });
        }
        let worker = inside.owners.get(&question.wish.task).copied();
        if let (Some(worker), Some(floor)) = (worker, inside.floor.clone()) {
            drop(inside);
            return match floor.inboxes.get(worker) {
                Some(inbox) => inbox.post(question),
                None => question.refuse(QueryError::NotRunning { state }),
            };
        }
        if matches!(state, AppState::Running) {
            drop(inside);
            let (store, task) = (question.store(), question.wish.task);
            return question.refuse(QueryError::NotHere { store, task, owner: None });
        }
        inside.waiting.push(question);
        drop(inside);
        // Whoever is in no mood to wait hears that at once.
        self.step(state, false);
    }

    /// Takes a question back whose task the worker does not have, or may not speak for.
    pub(crate) fn keep(&self, question: Question) {
        self.lock().waiting.push(question);
    }

    /// Tells those who follow stores what workers have published.
    pub(crate) fn tell_news(&self) {
        // Telling takes its time, and workers look for a store now and then.
        let stores: Vec<_> = self.live_stores().values().map(|store| Arc::clone(&store.live)).collect();
        stores.iter().for_each(|live| live.tell_news());
    }

    /// Refuses what has waited for too long and, if `again`, asks everything else once more.
    pub(crate) fn step(&self, state: AppState, again: bool) {
        let now = self.now();
        self.forget_unfollowed(&mut self.live_stores(), now);
        let mut inside = self.lock();
        inside.newcomers.retain(|(until, _)| now < *until);
        let overdue = inside.floor.iter().flat_map(|floor| &floor.inboxes).flat_map(|inbox| inbox.take_overdue(now));
        let overdue: Vec<_> = overdue.collect();
        let (patient, refused): (Vec<_>, Vec<_>) =
            inside.waiting.drain(..).partition(|question| now < question.patient_until);
        let has_floor = inside.floor.is_some();
        let asked = if again { patient } else { std::mem::replace(&mut inside.waiting, patient) };
        drop(inside);
        for question in refused {
            let (store, task) = (question.store(), question.wish.task);
            let error = QueryError::Moving { store, task };
            question.refuse(if has_floor { error } else { QueryError::NotRunning { state } });
        }
        for question in overdue {
            let store = question.store();
            question.refuse(QueryError::Busy { store, within: ANSWER_WITHIN });
        }
        asked.into_iter().for_each(|question| self.ask(question, state));
    }

    /// Refuses everything, from now on.
    pub(crate) fn close(&self, state: AppState) {
        let mut inside = self.lock();
        inside.is_closed = true;
        inside.readers.clear();
        inside.newcomers.clear();
        let waiting = std::mem::take(&mut inside.waiting);
        let floor = inside.floor.clone();
        drop(inside);
        self.live_stores().values().for_each(|store| store.live.restart());
        let left = floor.iter().flat_map(|floor| &floor.inboxes).flat_map(Inbox::take_all);
        for question in waiting.into_iter().chain(left) {
            question.refuse(QueryError::NotRunning { state });
        }
    }

    /// The deadlines of a question that is asked now and may wait for that long.
    pub(crate) fn deadlines(&self, patience: Duration) -> (Duration, Duration) {
        let until = self.now().saturating_add(patience);
        (until, until.saturating_add(ANSWER_WITHIN))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::dsl::StreamsBuilder;
    use crate::log::Doorbell;
    use crate::random::Seeded;
    use crate::record::{Partition, Timestamp};
    use crate::runtime::queries::{Freshness, Wish};
    use crate::topic::Topic;

    const TASK: TaskId = TaskId { subtopology: 0, partition: Partition(0) };

    struct Office {
        desk: Desk,
        clock: ManualClock,
        inbox: Inbox,
        doorbell: Doorbell,
    }

    impl Office {
        fn new() -> Self {
            let (desk, clock, doorbell) = (Desk::default(), ManualClock::at(Timestamp(0)), Doorbell::new());
            let builder = StreamsBuilder::new();
            builder.stream(Topic::<String, String>::new("in")).to(Topic::<String, String>::new("out"));
            desk.open(Arc::new(builder.build().unwrap()), Arc::new(clock.clone()), Arc::new(Seeded::new(1)));
            Self { desk, clock, inbox: Inbox::new(doorbell.clone()), doorbell }
        }

        fn furnish(&self) {
            self.desk.furnish(Floor { inboxes: vec![self.inbox.clone()], ..Floor::default() });
        }

        /// Leaves a question, and says what becomes of it.
        fn ask(&self, patience: u64, state: AppState) -> Receiver<String> {
            let (sender, receiver) = channel();
            let deadlines = self.desk.deadlines(Duration::from_secs(patience));
            let (freshness, at_least) = (Freshness::Latest, Arc::default());
            let wish = Wish { task: TASK, store: "store".into(), freshness, at_least, counts: false };
            let question = Question::new(wish, deadlines, move |answer| {
                let _ = sender.send(answer.map_or_else(|error| error.to_string(), |_| "looked".to_owned()));
            });
            self.desk.ask(question, state);
            receiver
        }
    }

    #[test]
    fn a_question_waits_for_its_task_as_long_as_it_is_patient() {
        let office = Office::new();
        office.furnish();
        let impatient = office.ask(0, AppState::Rebalancing);
        assert!(impatient.try_recv().expect("an answer").contains("is being reassigned"));
        let (patient, more_patient) = (office.ask(5, AppState::Rebalancing), office.ask(10, AppState::Rebalancing));
        office.clock.advance(Duration::from_secs(6));
        office.desk.step(AppState::Rebalancing, true);
        assert!(patient.try_recv().expect("an answer").contains("is being reassigned"));
        assert!(more_patient.try_recv().is_err() && office.inbox.next().is_none());
        office.desk.set_owners(&[(TASK, 0)].into());
        office.desk.step(AppState::Rebalancing, true);
        assert!(office.inbox.next().is_some() && office.doorbell.wait(Duration::ZERO), "the worker is told");
        office.desk.set_owners(&BTreeMap::new());
        assert!(office.ask(10, AppState::Running).try_recv().expect("an answer").contains("another instance"));
    }

    #[test]
    fn nobody_waits_for_a_worker_that_does_not_answer_or_has_ended() {
        let office = Office::new();
        office.furnish();
        office.desk.set_owners(&[(TASK, 0)].into());
        let asked = office.ask(1, AppState::Running);
        office.clock.advance(Duration::from_secs(10));
        office.desk.step(AppState::Running, true);
        assert!(asked.try_recv().is_err(), "the worker has its own ten seconds");
        office.clock.advance(Duration::from_secs(1));
        office.desk.step(AppState::Running, true);
        assert!(asked.try_recv().expect("an answer").contains("did not answer within 10000 ms"));
        let left = office.ask(60, AppState::Running);
        office.desk.close(AppState::Error);
        for refused in [left, office.ask(60, AppState::Error)] {
            assert!(refused.try_recv().expect("an answer").contains("the application is ERROR"));
        }
    }

    #[test]
    fn what_workers_of_an_earlier_plan_have_not_answered_is_asked_again() {
        let office = Office::new();
        let before = Inbox::new(Doorbell::new());
        office.desk.furnish(Floor { inboxes: vec![before.clone()], ..Floor::default() });
        office.desk.set_owners(&[(TASK, 0)].into());
        let asked = office.ask(60, AppState::Running);
        office.furnish();
        office.desk.step(AppState::Running, true);
        assert!(before.next().is_none() && office.inbox.next().is_some() && asked.try_recv().is_err());
    }

    #[test]
    fn changes_are_kept_for_a_while_for_those_who_may_return() {
        let office = Office::new();
        let (store, now) = (Arc::from("store"), Freshness::Latest);
        let (first, second) = (office.desk.follow(&store, now), office.desk.follow(&store, now));
        assert_eq!(first.number(), second.number());
        office.desk.unfollow(&store, now, true);
        office.desk.unfollow(&store, now, false);
        office.clock.advance(Duration::from_secs(29));
        office.desk.step(AppState::Running, true);
        assert_eq!(office.desk.follow(&store, now).number(), first.number(), "it is the same list");
        office.desk.unfollow(&store, now, true);
        let version = office.desk.live_version();
        office.clock.advance(Duration::from_secs(30));
        office.desk.step(AppState::Running, true);
        assert!(office.desk.live(&store, now).is_none() && office.desk.live_version() != version, "nobody came");
        assert_ne!(office.desk.follow(&store, now).number(), first.number());
        office.desk.unfollow(&store, now, false);
        assert!(office.desk.live(&store, now).is_none(), "nobody will come");
    }

    #[test]
    fn whoever_comes_before_the_plan_is_made_waits_for_it_or_is_sent_away() {
        let office = Office::new();
        let asked = office.ask(0, AppState::Rebalancing);
        assert!(asked.try_recv().expect("an answer").contains("the application is REBALANCING"));
        let until = office.clock.monotonic() + Duration::from_secs(5);
        let (mut one, mut other) = (office.desk.wait_for_floor(until), office.desk.wait_for_floor(until));
        assert_eq!(one.try_recv(), Ok(None));
        office.furnish();
        assert!(one.try_recv().is_err() && other.try_recv().is_err(), "it is over");
        assert!(office.desk.wait_for_floor(until).try_recv().is_err(), "there is nothing to wait for");
    }
}
