//! The rig: a broker, the data on it, and the two sides that take turns.

use std::fs;
use std::path::Path;

use millstream::log::Isolation;
use tempfile::TempDir;

use crate::Failure;
use crate::answers::Answers;
use crate::broker::Broker;
use crate::contender::Contender;
use crate::data::{Loaded, load, scaled, span};
use crate::figures::{Measured, Pair};
use crate::interrupt::Interrupt;
use crate::run::{Cost, run};
use crate::table::Outcome;
use crate::topics::{PRODUCER, Topics};
use crate::workloads::{DataSet, Guarantee, Workload};

/// How to measure a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) workload: &'static Workload,
    pub(crate) guarantee: Guarantee,
    pub(crate) pairs: u32,
    pub(crate) scale: f64,
    pub(crate) purpose: Purpose,
}

/// The purpose of a comparison, which determines the event time of scaled data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Less data covers a shorter time of the same stream.
    Figures,
    /// The data covers the same time as at full scale, so that windows open and close.
    Answers,
}

/// Everything that runs need. Dropping it removes what it has created.
pub(crate) struct Rig {
    sides: [Contender; 2],
    topics: Topics,
    data: Vec<Loaded>,
    runs: u32,
    folder: TempDir,
    interrupt: Interrupt,
    broker: Broker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Rival,
    Ours,
}

impl Rig {
    /// Starts the broker. The sides are the rival and this engine.
    pub(crate) fn start(broker: &str, sides: [Contender; 2], interrupt: Interrupt) -> Result<Self, Failure> {
        eprintln!("starting a broker");
        let broker = Broker::start(broker)?;
        let topics = Topics::at(&broker.servers, interrupt.clone())?;
        let folder = tempfile::Builder::new().prefix("millstream-compare-").tempdir()?;
        Ok(Self { sides, topics, data: Vec::new(), runs: 0, folder, interrupt, broker })
    }

    pub(crate) const fn rival(&self) -> &Contender {
        let [rival, _] = &self.sides;
        rival
    }

    /// Runs both sides in turn, A B B A, and compares each run's answers with those of the first run.
    pub(crate) fn measure(&mut self, plan: &Plan) -> Result<Outcome, Failure> {
        self.load(plan)?;
        let mut reference: Option<Answers> = None;
        let mut pairs = Vec::new();
        for number in 1..=plan.pairs {
            let order = if number % 2 == 1 { [Side::Rival, Side::Ours] } else { [Side::Ours, Side::Rival] };
            let mut measured = [None, None];
            for side in order {
                eprint!("{}: pair {number} of {}, {}: ", plan.workload.name, plan.pairs, self.side(side).name());
                let (figures, answers) = self.measure_once(plan, side)?;
                say(&figures);
                let difference = match &reference {
                    None => {
                        reference = Some(answers);
                        None
                    }
                    Some(reference) => reference.difference(&answers, plan.workload.outputs),
                };
                if let Some(difference) = difference {
                    return Ok(Outcome::Different(difference));
                }
                measured[side as usize] = Some(figures);
            }
            if let [Some(rival), Some(ours)] = measured {
                pairs.push(Pair { rival, ours });
            }
        }
        Ok(Outcome::Equal(pairs))
    }

    /// Deletes data that no later row reads.
    pub(crate) fn forget_data_but(&mut self, needed: impl Iterator<Item = DataSet> + Clone) -> Result<(), Failure> {
        let (kept, unused): (Vec<_>, Vec<_>) =
            self.data.drain(..).partition(|data| needed.clone().any(|set| set == data.set));
        self.data = kept;
        self.topics.delete(unused.into_iter().flat_map(|data| data.topics).collect())
    }

    fn side(&self, side: Side) -> &Contender {
        let [rival, ours] = &self.sides;
        match side {
            Side::Rival => rival,
            Side::Ours => ours,
        }
    }

    /// Writes the data that a row reads, unless an earlier row has already used it.
    fn load(&mut self, plan: &Plan) -> Result<(), Failure> {
        let set = plan.workload.data;
        if !self.data.iter().any(|data| data.set == set) {
            let span =
                span(if plan.purpose == Purpose::Answers { set.records } else { scaled(set.records, plan.scale) });
            self.data.push(load(&self.topics, set, scaled(set.records, plan.scale), span)?);
        }
        Ok(())
    }

