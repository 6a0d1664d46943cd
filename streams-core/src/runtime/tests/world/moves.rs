//! Draws what happens in a world, a move at a time. A move is a few operations that belong together, because what they
//! bring about would hardly ever happen by chance: a member that misses a generation needs three things to go wrong in
//! the right order.

use std::time::Duration;

use fastrand::Rng;

use super::operations::{Operation, Part, SEATS, duration};
use super::workload::{Event, Flaw};
use crate::runtime::tests::faulty_log::FaultKind;
use crate::runtime::{Guarantee, Settings};

/// A world has at most so many operations, a few more at its end.
const OPERATIONS: std::ops::Range<usize> = 40..130;

/// Draws a world's operations.
pub(super) fn draw(mut rng: Rng, settings: &Settings) -> Vec<Operation> {
    let weights = mix(&mut rng);
    let (words, seats, many) = (rng.u8(1..=9), rng.usize(1..=SEATS), rng.usize(OPERATIONS));
    let weak_seat = rng.usize(0..SEATS);
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).expect("a short time");
    // What else happens in a world does not depend on its flaws. In half of the worlds, all records are good.
    let mut flawing = rng.clone().fork();
    let flaws = flawing.choice([0, 0, 0, 0, 5, 15, 30, 100]).unwrap_or(0);
    let mut drawn = Draw {
        rng,
        guarantee: settings.guarantee(),
        interval: millis(settings.commit_interval()),
        deadline: millis(settings.rebalance_timeout),
        weak_seat,
        words,
        flawing,
        flaws,
        own_word: words,
        ids: 0,
        operations: Vec::new(),
    };
    drawn.operations.extend((0..seats).map(|seat| Operation::Start { seat, lost: false }));
    drawn.pass(10_000);
    while drawn.operations.len() < many {
        drawn.one_of(&weights);
    }
    if drawn.rng.bool() {
        drawn.end_in_the_middle();
    }
    drawn.operations
}

const MOVES: [fn(&mut Draw); 16] = [
    Draw::work,
    Draw::steps,
    Draw::pass_some,
    Draw::come_or_go,
    Draw::hand_over,
    Draw::miss_a_generation,
    Draw::miss_the_deadline,
    Draw::stand_still,
    Draw::be_cut_off,
    Draw::be_cut_off,
    Draw::trouble,
    Draw::trouble,
    Draw::late_markers,
    Draw::crash,
    Draw::commit_late,
    Draw::anything,
];

/// How often the first moves happen where nothing goes wrong.
const EVERYDAY: [u32; 5] = [20, 5, 5, 3, 4];

/// How often each move happens. Every world has its own mix, and in some nothing goes wrong.
fn mix(rng: &mut Rng) -> [u32; MOVES.len()] {
    let mut weights = std::array::from_fn(|number| EVERYDAY.get(number).copied().unwrap_or(0));
    let wrong = match rng.u8(0..5) {
        0 => 0,
        1..=3 => rng.usize(1..=4),
        _ => 12,
    };
    for _ in 0..wrong {
        weights[rng.usize(EVERYDAY.len()..MOVES.len())] += rng.u32(2..=15);
    }
    weights
}

struct Draw {
    rng: Rng,
    guarantee: Guarantee,
    /// Milliseconds between two commits.
    interval: u64,
    /// Milliseconds that a rebalance takes at most.
    deadline: u64,
    /// Who is cut off from its group, if anybody is.
    weak_seat: usize,
    words: u8,
    flawing: Rng,
    /// How many of a hundred records are flawed.
    flaws: u8,
    /// A word of the present move's own: what goes wrong with it is not made good by later moves.
    own_word: u8,
    ids: u32,
    operations: Vec<Operation>,
}

