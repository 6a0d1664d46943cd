//! The run from start to end: start-up, traffic, kills, recovery, and the check of the final numbers.
//!
//! One thread goes through it step by step; others send the traffic and read the results. The state of the run is on the
//! [`Board`](crate::board::Board).

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::Scope;
use std::time::{Duration, Instant};

use millstream::client::Client;
use millstream::log::{Admin, Isolation};
use millstream::record::Timestamp;

use crate::background::Background;
use crate::board::{Outage, Request, Shared, Stage, TaskRow};
use crate::browsers::{self, browse};
use crate::checking::{Before, begin_reference, compare_now, judge};
use crate::drive::drive;
use crate::events::{User, UserId};
use crate::instance::{Instance, Look, Surroundings};
use crate::intake::{Open, Strangers};
use crate::place::{PARTITIONS, Place};
use crate::results::{Reader, output_topics, partitions_of};
use crate::sender::Sender;
use crate::topology::{RECENT_STORE, USERS, pulse};
use crate::traffic::users;
use crate::{Failure, answer, earlier};

/// How often the instances are checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How often, when somebody waits for the end.
const END_INTERVAL: Duration = Duration::from_millis(40);

/// How long a killed instance stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);

/// How long after the last event all results must have arrived.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// How long to wait for an answer of the application's own stores.
const ASK_FOR: Duration = Duration::from_secs(30);

/// The parameters of the simulation.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The number of visitors.
    pub visitors: usize,
    /// Determines their behaviour.
    pub seed: u64,
    /// The time after which to kill the instance, from the start of the traffic.
    pub kill_at: Option<Duration>,
    /// The port of the page.
    pub port: u16,
}

/// Carries out a plan. Afterwards, the verdict on the numbers is on the board.
pub fn conduct(plan: Plan, place: &Place, folder: &Path, shared: &Arc<Shared>) -> Result<(), Failure> {
    let admin = place.admin()?;
    place.create_topics(&*admin)?;
    let reader = Reader::new(place.log(), &*admin, PARTITIONS)?;
    let sender = Sender::new(place.log(), PARTITIONS)?;
    let topology = pulse()?;
    let around = Surroundings { place, folder, topology: &topology, shared };
    let first = Instance::start(around, 0, &format!("127.0.0.1:{}", plan.port))?;
    shared.board().addresses = vec![first.address().to_owned()];
    std::thread::scope(|scope| {
        let reading = Background::spawn(scope, |is_over| reader.run(&shared.results, is_over));
        let mut run = Run { around, admin: &*admin, first, second: None, reading, restart_at: None };
        // Twice as many as there are at first.
        let table = users(2 * plan.visitors, plan.seed);
        let sender = run.send_users(sender, &table)?;
        if run.wait_until_idle(None)? {
            run.let_them_visit(scope, sender, plan, &table)?;
        }
        judge(shared);
        run.close()
    })
}

/// A run in progress.
struct Run<'s, 'a> {
    around: Surroundings<'a>,
    admin: &'a dyn Admin,
    first: Instance<'a>,
    second: Option<Instance<'a>>,
    reading: Background<'s>,
    /// When to start the killed instance again.
    restart_at: Option<Instant>,
}

