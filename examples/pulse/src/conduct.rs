//! The run from start to end: start-up, traffic, kills, recovery, and the check of the final numbers.
//!
//! One thread goes through it step by step; two others send the traffic and read the results. The state of the run is on
//! the [`Board`](crate::board::Board).

use std::path::Path;
use std::thread::Scope;
use std::time::{Duration, Instant};

use millstream::log::{Admin, Isolation};
use millstream::record::Timestamp;

use crate::background::Background;
use crate::board::{Outage, Shared, Stage, TaskRow, Verdict};
use crate::bots::Bots;
use crate::drive::drive;
use crate::instance::{Instance, Look};
use crate::place::{PARTITIONS, Place};
use crate::reference::{Lengths, Reference, compare, settle};
use crate::results::{Reader, output_topics, partitions_of};
use crate::sender::Sender;
use crate::topology::{BUY_WITHIN, CART_WITHIN, CLICK_WITHIN, SESSION_GAP, TOP_EVERY, TOP_OVER, USERS, WINDOW, pulse};
use crate::traffic::{DELAY_MAX_MS, Traffic, users};
use crate::{Failure, answer};

/// How often the instance is checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long a killed instance stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);

/// Older windows are no longer kept once they are right.
const KEEP: Duration = Duration::from_secs(75);

/// How long after their events results may arrive in normal operation.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// How long after the last event all results must have arrived.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// The parameters of the simulation.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The number of visitors.
    pub visitors: usize,
    /// Determines their behaviour.
    pub seed: u64,
    /// The time after which to kill the instance, from the start of the traffic.
    pub kill_at: Option<Duration>,
}

/// Carries out a plan. Afterwards, the verdict on the numbers is on the board.
pub fn conduct(plan: Plan, place: &Place, folder: &Path, shared: &Shared) -> Result<(), Failure> {
    let admin = place.admin()?;
    place.create_topics(&*admin)?;
    let reader = Reader::new(place.log(), &*admin, PARTITIONS)?;
    let sender = Sender::new(place.log(), PARTITIONS)?;
    let instance = Instance::start(place, folder, pulse()?)?;
    std::thread::scope(|scope| {
        let reading = Background::spawn(scope, |is_over| reader.run(&shared.results, is_over));
        let mut run = Run { shared, admin: &*admin, instance, reading, restart_at: None };
        let table = users(plan.visitors, plan.seed);
        let sender = run.send_users(sender, &table)?;
        if run.wait_until_idle(None)? {
            run.let_them_visit(scope, sender, plan, &table)?;
        }
        run.judge();
        run.instance.close()?;
        run.reading.end()
    })
}

/// A run in progress.
struct Run<'s, 'a> {
    shared: &'a Shared,
    admin: &'a dyn Admin,
    instance: Instance<'a>,
    reading: Background<'s>,
    /// When to start the killed instance again.
    restart_at: Option<Instant>,
}

