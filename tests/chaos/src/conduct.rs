//! Makes the plan happen, and waits for what must follow: after every fault all tasks run again, and in the end there is
//! nothing left to do.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use millstream_tests::PATIENCE;
use millstream_tests::kafka::OwnCluster;
use millstream_tests::proxy::Proxy;

use crate::disk::Disk;
use crate::interrupt::{Interrupt, Interrupted};
use crate::load::Pace;
use crate::places::{Application, Instance, Lived, Place};
use crate::plan::Cycle;
use crate::progress::Progress;

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long nothing may happen before there is nothing left to do; longer than any commit interval.
const IDLE: Duration = Duration::from_secs(3);

/// Why a run ends early.
#[derive(Debug)]
pub enum Stop {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// Something happened that must not, or something did not happen that must.
    Failed(String),
}

impl From<Interrupted> for Stop {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// What a run has done so far.
#[derive(Debug, Default, Clone)]
pub struct Done {
    /// How many cycles are over.
    pub cycles: usize,
    /// The numbers of the processes that were killed.
    pub killed: Vec<i64>,
    /// What processes have gone through that are gone.
    pub lived: Lived,
    /// How many full disks were noticed.
    pub full: u64,
    /// How many tasks were opened before the first fault.
    pub opened_first: u64,
}

/// The conductor of a run.
#[derive(Debug)]
pub struct Conductor<'a> {
    /// The application.
    pub application: Application,
    /// The places of its processes.
    pub places: Vec<Place>,
    /// The cluster.
    pub cluster: &'a OwnCluster,
    /// The links between the first place and the brokers.
    pub proxies: &'a [Proxy],
    /// The disk of the first place, if it has one of its own.
    pub disk: Option<Disk>,
    /// How far the load is.
    pub pace: &'a Pace,
    /// Tells how far the run is.
    pub progress: Progress,
    /// Ends it.
    pub interrupt: Interrupt,
    /// What is done.
    pub done: Done,
    /// The number of the last process that was started.
    pub last_number: i64,
}

impl Conductor<'_> {
    /// Starts the first processes, and waits until all of them run.
    ///
    /// # Errors
    /// When they don't, or it was interrupted.
    pub fn begin(&mut self, number: usize) -> Result<(), Stop> {
        for place in 0..number {
            self.start(place);
        }
        self.until_running("the start")?;
        // What they have opened so far was no restoring after a fault.
        self.done.opened_first = self.lived_now().restores;
        Ok(())
    }

    /// Makes all cycles happen.
    ///
    /// # Errors
    /// See [`Stop`].
    pub fn run(&mut self, cycles: &[Cycle], records: i64) -> Result<(), Stop> {
        let number = i64::try_from(cycles.len()).unwrap_or(1).max(1);
        for (index, cycle) in (0..).zip(cycles) {
            let (from, until) = (records * index / number, records * (index + 1) / number);
            self.pace.allowed.store(until, Ordering::Relaxed);
            let moment = from + (until - from) * cycle.at_percent / 100;
            self.wait("load", |run| run.pace.written.load(Ordering::Relaxed) >= moment)?;
            self.progress.say(&format!("cycle {}: {cycle}", index + 1));
            self.happen(cycle)?;
            self.until_running(cycle.fault.name())?;
            self.done.cycles += 1;
        }
        self.pace.allowed.store(records, Ordering::Relaxed);
        self.wait("the rest of the load", |run| run.pace.written.load(Ordering::Relaxed) >= records)?;
        self.until_idle()
    }

    /// Starts a process in that place.
    pub fn start(&mut self, place: usize) {
        self.last_number += 1;
        self.places[place].start(&self.application, self.last_number);
    }

    /// Shuts the process down in that place, if there is one.
    pub fn finish(&mut self, place: usize) {
        if let Some(lived) = self.places[place].finish() {
            self.done.lived.add(lived);
        }
    }

    /// What all processes have gone through so far.
    #[must_use]
    pub fn lived_now(&mut self) -> Lived {
        let mut lived = Lived { restores: 0, ..Lived::default() };
        for place in &mut self.places {
            if let Some(instance) = &mut place.instance {
                instance.look();
                lived.add(instance.lived());
            }
        }
        lived
    }

    pub(crate) fn until_running(&mut self, after: &str) -> Result<(), Stop> {
        self.wait(after, |run| run.instances().all(Instance::is_running))
    }

    /// Waits until nobody has anything to do.
    ///
    /// # Errors
    /// See [`Stop`].
    pub fn until_idle(&mut self) -> Result<(), Stop> {
        self.wait("the last records", |run| run.instances().all(|instance| instance.is_idle_for(IDLE)))
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.places.iter().filter_map(|place| place.instance.as_ref())
    }

    pub(crate) fn rest(&mut self, time: Duration, what: &str) -> Result<(), Stop> {
        let until = Instant::now() + time;
        self.wait(what, |_| Instant::now() >= until)
    }

    /// Waits for something, while all processes must go on.
    pub(crate) fn wait(&mut self, what: &str, is_true: impl Fn(&Self) -> bool) -> Result<(), Stop> {
        let began = Instant::now();
        loop {
            self.interrupt.check()?;
            for place in &mut self.places {
                let Some(instance) = &mut place.instance else { continue };
                instance.look();
                if let Some((_, end)) = instance.end() {
                    return Err(Stop::Failed(end));
                }
            }
            if is_true(self) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let said = self.instances().map(|instance| format!("{}:\n{}", instance.number, instance.last_words()));
                let said = said.collect::<Vec<_>>().join("\n");
                return Err(Stop::Failed(format!("waited for {what}, in vain\n{said}")));
            }
            let (cycle, kills) = (self.done.cycles, self.done.killed.len() as u64);
            self.progress.tell(cycle, self.pace.written.load(Ordering::Relaxed), kills, what);
            std::thread::sleep(LOOK);
        }
    }
}