impl Draw {
    fn one_of(&mut self, weights: &[u32; MOVES.len()]) {
        self.own_word += 1;
        let mut drawn = self.rng.u32(0..weights.iter().sum());
        for (weight, what) in weights.iter().zip(MOVES) {
            match drawn.checked_sub(*weight) {
                None => return what(self),
                Some(rest) => drawn = rest,
            }
        }
    }

    fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    fn seat(&mut self) -> usize {
        self.rng.usize(0..SEATS)
    }

    /// All seats, in any order.
    fn seats(&mut self) -> [usize; SEATS] {
        let mut seats = std::array::from_fn(|seat| seat);
        self.rng.shuffle(&mut seats);
        seats
    }

    fn send(&mut self, many: std::ops::RangeInclusive<u32>) {
        for _ in 0..self.rng.u32(many) {
            let (word, at) = (self.rng.u8(0..self.words), self.rng.i64(0..40_000));
            match self.rng.bool() {
                true => self.send_own(1..=1),
                false => {
                    let flaw = (self.flawing.u8(0..100) < self.flaws).then(|| self.flawing.choice(Flaw::ALL)).flatten();
                    self.send_event(word, at, flaw);
                }
            }
        }
    }

    /// Sends the move's own word, always in the same window.
    fn send_own(&mut self, many: std::ops::RangeInclusive<u32>) {
        for _ in 0..self.rng.u32(many) {
            self.send_event(self.own_word, i64::from(self.own_word), None);
        }
    }

    fn send_event(&mut self, word: u8, at: i64, flaw: Option<Flaw>) {
        self.ids += 1;
        self.push(Operation::Send(Event { id: self.ids, word, at, flaw }));
    }

    fn pass(&mut self, ms: u64) {
        let worker_first = self.rng.bool();
        self.push(Operation::Pass { ms, worker_first });
    }

    fn pass_between(&mut self, ms: std::ops::Range<u64>) {
        let ms = self.rng.u64(ms);
        self.pass(ms);
    }

    fn start(&mut self, seat: usize) {
        let lost = self.rng.u8(0..6) == 0;
        self.push(Operation::Start { seat, lost });
    }

    fn fault(&mut self, seat: usize, kind: FaultKind, ms: std::ops::Range<u64>) {
        let ms = self.rng.u64(ms);
        self.push(Operation::Fault { seat, kind, ms });
    }

    fn pause(&mut self, seat: usize, part: Part, ms: std::ops::Range<u64>) {
        let ms = self.rng.u64(ms);
        self.push(Operation::Pause { seat, part, ms });
    }

    fn part(&mut self) -> Part {
        self.rng.choice([Part::Both, Part::Control, Part::Worker]).unwrap_or(Part::Both)
    }

    /// An instance comes, or goes in good order.
    fn join_or_leave(&mut self, seat: usize) {
        match self.rng.bool() {
            true => self.start(seat),
            false => self.push(Operation::Stop { seat }),
        }
    }

    /// Records arrive, and are processed or not.
    fn work(&mut self) {
        self.send(1..=4);
        if self.rng.bool() {
            let ms = duration(&mut self.rng, 5_000);
            self.pass(ms);
        }
    }

    /// Some threads take steps, others none.
    fn steps(&mut self) {
        let seat = self.seat();
        self.steps_of(&[seat]);
    }

    fn steps_of(&mut self, seats: &[usize]) {
        for _ in 0..self.rng.u8(1..6) {
            let (seat, steps) = (self.rng.choice(seats.iter().copied()).unwrap_or(0), self.rng.u8(1..6));
            let operation = match self.rng.bool() {
                true => Operation::Control { seat, steps },
                false => Operation::Worker { seat, number: self.rng.usize(0..2), steps },
            };
            self.push(operation);
        }
    }

    fn pass_some(&mut self) {
        let longest = self.rng.choice([500, 10_000, 100_000]).unwrap_or(500);
        let ms = duration(&mut self.rng, longest);
        match self.rng.u8(0..6) {
            0 => self.push(Operation::Leap { ms: ms.min(5_000) }),
            _ => self.pass(ms),
        }
    }