impl<'s, 'a: 's> Run<'s, 'a> {
    /// Fills the users table.
    fn send_users(
        &self,
        mut sender: Sender,
        table: &[(crate::events::UserId, crate::events::User)],
    ) -> Result<Sender, Failure> {
        for (id, user) in table {
            sender.send(&USERS, id, user, Timestamp(0))?;
        }
        sender.flush()?;
        Ok(sender)
    }

    /// Runs the traffic until the end is asked for, and then waits for the last result.
    fn let_them_visit<'e>(
        &mut self,
        scope: &'s Scope<'s, 'e>,
        sender: Sender,
        plan: Plan,
        table: &[(crate::events::UserId, crate::events::User)],
    ) -> Result<(), Failure> {
        let shared = self.shared;
        let began_ms = shared.pace.begin();
        self.begin_reference(table, began_ms);
        let traffic = Traffic::new(plan.visitors, plan.seed);
        let bots = Bots::new(plan.seed);
        let mut driving =
            Background::spawn(scope, move |is_over| drive(shared, sender, traffic, bots, began_ms, is_over));
        let mut kill_at = plan.kill_at;
        while !shared.is_over() {
            driving.check()?;
            if shared.take_kill() || kill_at.is_some_and(|at| shared.pace.passed() >= at) {
                kill_at = None;
                self.kill();
            }
            self.look()?;
            self.compare();
            shared.doorbell.wait(LOOK_INTERVAL);
        }
        {
            let mut board = shared.board();
            board.stage = Stage::Settling;
            board.tell(shared.pace.passed(), "the traffic has ended; waiting for the last numbers");
        }
        driving.end()?;
        self.wait_until_idle(Some(SETTLE_MAX))?;
        Ok(())
    }

    /// Starts counting what must result from the traffic, in addition to the results of earlier runs on the same log.
    fn begin_reference(&self, table: &[(crate::events::UserId, crate::events::User)], began_ms: i64) {
        let mut board = self.shared.board();
        let mut results = self.shared.results();
        results.numbers.forget_windows_before(began_ms - millis(TOP_OVER));
        // Alerts of an earlier run are nobody's news.
        results.alerts.clear();
        board.reference = Some(Reference::new(table, lengths(), began_ms, results.numbers.clone()));
        board.stage = Stage::Live;
    }

    /// Waits until everything that was sent has been processed, committed and read. Returns whether that happened before
    /// the time was up or, without a time, before the end was asked for.
    fn wait_until_idle(&mut self, at_most: Option<Duration>) -> Result<bool, Failure> {
        let began = Instant::now();
        loop {
            if self.look()?.is_idle && self.results_are_in()? {
                return Ok(true);
            }
            let over = match at_most {
                Some(at_most) => began.elapsed() > at_most,
                None => self.shared.is_over(),
            };
            if over {
                return Ok(false);
            }
            self.compare();
            self.shared.doorbell.wait(LOOK_INTERVAL);
        }
    }

    fn results_are_in(&self) -> Result<bool, Failure> {
        let partitions = partitions_of(&output_topics(), PARTITIONS);
        let ends = answer(|| self.admin.end_offsets(partitions.clone(), Isolation::ReadCommitted))?;
        let ends: Vec<_> = partitions.into_iter().zip(ends).collect();
        Ok(self.shared.results().reaches(&ends))
    }

    /// Kills the instance, unless it is still recovering from the last time.
    fn kill(&mut self) {
        let at = self.shared.pace.passed();
        if self.shared.board().outages.last().is_some_and(|outage| outage.lasted.is_none()) {
            return;
        }
        self.instance.kill();
        self.restart_at = Some(Instant::now() + DEAD_FOR);
        let mut board = self.shared.board();
        board.watch.change(Instant::now());
        board.outages.push(Outage { at, lasted: None, restored: 0 });
        board.tell(at, "the instance is killed: nothing was committed, and the group was not told");
    }

    /// Checks the instance, starts it again when it is time, and records when it has recovered.
    fn look(&mut self) -> Result<Look, Failure> {
        self.reading.check()?;
        if self.restart_at.is_some_and(|at| Instant::now() >= at || self.shared.is_over()) {
            self.restart_at = None;
            self.instance.restart()?;
            self.shared.board().tell(self.shared.pace.passed(), "the instance is started again");
        }
        let look = self.instance.look(self.admin)?;
        let now = self.shared.pace.passed();
        let mut board = self.shared.board();
        board.measure(now);
        board.instance.clone_from(&look.state);
        match self.restart_at {
            Some(_) => board.tasks.iter_mut().for_each(|task| (task.phase, task.lag) = (None, None)),
            None if look.tasks.is_empty() => {}
            None => board.tasks.clone_from(&look.tasks),
        }
        // The counters are slightly older than the state.
        if look.is_running
            && !look.tasks.is_empty()
            && look.tasks.iter().all(TaskRow::is_running)
            && let Some(outage) = board.outages.last_mut()
            && outage.lasted.is_none()
        {
            outage.lasted = Some(now.saturating_sub(outage.at));
            outage.restored = look.restored();
            let lasted = outage.lasted.unwrap_or_default().as_secs_f64();
            let news = format!("every task is running again after {lasted:.1} s; {}", outage.recovery());
            board.tell(now, &news);
        }
        Ok(look)
    }

    /// Compares the results with the reference, as far as possible while there is traffic.
    fn compare(&self) {
        let Some(now_ms) = self.shared.pace.event_time_ms() else { return };
        let mut board = self.shared.board();
        let board = &mut *board;
        let mut results = self.shared.results();
        for (page, alert, at) in results.alerts.drain(..) {
            board.watch.see(page, alert, at);
            if let Some(news) = board.watch.newest() {
                board.tell(self.shared.pace.passed(), &news);
            }
        }
        let Some(reference) = &mut board.reference else { return };
        let (windows, sessions) =
            settle(&mut reference.numbers, &mut results.numbers, lengths(), now_ms - millis(KEEP));
        board.settled.0 += windows;
        board.settled.1 += sessions;
        let final_before_ms = now_ms - DELAY_MAX_MS - millis(ON_THE_WAY);
        board.tally = compare(&reference.numbers, &results.numbers, lengths(), Some(final_before_ms));
    }

    /// Compares the final results with the reference.
    fn judge(&self) {
        let mut board = self.shared.board();
        if let Some(reference) = &board.reference {
            board.tally = compare(&reference.numbers, &self.shared.results().numbers, lengths(), None);
        }
        board.stage = Stage::Ended;
        let mismatches = [&board.tally.wrong, &board.tally.behind].into_iter().flatten().cloned().collect();
        board.verdict = Some(Verdict { mismatches });
    }
}

/// The lengths of what is counted.
fn lengths() -> Lengths {
    Lengths {
        window_ms: millis(WINDOW),
        top_over_ms: millis(TOP_OVER),
        top_every_ms: millis(TOP_EVERY),
        gap_ms: millis(SESSION_GAP),
        within_ms: [CLICK_WITHIN, CART_WITHIN, BUY_WITHIN].map(millis),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