    fn measure_once(&mut self, plan: &Plan, side: Side) -> Result<(Measured, Answers), Failure> {
        let data = self.data.iter().find(|data| data.set == plan.workload.data).ok_or("the data is missing")?;
        let (inputs, records) = (data.topics.clone(), data.records);
        let (cost, run) = self.run(plan, side, &inputs, records)?;
        let isolation = match plan.guarantee {
            Guarantee::Alo => Isolation::ReadUncommitted,
            Guarantee::Eos => Isolation::ReadCommitted,
        };
        let mut answers = Answers::default();
        self.topics.read(&run.output(), isolation, |record| answers.add(record))?;
        let changelog = self.changelog_records(&run, plan.guarantee)?;
        self.clean_up(&run)?;
        Ok((Measured { records, cost, changelog, outputs: answers.count }, answers))
    }

    /// Runs a side on the inputs, with everything else new.
    fn run(&mut self, plan: &Plan, side: Side, inputs: &[String], records: u64) -> Result<(Cost, Run), Failure> {
        self.runs += 1;
        let name = format!("compare-{}-{}", self.runs, self.side(side).short());
        let this = Run { application: name };
        let folder = self.folder.path().join(&this.application);
        fs::create_dir(&folder)?;
        let settings = folder.join("settings.properties");
        fs::write(&settings, self.settings(plan, &this.application, &folder))?;
        self.topics.create(&this.output())?;
        let mut command = self.side(side).command();
        command.arg(settings).arg(plan.workload.topology).arg(records.to_string()).arg(this.output()).args(inputs);
        let cost = run(command, &folder, &self.interrupt);
        fs::remove_dir_all(&folder)?;
        Ok((cost.map_err(|error| in_run(plan, self.side(side), error))?, this))
    }

    /// The settings, which are the same for both sides except for names. All others are each side's defaults.
    fn settings(&self, plan: &Plan, application: &str, folder: &Path) -> String {
        let commit_interval = match (plan.workload.commit_interval_ms, plan.guarantee) {
            (Some(interval), _) => interval,
            (None, Guarantee::Alo) => 30_000,
            (None, Guarantee::Eos) => 100,
        };
        let settings = [
            ("bootstrap.servers", self.broker.servers.clone()),
            ("application.id", application.to_owned()),
            ("state.dir", folder.join("state").display().to_string()),
            ("processing.guarantee", plan.guarantee.setting().to_owned()),
            ("commit.interval.ms", commit_interval.to_string()),
            ("statestore.cache.max.bytes", plan.workload.cache_bytes.to_string()),
            ("num.stream.threads", "1".to_owned()),
            // The records in changelogs are counted afterwards.
            ("topic.min.compaction.lag.ms", "86400000".to_owned()),
        ];
        let producer = PRODUCER.map(|(name, value)| (name, value.to_owned()));
        settings.into_iter().chain(producer).map(|(name, value)| format!("{name}={value}\n")).collect()
    }

    /// The number of records that a run has written to its changelogs. Transactions take offsets, too, so under
    /// exactly-once the records are read and counted.
    fn changelog_records(&self, run: &Run, guarantee: Guarantee) -> Result<u64, Failure> {
        let mut sum = 0;
        for topic in self.topics.like(&format!("{}-", run.application), "-changelog")? {
            match guarantee {
                Guarantee::Alo => sum += self.topics.offsets(&topic)?,
                Guarantee::Eos => self.topics.read(&topic, Isolation::ReadUncommitted, |_| sum += 1)?,
            }
        }
        Ok(sum)
    }

    /// Deletes a run's topics: its output and its internal topics.
    fn clean_up(&self, run: &Run) -> Result<(), Failure> {
        self.topics.delete(self.topics.like(&format!("{}-", run.application), "")?)
    }
}

/// A run's name and topics on the broker.
struct Run {
    application: String,
}

impl Run {
    /// The output topic, whose name makes it findable together with the application's internal topics.
    fn output(&self) -> String {
        format!("{}-out", self.application)
    }
}

/// Adds to an error which run failed.
fn in_run(plan: &Plan, side: &Contender, error: Failure) -> Failure {
    if error.is::<crate::interrupt::Interrupted>() {
        return error;
    }
    format!("{}, {}: {error}", plan.workload.name, side.name()).into()
}

fn say(figures: &Measured) {
    let (seconds, rate) = (figures.cost.wall.as_secs_f64(), figures.records_per_second() / 1e3);
    let (cpu, outputs) = (figures.cpu_per_record(), figures.outputs);
    eprintln!("{seconds:.1} s, {rate:.0} k records/s, {cpu:.2} µs of CPU per record, {outputs} outputs");
}
