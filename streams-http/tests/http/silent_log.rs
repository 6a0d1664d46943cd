//! What is told while the log does not say where inputs end: that it is not known, and not that there is nothing left.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot::Sender;
use millstream::http::Http;
use millstream::log::{
    Admin, CommittedOffset, Consumer, ConsumerOptions, Doorbell, GroupMemberInfo, Isolation, Log, LogError,
    LogErrorKind, Member, MemberOptions, NewTopic, Producer, ProducerOptions, Reply, TopicInfo,
};
use millstream::prelude::*;
use millstream::record::{Offset, TopicPartition};
use serde_json::Value as Json;

use crate::support::{LINES, ask, eventually, topology};

type Answer<T> = Reply<Result<T, LogError>>;

/// Somebody who waits for the ends of partitions.
type Asker = Sender<Result<Vec<Offset>, LogError>>;

/// How the log answers where partitions end.
#[derive(Default)]
struct Mood {
    is_silent: AtomicBool,
    refuses: AtomicBool,
    asked: AtomicU32,
    /// Nobody answers, and nobody hangs up.
    unanswered: Mutex<Vec<Asker>>,
}

/// An embedded log that answers as it likes where partitions end.
struct Moody(Embedded, Arc<Mood>);

impl Log for Moody {
    fn describe(&self) -> String {
        Log::describe(&self.0)
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        self.0.consumer(options, doorbell)
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        self.0.producer(options, doorbell)
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        self.0.member(options, doorbell)
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(MoodyAdmin(self.0.admin(doorbell.clone())?, doorbell, Arc::clone(&self.1))))
    }

    fn creates_output_topics(&self) -> bool {
        true
    }
}

struct MoodyAdmin(Arc<dyn Admin>, Doorbell, Arc<Mood>);

impl Admin for MoodyAdmin {
    fn topics(&self, names: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
        self.0.topics(names)
    }

    fn topic_configs(&self, name: &str) -> Answer<Vec<(String, String)>> {
        self.0.topic_configs(name)
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
        self.0.create_topics(topics)
    }

    fn delete_topics(&self, names: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
        self.0.delete_topics(names)
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
        self.0.start_offsets(partitions)
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>, isolation: Isolation) -> Answer<Vec<Offset>> {
        let mood = &self.2;
        mood.asked.fetch_add(1, Ordering::SeqCst);
        if mood.refuses.load(Ordering::SeqCst) {
            return Reply::ready(Err(LogError::new(LogErrorKind::Unavailable, "the broker has a headache")));
        }
        let (sender, reply) = Reply::later();
        if mood.is_silent.load(Ordering::SeqCst) {
            mood.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            return reply;
        }
        // A broker answers a moment later, from another thread.
        let (admin, doorbell) = (Arc::clone(&self.0), self.1.clone());
        std::thread::spawn(move || {
            let answer = admin.end_offsets(partitions, isolation).wait().unwrap();
            let _ = sender.send(answer);
            doorbell.ring();
        });
        reply
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Answer<Vec<Offset>> {
        self.0.offsets_at(partitions, time)
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Answer<()> {
        self.0.delete_records(before)
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
        self.0.committed(group, partitions)
    }

    fn group_members(&self, group: &str) -> Answer<Vec<GroupMemberInfo>> {
        self.0.group_members(group)
    }

    fn delete_group(&self, group: &str) -> Answer<()> {
        self.0.delete_group(group)
    }
}

#[test]
fn lag_that_the_log_does_not_tell_is_unknown() {
    let (log, mood) = (Embedded::in_memory(), Arc::new(Mood::default()));
    log.create_topic("lines", 1).unwrap();
    log.send(&LINES, "a", "to be").unwrap();
    let app = App::new("shouter", topology()).quiet().start(Moody(log, Arc::clone(&mood))).unwrap();
    app.wait_until_running().unwrap();
    let http = Http::of(&app).bind("127.0.0.1:0").ready_within(10).start().unwrap();
    let get = |path: &str| ask(http.address(), "GET", path, &[]);
    let lag = || {
        let answer = get("/api/tasks").json();
        let input = answer["tasks"][0]["inputs"][0].clone();
        (input["lag"].clone(), input["lag_ms"].clone(), answer["lag_unknown"].clone())
    };
    eventually(|| lag() == (0.into(), 0.into(), Json::Null));
    assert_eq!(get("/readyz").status, 200);

    mood.refuses.store(true, Ordering::SeqCst);
    eventually(|| lag() == (Json::Null, Json::Null, "the broker has a headache".into()));
    let metrics = get("/metrics").body;
    assert!(metrics.contains("kstream_consumer_lag_unknown_partitions{topic=\"lines\"} 1"), "{metrics}");
    assert!(!metrics.contains("kstream_consumer_lag{"), "{metrics}");
    assert_eq!(get("/readyz").status, 503);
    assert_eq!(get("/livez").status, 200);

    mood.refuses.store(false, Ordering::SeqCst);
    mood.is_silent.store(true, Ordering::SeqCst);
    eventually(|| lag() == (Json::Null, Json::Null, "the log did not answer within 2 s".into()));

    mood.is_silent.store(false, Ordering::SeqCst);
    eventually(|| lag() == (0.into(), 0.into(), Json::Null));
}

/// Whoever asks often does not make a broker work.
#[test]
fn the_log_is_asked_once_a_second_and_only_when_somebody_asks() {
    let (log, mood) = (Embedded::in_memory(), Arc::new(Mood::default()));
    log.create_topic("lines", 1).unwrap();
    let app = App::new("shouter", topology()).quiet().start(Moody(log, Arc::clone(&mood))).unwrap();
    app.wait_until_running().unwrap();
    let http = Http::of(&app).bind("127.0.0.1:0").start().unwrap();
    let before = mood.asked.load(Ordering::SeqCst);
    for path in ["/livez", "/readyz", "/api/app", "/api/config", "/api/topology"] {
        assert_eq!(ask(http.address(), "GET", path, &[]).status, 200);
    }
    assert_eq!(mood.asked.load(Ordering::SeqCst), before);
    let (address, began) = (http.address(), std::time::Instant::now());
    let asking = move || ask(address, "GET", "/api/tasks", &[]).status;
    let threads: Vec<_> = (0..20).map(|_| std::thread::spawn(asking)).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 200));
    let asked = mood.asked.load(Ordering::SeqCst) - before;
    assert!((1..=1 + began.elapsed().as_secs()).contains(&u64::from(asked)), "{asked} in {:?}", began.elapsed());
}