impl<'s, 'a: 's> Run<'s, 'a> {
    /// Fills the users table.
    fn send_users(&self, mut sender: Sender, table: &[(UserId, User)]) -> Result<Sender, Failure> {
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
        table: &[(UserId, User)],
    ) -> Result<(), Failure> {
        let shared: &'a Arc<Shared> = self.around.shared;
        let client: Client = self.around.place.client()?;
        let mut before = Before::default();
        if let Some(running) = self.first.running() {
            before.recent = running.query(&RECENT_STORE)?.waiting(ASK_FOR).all().wait()?;
        }
        if !before.recent.is_empty() {
            before.events = earlier::events(&client)?;
        }
        let began_ms = shared.pace.begin();
        before.events.iter_mut().for_each(|event| event.at_ms -= began_ms);
        begin_reference(shared, table, &before, began_ms);
        let visitors = 1_000..1_000 + 2 * plan.visitors as u64;
        shared.intake.open(Open { sender, client, began_ms, visitors, strangers: Strangers::default() });
        let (browsers, queue) = sync_channel(browsers::QUEUE);
        let mut browsing = Background::spawn(scope, move |is_over| browse(shared, &queue, is_over));
        let mut driving = Background::spawn(scope, move |is_over| drive(shared, plan, &browsers, is_over));
        let mut kill_at = plan.kill_at;
        while !shared.is_over() {
            driving.check()?;
            browsing.check()?;
            if let Some(failure) = shared.take_failure() {
                return Err(failure.into());
            }
            if kill_at.is_some_and(|at| shared.pace.passed() >= at) {
                kill_at = None;
                self.kill_first();
            }
            for request in shared.take_requests() {
                self.act(request)?;
            }
            self.look()?;
            compare_now(shared);
            shared.doorbell.wait(LOOK_INTERVAL);
        }
        {
            let mut board = shared.board();
            board.stage = Stage::Settling;
            board.tell(shared.pace.passed(), "the traffic has ended; waiting for the last numbers");
        }
        let servers = [Some(&mut self.first), self.second.as_mut()].into_iter().flatten();
        let ending: Vec<_> = servers.filter_map(Instance::stop_serving).collect();
        driving.end()?;
        browsing.end()?;
        shared.intake.close()?;
        self.wait_until_idle(Some(SETTLE_MAX))?;
        for server in ending {
            server.join().map_err(|_| "an HTTP server has panicked")?;
        }
        Ok(())
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
                None => self.around.shared.is_over(),
            };
            if over {
                return Ok(false);
            }
            compare_now(self.around.shared);
            self.around.shared.doorbell.wait(if at_most.is_some() { END_INTERVAL } else { LOOK_INTERVAL });
        }
    }

    fn results_are_in(&self) -> Result<bool, Failure> {
        let partitions = partitions_of(&output_topics(), PARTITIONS);
        let ends = answer(|| self.admin.end_offsets(partitions.clone(), Isolation::ReadCommitted))?;
        let ends: Vec<_> = partitions.into_iter().zip(ends).collect();
        Ok(self.around.shared.results().reaches(&ends))
    }

    /// Does what a key or a button asks for.
    fn act(&mut self, request: Request) -> Result<(), Failure> {
        let shared = self.around.shared;
        match request {
            Request::Kill => self.kill_first(),
            Request::StartSecond => self.start_second()?,
            Request::KillSecond => self.kill_second(),
            Request::Poison => {
                shared.intake.poison(shared)?;
                shared.tell("five views are sent that nobody can read");
            }
            Request::Double => {
                let mut board = shared.board();
                board.is_doubled = !board.is_doubled;
                board.watch.change(Instant::now());
                let news = if board.is_doubled { "as many visitors again come" } else { "the other visitors leave" };
                board.tell(shared.pace.passed(), news);
            }
        }
        Ok(())
    }

    /// Kills the first instance, unless the last kill is not over yet.
    fn kill_first(&mut self) {
        if self.is_recovering() {
            return;
        }
        self.first.kill();
        self.restart_at = Some(Instant::now() + DEAD_FOR);
        self.note_kill("the instance is killed: nothing was committed, and the group was not told");
    }

    fn start_second(&mut self) -> Result<(), Failure> {
        if self.second.is_some() {
            return Ok(());
        }
        let second = self.second.insert(Instance::start(self.around, 1, self.first.address())?);
        let shared = self.around.shared;
        let mut board = shared.board();
        board.addresses.truncate(1);
        board.addresses.push(second.address().to_owned());
        board.watch.change(Instant::now());
        let news =
            format!("a second instance is started, http://{}: it takes over half of the tasks", second.address());
        board.tell(shared.pace.passed(), &news);
        Ok(())
    }

    fn kill_second(&mut self) {
        if self.is_recovering() {
            return;
        }
        if let Some(mut second) = self.second.take() {
            second.kill();
            self.around.shared.board().addresses.truncate(1);
            self.note_kill("the second instance is killed: nothing was committed, and the group was not told");
        }
    }

    fn is_recovering(&self) -> bool {
        self.around.shared.board().outages.last().is_some_and(|outage| outage.lasted.is_none())
    }

    fn note_kill(&self, news: &str) {
        let at = self.around.shared.pace.passed();
        let mut board = self.around.shared.board();
        board.watch.change(Instant::now());
        board.outages.push(Outage { at, lasted: None, restored: 0 });
        board.tell(at, news);
    }

    /// Checks the instances, starts the first one again when it is time, and records when all tasks have recovered.
    fn look(&mut self) -> Result<Look, Failure> {
        let shared = self.around.shared;
        self.reading.check()?;
        if self.restart_at.is_some_and(|at| Instant::now() >= at || shared.is_over()) {
            self.restart_at = None;
            self.first.restart()?;
            shared.board().addresses = vec![self.first.address().to_owned()];
            shared.tell("the instance is started again");
        }
        let mut look = self.first.look(self.admin)?;
        if let Some(second) = &self.second {
            look = look.and(second.look(self.admin)?);
        }
        let now = shared.pace.passed();
        let mut board = shared.board();
        board.all_tasks = board.all_tasks.max(look.tasks.len());
        // A task that is on its way from one instance to the other is nowhere.
        let are_all_here = look.tasks.len() == board.all_tasks;
        look.is_idle &= are_all_here;
        board.measure(now);
        board.instance.clone_from(&look.state);
        match self.restart_at {
            Some(_) => board.tasks.iter_mut().for_each(|task| (task.phase, task.lag) = (None, None)),
            None if look.tasks.is_empty() => {}
            None => board.tasks.clone_from(&look.tasks),
        }
        // The counters are slightly older than the state.
        if look.is_running
            && are_all_here
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

    fn close(self) -> Result<(), Failure> {
        if let Some(second) = self.second {
            second.close()?;
        }
        self.first.close()?;
        self.reading.end()
    }
}