    fn come_or_go(&mut self) {
        let seat = self.seat();
        self.join_or_leave(seat);
        let ms = duration(&mut self.rng, 10_000);
        self.pass(ms);
    }

    /// A rebalance, step by step, while there is something to do.
    fn hand_over(&mut self) {
        let [one, other, _] = self.seats();
        if self.rng.bool() {
            // What is fetched meanwhile waits in the task's buffer.
            self.start(one);
            self.pass_between(1_000..12_000);
            let kinds =
                [FaultKind::ProducerFull, FaultKind::ProducerSlow, FaultKind::CommitsLate, FaultKind::CommitsAway];
            let kind = self.rng.choice(kinds).unwrap_or(FaultKind::ProducerFull);
            self.send(1..=3);
            self.fault(one, kind, 4_000..9_000);
            self.pass(self.interval.min(3_000) + 50);
        }
        self.send(2..=8);
        self.steps_of(&[one]);
        self.send(2..=8);
        self.steps_of(&[one, other]);
        self.join_or_leave(other);
        self.steps_of(&[one, other]);
        self.send(0..=2);
        self.steps_of(&[one, other]);
    }

    /// A member gives its tasks up and is not heard of until others have had them.
    fn miss_a_generation(&mut self) {
        let [one, other, third] = self.seats();
        self.start(one);
        self.pass_between(1_000..12_000);
        self.send(1..=6);
        self.pass_between(50..500);
        self.join_or_leave(other);
        for _ in 0..self.rng.u8(1..5) {
            self.push(Operation::Control { seat: one, steps: 1 });
            self.push(Operation::Worker { seat: one, number: 0, steps: 2 });
            self.push(Operation::Worker { seat: one, number: 1, steps: 2 });
        }
        let part = self.part();
        self.pause(one, part, 15_000..44_000);
        self.pass_between(500..5_000);
        self.send(1..=6);
        self.pass_between(500..5_000);
        for seat in [other, third].into_iter().take(self.rng.usize(1..=2)) {
            self.join_or_leave(seat);
            self.pass_between(500..5_000);
        }
        self.send(0..=3);
        self.pass(20_000);
    }

    /// A worker stands still during a rebalance, or cannot get rid of its records, until the others do not wait any
    /// longer. Perhaps its tasks are back when it goes on.
    fn miss_the_deadline(&mut self) {
        let [one, other, third] = self.seats();
        self.start(one);
        self.push(Operation::Stop { seat: other });
        self.pass_between(1_000..12_000);
        self.send(1..=6);
        let rebalances = self.rng.u64(1..=3);
        let lasts = self.deadline * rebalances + 5_000..self.deadline * rebalances + 20_000;
        match self.rng.bool() {
            true => {
                // With a transaction, which times out, or without.
                match self.rng.bool() {
                    true => self.steps_of(&[one]),
                    false => self.pass(self.interval + 100),
                }
                self.pause(one, Part::Worker, lasts);
            }
            false => {
                self.fault(one, FaultKind::ProducerFull, lasts);
                self.steps_of(&[one]);
                self.pass(500);
            }
        }
        for number in 0..rebalances {
            match number % 2 {
                0 => self.start(other),
                _ => self.push(Operation::Stop { seat: other }),
            }
            self.pass(self.deadline);
            self.send(1..=3);
            self.send_own(1..=2);
            self.pass_between(1_000..5_000);
        }
        self.join_or_leave(third);
        self.pass(20_000);
    }

