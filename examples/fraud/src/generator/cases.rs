//! Made-up cases: fraud of every kind, and cards that come as close to it as can be and are clean.

use fastrand::Rng;

use super::CENTS;
use super::world::{BLOCKED, CITIES, MERCHANTS};
use crate::records::{Payment, Place};
use crate::rules::{BlockedMerchant, TestCharge, Travel, Velocity};
use crate::topology::{PAUSE, WITHIN};

/// The kilometres between two places that are a degree apart, one north of the other.
const KM_PER_DEGREE: f64 = 111.195;

/// Payments with one card.
pub struct Case {
    /// The id of the rule that it is about.
    pub rule: &'static str,
    /// Whether the rule must find it.
    pub is_fraud: bool,
    /// Each with the time since the first one, in milliseconds.
    pub payments: Vec<(i64, Payment)>,
}

impl Case {
    /// Cases follow each other in turn: of each rule one that is fraud and one that is not.
    pub fn make(number: u64, random: &mut Rng) -> Self {
        let is_fraud = number.is_multiple_of(2);
        let home = CITIES[random.usize(0..CITIES.len())].place();
        let (rule, payments) = match number / 2 % 4 {
            0 => (Velocity::ID, velocity(is_fraud, home, random)),
            1 => (Travel::ID, travel(is_fraud, home, random)),
            2 => (TestCharge::ID, test_charge(is_fraud, home, random)),
            _ => (BlockedMerchant::ID, vec![(0, blocked_merchant(is_fraud, home, random))]),
        };
        Self { rule, is_fraud, payments }
    }
}

fn payment(at: Place, random: &mut Rng) -> Payment {
    let merchant = MERCHANTS[random.usize(0..MERCHANTS.len())].to_owned();
    Payment { merchant, cents: random.u64(CENTS.0..=CENTS.1), at }
}

/// One attempt more than is allowed, or several, within ten seconds; or the last of them comes a millisecond too late for that.
fn velocity(is_fraud: bool, home: Place, random: &mut Rng) -> Vec<(i64, Payment)> {
    let within = WITHIN.as_millis() as i64;
    let more = if is_fraud { random.i64(0..4) } else { 0 };
    let last = Velocity::INITIAL.attempts as i64 + more;
    let end = within + i64::from(!is_fraud);
    (0..=last).map(|attempt| (end * attempt / last, payment(home, random))).collect()
}

/// A little faster than is believed, or very much; or a little slower.
fn travel(is_fraud: bool, home: Place, random: &mut Rng) -> Vec<(i64, Payment)> {
    let seconds = random.i64(2..=8);
    let km_max = Travel::INITIAL.km_per_hour as f64 * seconds as f64 / 3_600.0;
    let share = match is_fraud {
        true if random.bool() => 1_000.0,
        true => 1.02,
        false => 0.98,
    };
    let there = Place { latitude: home.latitude - home.latitude.signum() * km_max * share / KM_PER_DEGREE, ..home };
    vec![(0, payment(home, random)), (seconds * 1_000, payment(there, random))]
}

/// A small charge and then a large one in the same session; or one of the two is a cent off, or they are the other way round, or
/// a millisecond too far apart.
fn test_charge(is_fraud: bool, home: Place, random: &mut Rng) -> Vec<(i64, Payment)> {
    let TestCharge { small_cents, large_cents } = TestCharge::INITIAL;
    let pause = PAUSE.as_millis() as i64;
    let near = if is_fraud { 4 } else { random.u8(0..4) };
    let (first, second, after) = match near {
        0 => (small_cents + 1, large_cents, 4_000),
        1 => (small_cents, large_cents - 1, 4_000),
        2 => (large_cents, small_cents, 4_000),
        3 => (small_cents, large_cents, pause + 1),
        _ if random.bool() => (small_cents, large_cents, pause),
        _ => (random.u64(1..=small_cents), large_cents + random.u64(1..90_000), random.i64(1..=pause)),
    };
    let charge = |cents, random: &mut Rng| Payment { cents, ..payment(home, random) };
    vec![(0, charge(first, random)), (after, charge(second, random))]
}

/// Paid at a merchant that is blocked; or at one that has nearly the same name.
fn blocked_merchant(is_fraud: bool, home: Place, random: &mut Rng) -> Payment {
    let (blocked, allowed) = BLOCKED[random.usize(0..BLOCKED.len())];
    let merchant = if is_fraud { blocked } else { allowed }.to_owned();
    Payment { merchant, ..payment(home, random) }
}
