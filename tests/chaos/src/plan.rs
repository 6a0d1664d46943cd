//! What happens when. The seed alone determines it, so a run can be repeated as far as real processes allow.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Fault {
    /// Processes are killed (SIGKILL), and come back at once, later, or with empty folders
    Kill,
    /// A process is stopped (SIGSTOP) beyond its session, and goes on
    Pause,
    /// A process cannot reach the brokers for a while
    Network,
    /// A broker is killed and started again; needs three of them
    Broker,
    /// The disk with a process's state is full for a while
    Disk,
    /// All processes are restarted, one after the other
    Rolling,
    /// Processes come and go, sometimes within a moment
    Storm,
}

impl Fault {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Network => "network",
            Self::Broker => "broker",
            Self::Disk => "disk",
            Self::Rolling => "rolling",
            Self::Storm => "storm",
        }
    }
}

/// One round of load with a fault in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// What happens.
    pub fault: Fault,
    /// How much of the cycle's load is written when it happens, in percent.
    pub at_percent: i64,
    /// To which processes, by their places. Kills hit one or two of them.
    pub victims: Vec<usize>,
    /// For how long, in milliseconds beyond what the fault needs: until a killed process is started again, for example.
    pub lasts_ms: u64,
    /// Whether it lasts longer than a session.
    pub beyond_session: bool,
    /// Whether the process's folder is empty when it comes back.
    pub loses_state: bool,
    /// Determines what else there is to choose.
    pub seed: u64,
}

/// How many processes there are.
pub const PLACES: usize = 3;

/// The cycles of a run.
#[must_use]
pub fn cycles(seed: u64, number: usize, faults: &[Fault]) -> Vec<Cycle> {
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = faults.iter().copied().cycle().take(number);
    faults.map(|fault| cycle(&mut random, fault)).collect()
}

fn cycle(random: &mut fastrand::Rng, fault: Fault) -> Cycle {
    let mut places: Vec<usize> = (0..PLACES).collect();
    random.shuffle(&mut places);
    let several = fault == Fault::Kill && random.u32(..4) == 0;
    places.truncate(if several { 2 } else { 1 });
    Cycle {
        fault,
        // The disk fills while there is still something to write.
        at_percent: random.i64(if fault == Fault::Disk { 5..30 } else { 20..70 }),
        victims: places,
        lasts_ms: random.u64(..1_500),
        beyond_session: fault == Fault::Pause || random.bool(),
        loses_state: random.u32(..4) == 0,
        seed: random.u64(..),
    }
}

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fault, at_percent, victims, lasts_ms, .. } = self;
        write!(f, "{} after {at_percent} % of its load", fault.name())?;
        match fault {
            Fault::Kill | Fault::Pause => write!(f, ", of {victims:?}")?,
            Fault::Network => write!(f, ", {}", ["cut", "silence", "delay"][self.seed as usize % 3])?,
            Fault::Broker | Fault::Disk | Fault::Rolling | Fault::Storm => return Ok(()),
        }
        if self.beyond_session {
            f.write_str(", beyond the session")?
        } else {
            write!(f, ", {lasts_ms} ms")?
        }
        f.write_str(if *fault == Fault::Kill && self.loses_state { ", and the state is lost" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_determines_the_plan_and_all_faults_take_turns() {
        let faults = [Fault::Kill, Fault::Pause, Fault::Rolling];
        let plan = cycles(5, 200, &faults);
        assert_eq!(plan, cycles(5, 200, &faults));
        assert_ne!(plan, cycles(6, 200, &faults));
        assert!(plan.iter().zip(faults.into_iter().cycle()).all(|(cycle, fault)| cycle.fault == fault));
        let kills = || plan.iter().filter(|cycle| cycle.fault == Fault::Kill);
        let choices: [fn(&Cycle) -> bool; 3] =
            [|cycle| cycle.beyond_session, |cycle| cycle.loses_state, |cycle| cycle.victims.len() > 1];
        for choice in choices {
            assert!(kills().any(choice) && !kills().all(choice), "kills are of all kinds");
        }
        assert!((0..PLACES).all(|place| plan.iter().any(|cycle| cycle.victims == [place])));
    }
}