    /// An instance stands still, mostly beyond its session, so that others take over. It has uncommitted work, because
    /// it has just committed.
    fn stand_still(&mut self) {
        let [one, other, third] = self.seats();
        self.start(one);
        self.start(other);
        self.pass_between(1_000..12_000);
        self.work_after_a_commit(one);
        let part = if self.rng.bool() { Part::Both } else { self.part() };
        match self.rng.u8(0..4) {
            // Only a transaction does not last so long.
            0 => self.pause(one, part, 11_000..40_000),
            _ => self.pause(one, part, 46_000 + self.interval..70_000 + self.interval),
        }
        if self.rng.bool() {
            self.pass_between(100..5_000);
            self.join_or_leave(third);
        }
        self.send(0..=2);
        self.send_own(1..=2);
        self.push(Operation::Pass { ms: 46_000 + self.interval, worker_first: true });
        self.send(1..=6);
        self.push(Operation::Pass { ms: 30_000, worker_first: true });
    }

    /// An instance has committed, and then processes what the next commit is to write.
    fn work_after_a_commit(&mut self, seat: usize) {
        self.send(1..=3);
        self.pass(self.interval + 100);
        self.send_own(1..=3);
        for _ in 0..2 {
            self.push(Operation::Worker { seat, number: 0, steps: 3 });
            self.push(Operation::Worker { seat, number: 1, steps: 3 });
        }
    }

    /// The group hears nothing of a member that believes to be one; others take over, and what they are done with is
    /// deleted.
    fn be_cut_off(&mut self) {
        // Always the same, because it is checked only if there is one such seat (see `World::zombies`).
        let (one, other) = (self.weak_seat, (self.weak_seat + self.rng.usize(1..SEATS)) % SEATS);
        self.start(one);
        self.start(other);
        self.pass_between(1_000..12_000);
        let silent = self.rng.choice([FaultKind::MemberSilent, FaultKind::MemberFails]);
        let silent = silent.unwrap_or(FaultKind::MemberSilent);
        match self.rng.u8(0..3) {
            0 => {
                self.send(1..=6);
                self.fault(one, silent, 60_000..120_000);
                self.fault(one, FaultKind::FetchNothing, 40_000..90_000);
            }
            // It has something to write when it wakes.
            1 => {
                self.work_after_a_commit(one);
                self.fault(one, silent, 100_000..120_000);
                self.pause(one, Part::Worker, 50_000 + self.interval..60_000 + self.interval);
            }
            _ => {
                self.work_after_a_commit(one);
                self.fault(one, silent, 60_000..120_000);
                self.fault(one, FaultKind::FetchNothing, 40_000..90_000);
                self.steps_of(&[one]);
            }
        }
        self.pass(20_000);
        self.send(1..=4);
        self.send_own(1..=2);
        self.pass(26_000);
        self.send(0..=3);
        self.pass(self.interval);
        self.push(Operation::Retention);
        self.pass_between(10_000..35_000);
    }

    /// The log has a fault while there is something to do and to commit, and perhaps an instance does not survive it.
    fn trouble(&mut self) {
        let seats = self.seats();
        let seat = seats[0];
        self.start(seat);
        self.send(1..=4);
        self.steps_of(&[seat]);
        let kind = match self.rng.bool() {
            true => FaultKind::draw(&mut self.rng),
            false => FaultKind::draw_of_writing(&mut self.rng),
        };
        let ms = self.rng.u64(self.interval / 2..self.interval * 2 + 9_000) + 200;
        let many = if self.rng.u8(0..4) == 0 { 1 } else { SEATS };
        for seat in seats.into_iter().take(many) {
            self.push(Operation::Fault { seat, kind, ms });
        }
        for _ in 0..self.rng.u8(1..4) {
            self.send(1..=3);
            self.pass_between(50..self.interval.max(51));
        }
        let rest = if self.rng.bool() { ms } else { ms / 4 };
        self.pass(rest);
        match self.rng.u8(0..4) {
            0 => self.crash_of(seat),
            1 => self.join_or_leave(seat),
            _ => {}
        }
    }

