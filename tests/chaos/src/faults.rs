//! The faults, one by one: how each begins and ends.

use std::path::Path;
use std::time::{Duration, Instant};

use millstream_tests::proxy::Proxy;

use crate::conduct::{Conductor, Stop};
use crate::places::Instance;
use crate::plan::{Cycle, Fault};

/// The place that can be cut off, and that has a disk of its own if one is to be full.
pub const SPECIAL: usize = 0;

/// How long a process may take to notice that its disk is full.
const FULL: Duration = Duration::from_secs(40);

impl Conductor<'_> {
    /// Makes the fault of this cycle happen, to its end.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(crate) fn happen(&mut self, cycle: &Cycle) -> Result<(), Stop> {
        let pause = Duration::from_millis(cycle.lasts_ms);
        let beyond = if cycle.beyond_session { self.application.session + self.application.session / 2 } else { pause };
        match cycle.fault {
            Fault::Kill => self.kill(cycle, beyond.max(pause)),
            Fault::Pause => self.pause(cycle, beyond),
            Fault::Rolling => self.rolling(pause),
            Fault::Storm => self.storm(cycle.seed),
            Fault::Network => self.network(cycle, beyond.max(pause)),
            Fault::Broker => self.broker(cycle, pause),
            Fault::Disk => self.disk(),
        }
    }

    fn kill(&mut self, cycle: &Cycle, pause: Duration) -> Result<(), Stop> {
        for &place in &cycle.victims {
            let Some((number, lived)) = self.places[place].kill() else { continue };
            self.done.killed.push(number);
            self.done.lived.add(lived);
        }
        self.rest(pause, "killed")?;
        for &place in &cycle.victims {
            if cycle.loses_state {
                remove(&self.places[place].folder)?;
            }
            self.start(place);
        }
        Ok(())
    }

    fn pause(&mut self, cycle: &Cycle, time: Duration) -> Result<(), Stop> {
        let instances =
            |run: &Self| cycle.victims.iter().filter_map(|place| run.places[*place].instance.as_ref()).count();
        let number = instances(self);
        for &place in &cycle.victims {
            self.places[place].instance.iter().for_each(Instance::pause);
        }
        let rested = self.rest(time, "paused");
        for &place in &cycle.victims {
            self.places[place].instance.iter().for_each(Instance::resume);
        }
        rested?;
        // It learns that it was away, and joins again.
        self.rest(self.application.session, "back")?;
        if instances(self) == number { Ok(()) } else { Err(Stop::Failed("a process is gone".to_owned())) }
    }

    fn rolling(&mut self, pause: Duration) -> Result<(), Stop> {
        for place in 0..self.places.len() {
            self.finish(place);
            self.start(place);
            self.until_running("a rolling restart")?;
            self.rest(pause, "between two restarts")?;
        }
        Ok(())
    }

    /// One process, up to four, and one again, with changes in quick succession; then as many as before.
    fn storm(&mut self, seed: u64) -> Result<(), Stop> {
        let mut random = fastrand::Rng::with_seed(seed);
        let number = self.places.iter().filter(|place| place.instance.is_some()).count();
        for _ in 0..2 * self.places.len() {
            let place = random.usize(1..self.places.len());
            if self.places[place].instance.is_some() {
                self.finish(place)
            } else {
                self.start(place)
            }
            self.rest(Duration::from_millis(random.u64(..1_500)), "a storm")?;
        }
        for place in 1..self.places.len() {
            let (is_there, belongs) = (self.places[place].instance.is_some(), place < number);
            if is_there && !belongs {
                self.finish(place);
            } else if !is_there && belongs {
                self.start(place);
            }
        }
        Ok(())
    }

    /// The first process is cut off, or nothing arrives any more, or late: by turns.
    fn network(&mut self, cycle: &Cycle, time: Duration) -> Result<(), Stop> {
        match cycle.seed % 3 {
            0 => self.proxies.iter().for_each(Proxy::cut),
            1 => self.proxies.iter().for_each(Proxy::silence),
            _ => self.proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(cycle.seed % 500))),
        }
        let rested = self.rest(time, "a network fault");
        self.proxies.iter().for_each(Proxy::heal);
        rested?;
        // It learns that it was away, and joins again.
        self.rest(self.application.session, "after a network fault")
    }

    /// A broker is killed, and started again.
    fn broker(&mut self, cycle: &Cycle, pause: Duration) -> Result<(), Stop> {
        let broker = 1 + cycle.victims.first().copied().unwrap_or(0);
        self.cluster.kill(broker);
        let rested = self.rest(pause, "a broker is away");
        self.cluster.revive();
        rested?;
        self.rest(self.application.session, "after a broker's restart")
    }

    /// The disk of the first process is full, until it says so, and for a moment more. It may end for that reason; then it is
    /// started again when there is room.
    fn disk(&mut self) -> Result<(), Stop> {
        let Some(disk) = self.disk.take() else { return Err(Stop::Failed("there is no disk to be filled".to_owned())) };
        // While it is not in its place, it may end.
        let mut instance = self.places[SPECIAL].instance.take();
        let filled = disk.fill().map_err(Stop::Failed).and_then(|()| self.until_full(instance.as_mut()));
        let emptied = disk.empty().map_err(Stop::Failed);
        self.disk = Some(disk);
        filled.and(emptied)?;
        match instance.as_ref().and_then(Instance::end) {
            None => self.places[SPECIAL].instance = instance,
            Some((is_good, words)) => {
                let Some(instance) = instance.filter(|instance| !is_good && instance.said_full() > 0) else {
                    return Err(Stop::Failed(words));
                };
                self.done.lived.add(instance.lived());
                self.start(SPECIAL);
            }
        }
        Ok(())
    }

    fn until_full(&mut self, mut instance: Option<&mut Instance>) -> Result<(), Stop> {
        let (began, before) = (Instant::now(), instance.as_ref().map_or(0, |instance| instance.said_full()));
        while began.elapsed() < FULL {
            self.rest(Duration::from_millis(100), "a full disk")?;
            let Some(instance) = &mut instance else { break };
            instance.look();
            if instance.has_said_full(before) {
                self.done.full += 1;
                break;
            }
        }
        self.rest(Duration::from_secs(2), "a full disk")
    }
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<(), Stop> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Stop::Failed(format!("{}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}
