//! Everything in one process: whoever types, and the subscribers of some groups.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use millstream::log::{Doorbell, Log};
use millstream::record::{Offset, TopicPartition};
use millstream::runtime::Running;

use crate::from::From;
use crate::publisher::Publisher;
use crate::pubsub::{subscribe, subscriber};
use crate::say::{say, shown, tell};
use crate::{Failure, assignment};

/// How often it is looked whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The groups that subscribe.
pub struct Groups {
    pub names: Vec<String>,
    /// How many subscribers each of them has.
    pub subscribers: usize,
    pub from: From,
}

/// A group's subscribers.
pub struct Group {
    name: String,
    pub subscribers: Vec<Running>,
    received: Arc<AtomicU64>,
}

/// How far the topic was written.
type Written = Arc<Mutex<BTreeMap<TopicPartition, Offset>>>;

impl Groups {
    /// Starts all subscribers, and waits until they have their partitions.
    pub fn start(&self, log: &Arc<dyn Log>, publisher: &Publisher) -> Result<Vec<Group>, Failure> {
        self.names.iter().map(|name| self.start_one(name, log, publisher)).collect()
    }

    fn start_one(&self, name: &str, log: &Arc<dyn Log>, publisher: &Publisher) -> Result<Group, Failure> {
        let received = Arc::new(AtomicU64::new(0));
        let mut subscribers = Vec::new();
        for number in 1..=self.subscribers {
            let (group, count) = (name.to_owned(), Arc::clone(&received));
            let topology = subscriber(&publisher.topic, self.from.0, move |_, _, text| {
                say(format_args!("{group} received: {}", shown(text)));
                count.fetch_add(1, Ordering::Relaxed);
            })?;
            let running = subscribe(log, name, topology)?;
            running.stop_on_signals()?;
            let who = if self.subscribers == 1 { name.to_owned() } else { format!("{name} #{number}") };
            let told = move |partitions: &str| tell(format_args!("{who} has {partitions}"));
            assignment::follow(running.handle(), publisher.topic.name(), told);
            subscribers.push(running);
        }
        for running in &subscribers {
            running.wait_until_running()?;
        }
        Ok(Group { name: name.to_owned(), subscribers, received })
    }
}

/// Publishes what is typed until its end, or until a signal stops the subscribers. With `stays`, the end does not end it.
pub fn run(groups: Vec<Group>, publisher: Publisher, stays: bool) -> Result<(), Failure> {
    let written = Written::default();
    let typed = follow_input(publisher, Arc::clone(&written))?;
    let mut published = None;
    let is_over = || groups.iter().flat_map(|group| &group.subscribers).any(|running| running.state().is_final());
    while !is_over() {
        match typed.try_recv() {
            Ok(outcome) => published = Some(outcome?),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        if published.is_some() && !stays && groups.iter().all(|group| group.has_read(&written)) {
            break;
        }
        Doorbell::new().wait(LOOK_EVERY);
    }
    for group in groups {
        for running in group.subscribers {
            running.close()?;
        }
        tell(format_args!("messages received by {}: {}", group.name, group.received.load(Ordering::Relaxed)));
    }
    Ok(())
}

/// Reads standard input on a thread of its own, because nobody can be kept from waiting for it.
fn follow_input(publisher: Publisher, written: Written) -> Result<Receiver<Result<usize, String>>, Failure> {
    let (ended, end) = channel();
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let outcome = publisher.lines(io::stdin().lock(), |partition, offset| {
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(partition.clone(), offset);
        });
        // The program may have ended meanwhile.
        let _ = ended.send(outcome.map_err(|error| error.to_string()));
    })?;
    Ok(end)
}

impl Group {
    /// Whether everything that was written has been read.
    fn has_read(&self, written: &Written) -> bool {
        let written = written.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks: Vec<_> = self.subscribers.iter().flat_map(|running| running.tasks().into_values()).collect();
        written.iter().all(|(partition, offset)| {
            tasks.iter().any(|task| task.positions.get(partition).is_some_and(|position| position > offset))
        })
    }
}