    /// Transactions are decided, and not everywhere yet, while tasks move.
    fn late_markers(&mut self) {
        let [one, other, third] = self.seats();
        self.start(one);
        let is_crash = self.rng.bool();
        if is_crash {
            self.push(Operation::Stop { seat: other });
            self.push(Operation::Stop { seat: third });
        }
        self.pass_between(1_000..12_000);
        self.send(1..=4);
        let (ms, strictly) = (self.rng.u64(1_000..30_000), self.rng.bool());
        let (ms, strictly) = if is_crash { (80_000, true) } else { (ms, strictly) };
        self.push(Operation::MarkersLate { ms, strictly });
        match is_crash {
            true => self.pass(self.interval.min(4_000) + 100),
            false => self.pass_between(100..4_500),
        }
        if self.rng.u8(0..4) == 0 {
            let ms = duration(&mut self.rng, 10_000);
            self.push(Operation::ReplicasLate { ms });
        }
        match is_crash {
            // The others wait until the group believes that it is dead, and then for the first markers.
            true => {
                self.push(Operation::Kill { seat: one });
                self.start(other);
                self.pass(52_000);
            }
            false => {
                self.send(0..=3);
                self.push(Operation::Stop { seat: one });
            }
        }
        // From now on the markers come one by one.
        self.push(Operation::MarkersLate { ms: 20_000, strictly: false });
        self.steps_of(&[other, third]);
        self.start(other);
        for _ in 0..3 {
            self.push(Operation::Settle { seat: other });
            self.pass_between(500..3_000);
        }
        self.start(one);
    }

    fn crash(&mut self) {
        let seat = self.seat();
        self.send(1..=4);
        self.steps_of(&[seat]);
        let ms = duration(&mut self.rng, 5_000);
        self.pass(ms);
        self.crash_of(seat);
    }

    fn crash_of(&mut self, seat: usize) {
        self.push(Operation::Kill { seat });
        if self.rng.bool() {
            let ms = duration(&mut self.rng, 50_000);
            self.pass(ms);
        }
        self.start(seat);
    }

    /// Positions are committed late, while processing goes on and a purge may be due; then the instance crashes.
    fn commit_late(&mut self) {
        let seat = self.seat();
        self.start(seat);
        self.pass_between(20_000..32_000);
        self.send(1..=4);
        let kinds = match self.guarantee {
            Guarantee::AtLeastOnce => [FaultKind::CommitsAway, FaultKind::CommitsLate, FaultKind::CommitsUnknown],
            Guarantee::ExactlyOnce => [FaultKind::OffsetsAway, FaultKind::EndAway, FaultKind::EndUnknown],
        };
        let kind = self.rng.choice(kinds).unwrap_or(FaultKind::CommitsAway);
        let ms = self.rng.u64(self.interval..self.interval * 2);
        self.push(Operation::Fault { seat, kind, ms });
        for _ in 0..3 {
            self.pass(ms / 3);
            self.send(1..=2);
            self.steps_of(&[seat]);
        }
        self.pass_between(20..500);
        if self.rng.u8(0..4) > 0 {
            self.crash_of(seat);
        }
    }

    /// The last transaction times out, and no later rebalance helps.
    fn end_in_the_middle(&mut self) {
        let seat = self.seat();
        self.start(seat);
        self.pass(12_000);
        self.work_after_a_commit(seat);
        self.pause(seat, Part::Worker, 12_000..20_000);
        self.pass(11_000);
    }

    /// Anything at all.
    fn anything(&mut self) {
        let seat = self.seat();
        match self.rng.u8(0..6) {
            0 => {
                let (part, ms) = (self.part(), duration(&mut self.rng, 200_000));
                self.push(Operation::Pause { seat, part, ms });
            }
            1 => self.push(Operation::Retention),
            2 => self.push(Operation::Kill { seat }),
            3 => self.push(Operation::Settle { seat }),
            4 => {
                let (kind, ms) = (FaultKind::draw(&mut self.rng), duration(&mut self.rng, 60_000));
                self.push(Operation::Fault { seat, kind, ms });
            }
            _ => self.join_or_leave(seat),
        }
    }
}
