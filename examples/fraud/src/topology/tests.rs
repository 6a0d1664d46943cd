//! Each rule by itself, at its limits and out of order; and all of them on the generator's payments, with a crash.

use std::collections::BTreeMap;

use millstream::testing::TestDriver;

use super::alerts::ALERTS_STORE;
use super::*;
use crate::book::RulesState;
use crate::check::Report;
use crate::generator::{Generator, Outgoing, merchant_rows};
use crate::place::configured;
use crate::records::{Place, Verdict};
use crate::rules::{TestCharge, Travel, Velocity};

const CARD: &str = "4929-1";
const BERLIN: Place = Place { latitude: 52.520, longitude: 13.405 };
const LIMA: Place = Place { latitude: -12.046, longitude: -77.043 };

/// The payments' topic as bytes.
const RAW: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("card_tx");

fn start() -> TestDriver {
    let mut driver = TestDriver::configure(fraud().expect("a topology")).partitions(4).with(configured).start();
    driver.pipe_at(&CARDS, CARD, Card { holder: "Ada Berg".to_owned() }, Timestamp(0));
    for (name, merchant) in merchant_rows() {
        driver.pipe_at(&MERCHANTS, name, merchant, Timestamp(0));
    }
    driver
}

fn payment(cents: u64, at: Place) -> Payment {
    Payment { merchant: "Oak & Ash".to_owned(), cents, at }
}

fn pay(driver: &mut TestDriver, seconds: f64, payment: Payment) {
    driver.pipe_at(&CARD_TX, CARD, payment, Timestamp((seconds * 1_000.0) as i64));
}

/// The new alerts: the rule, the reason, and the offsets of the evidence.
fn alerts(driver: &mut TestDriver) -> Vec<String> {
    let alerts = driver.read(&ALERTS).into_iter();
    let text = |(card, alert): (String, Alert)| {
        assert_eq!((card.as_str(), alert.card.as_str(), alert.holder.as_deref()), (CARD, CARD, Some("Ada Berg")));
        let offsets: Vec<_> = alert.evidence.iter().map(|record| record.offset.to_string()).collect();
        format!("{}: {} [{}]", alert.rule.id(), alert.reason, offsets.join(" "))
    };
    alerts.map(text).collect()
}

#[test]
fn more_than_three_attempts_in_ten_seconds_are_one_alert() {
    for (seconds, expected) in [
        (&[0.0, 3.0, 7.0][..], &[][..]),
        (&[0.0, 3.0, 7.0, 10.001, 14.0], &[]),
        (&[0.0, 3.0, 7.0, 10.0], &["velocity: 4 attempts within 10 seconds [0 1 2 3]"]),
        // Out of order, and the first one comes last.
        (&[10.0, 7.0, 9.0, 5.0], &["velocity: 4 attempts within 10 seconds [3 1 2 0]"]),
        // A long burst is one case, and another one later is another.
        (
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 12.0, 13.0, 40.0, 41.0, 42.0, 43.0],
            &[
                "velocity: 4 attempts within 10 seconds [0 1 2 3]",
                "velocity: 4 attempts within 10 seconds [9 10 11 12]",
            ],
        ),
    ] {
        let mut driver = start();
        for second in seconds {
            pay(&mut driver, *second, payment(1_000, BERLIN));
        }
        assert_eq!(alerts(&mut driver), expected, "{seconds:?}");
    }
}

#[test]
fn nobody_travels_faster_than_an_aeroplane_in_whatever_order_it_is_told() {
    // 900 km/h are 1.5 km in six seconds.
    let north = |km: f64| Place { latitude: BERLIN.latitude + km / 111.195, ..BERLIN };
    for (visits, expected) in [
        (&[(0.0, BERLIN), (6.0, north(1.49))][..], &[][..]),
        (&[(0.0, BERLIN), (6.0, north(1.51))], &["travel: 1.5 km apart within 6.0 seconds [0 1]"]),
        (&[(3.0, BERLIN), (0.0, LIMA)], &["travel: 11097.6 km apart within 3.0 seconds [1 0]"]),
        (&[(0.0, BERLIN), (0.0, LIMA)], &["travel: 11097.6 km apart within 0.0 seconds [0 1]"]),
        (&[(0.0, BERLIN), (46_800.0, LIMA)], &[]),
        // There and back is one case.
        (&[(0.0, BERLIN), (3.0, LIMA), (6.0, BERLIN)], &["travel: 11097.6 km apart within 3.0 seconds [0 1]"]),
        // Between two that are near each other, one comes late that is far away.
        (&[(0.0, BERLIN), (6.0, BERLIN), (3.0, LIMA)], &["travel: 11097.6 km apart within 3.0 seconds [0 2]"]),
        // Payments that were not told yet when the last place was another one.
        (&[(0.0, BERLIN), (20.0, BERLIN), (19.0, LIMA)], &["travel: 11097.6 km apart within 19.0 seconds [0 2]"]),
    ] {
        let mut driver = start();
        for (second, place) in visits {
            pay(&mut driver, *second, payment(1_000, *place));
        }
        assert_eq!(alerts(&mut driver), expected, "{visits:?}");
    }
}

#[test]
fn a_small_charge_before_a_large_one_is_told_once_for_each_session() {
    let told = "test-charge: 2.00 is charged, and then 500.00";
    for (charges, expected) in [
        (&[(0.0, 200), (15.0, 50_000)][..], vec![format!("{told} [0 1]")]),
        (&[(0.0, 200), (15.001, 50_000)], vec![]),
        (&[(0.0, 201), (5.0, 50_000)], vec![]),
        (&[(0.0, 200), (5.0, 49_999)], vec![]),
        (&[(0.0, 50_000), (5.0, 200)], vec![]),
        // The small one comes late.
        (&[(5.0, 50_000), (0.0, 200)], vec![format!("{told} [1 0]")]),
        // The one between them comes late, and makes one session of two.
        (&[(0.0, 200), (18.0, 50_000), (13.5, 1_000)], vec![format!("{told} [0 1]")]),
        // What counts is the earliest small one, and the latest large one.
        (&[(0.0, 200), (9.0, 150), (5.0, 50_000)], vec![format!("{told} [0 2]")]),
        (&[(0.0, 60_000), (3.0, 200), (6.0, 50_000)], vec![format!("{told} [1 2]")]),
        // Whatever follows is the same case.
        (&[(0.0, 200), (5.0, 50_000), (9.0, 60_000), (19.0, 70_000)], vec![format!("{told} [0 1]")]),
        (
            &[(0.0, 200), (5.0, 50_000), (100.0, 200), (105.0, 50_000)],
            vec![format!("{told} [0 1]"), format!("{told} [2 3]")],
        ),
    ] {
        let mut driver = start();
        for (second, cents) in charges {
            pay(&mut driver, *second, payment(*cents, BERLIN));
        }
        assert_eq!(alerts(&mut driver), expected, "{charges:?}");
    }
}

#[test]
fn whoever_pays_at_a_blocked_merchant_is_told() {
    let mut driver = start();
    for (second, merchant) in
        [(0.0, "Lucky Fortuna"), (20.0, "Lucky Fortune"), (40.0, "Somebody"), (60.0, "Lucky Fortune")]
    {
        pay(&mut driver, second, Payment { merchant: merchant.to_owned(), ..payment(1_000, BERLIN) });
    }
    let told = |offset| format!("blocked-merchant: paid at Lucky Fortune, which is blocked [{offset}]");
    assert_eq!(alerts(&mut driver), [told(1), told(3)]);
    // The row is deleted.
    driver.pipe(&Topic::<String, Option<Merchant>>::new("merchants"), "Lucky Fortune", None);
    pay(&mut driver, 80.0, Payment { merchant: "Lucky Fortune".to_owned(), ..payment(1_000, BERLIN) });
    assert_eq!(alerts(&mut driver), Vec::<String>::new());
}

#[test]
fn what_is_later_than_the_grace_is_put_aside() {
    for (late, expected, aside) in [(5.0, 1, 0), (4.999, 0, 1)] {
        let mut driver = start();
        // A card that is new now has nothing to do with it.
        driver.pipe_at(&CARDS, CARD, Card { holder: "Ada Berg".to_owned() }, Timestamp(900_000));
        pay(&mut driver, 10.0, payment(1_000, BERLIN));
        pay(&mut driver, late, payment(1_000, LIMA));
        assert_eq!((alerts(&mut driver).len(), driver.read(&LATE).len()), (expected, aside), "{late}");
    }
}

#[test]
fn rules_change_while_it_runs_and_nonsense_changes_nothing() {
    let mut driver = start();
    let burst = |driver: &mut TestDriver, at: f64| {
        for attempt in 0..4 {
            pay(driver, at + f64::from(attempt), payment(1_000, BERLIN));
        }
        alerts(driver).len()
    };
    assert_eq!(burst(&mut driver, 0.0), 1);
    driver.pipe(&RULES, "velocity", Rule::Velocity(Velocity { attempts: 4 }));
    assert_eq!(burst(&mut driver, 100.0), 0);
    // Not a number that makes sense, and a row that is about another rule.
    driver.pipe(&Topic::<String, String>::new("rules"), "travel", r#"{"rule":"travel","km_per_hour":0}"#);
    driver.pipe(&RULES, "test-charge", Rule::Travel(Travel { km_per_hour: 1 }));
    assert_eq!(burst(&mut driver, 200.0), 0);
    driver.pipe(&RULES, "velocity", Rule::Velocity(Velocity { attempts: 3 }));
    assert_eq!(burst(&mut driver, 300.0), 1);
    assert_eq!(TestCharge::of(driver.get(&RULES_STORE, "test-charge")), TestCharge::INITIAL);
    assert_eq!(driver.get(&RULES_STORE, "travel"), None);
}

#[test]
fn payments_that_make_no_sense_become_dead_letters() {
    let mut driver = start();
    let good = br#"{"merchant":"Lucky Fortune","cents":5,"at":{"latitude":0,"longitude":0}}"#;
    let bytes = |text: &[u8]| Some(text.to_vec());
    for (key, value) in [
        (bytes(CARD.as_bytes()), bytes(br#"{"merchant":"Oak","cents":-5,"at":{"latitude":0,"longitude":0}}"#)),
        (bytes(CARD.as_bytes()), bytes(br#"{"merchant":"Oak","cents":5,"at":{"latitude":95,"longitude":0}}"#)),
        (bytes(CARD.as_bytes()), bytes(b"\xff{")),
        (bytes(CARD.as_bytes()), None),
        (bytes(b"\xff"), bytes(good)),
        (None, bytes(good)),
        (bytes(CARD.as_bytes()), bytes(good)),
    ] {
        driver.pipe(&RAW, key, value);
    }
    assert_eq!(driver.read(&DEAD_LETTERS).len(), 6);
    assert_eq!(alerts(&mut driver).len(), 1, "the good one");
}

#[test]
fn a_card_that_is_not_in_the_table_is_judged_too() {
    let mut driver = start();
    for _ in 0..4 {
        driver.pipe_at(&CARD_TX, "unknown", payment(1_000, BERLIN), Timestamp(5));
    }
    let alerts = driver.read(&ALERTS);
    assert_eq!(
        alerts.iter().map(|(card, alert)| (card.as_str(), &alert.holder)).collect::<Vec<_>>(),
        [("unknown", &None)]
    );
    assert_eq!(driver.get(&ALERTS_STORE, alerts[0].1.id()).map(|alert| alert.card), Some("unknown".to_owned()));
}

#[test]
fn all_that_is_planted_is_found_once_although_it_is_killed() {
    let mut driver =
        TestDriver::configure(fraud().expect("a topology")).partitions(4).with(configured).commit_by_hand().start();
    for (name, merchant) in merchant_rows() {
        driver.pipe_at(&MERCHANTS, name, merchant, Timestamp(0));
    }
    let mut generator = Generator::new(7, 0, 60);
    let mut truths = BTreeMap::new();
    for (number, outgoing) in
        generator.cards().into_iter().chain(generator.until(90_000, RulesState::default())).enumerate()
    {
        match outgoing {
            Outgoing::Card(number, card, at) => driver.pipe_at(&CARDS, number, card, at),
            Outgoing::Truth(..) => {}
            Outgoing::Complete(case) => {
                let verdict = if case.is_fraud { Verdict::Fraud } else { Verdict::Clean };
                truths.insert(case.card, Truth { rule: case.rule.to_owned(), verdict });
            }
            Outgoing::Payment(number, payment, at) => driver.pipe_at(&CARD_TX, number, payment, at),
        }
        match number % 400 {
            150 | 399 => driver.commit(),
            200 => {
                driver.kill();
                driver.restart();
            }
            _ => {}
        }
    }
    driver.commit();
    let alerts: Vec<_> = driver.read(&ALERTS).into_iter().map(|(_, alert)| alert).collect();
    let report = Report::new(&truths, &alerts, 60);
    assert_eq!(report.wrong, Vec::<String>::new());
    let (planted, found) = report.found();
    assert!(
        planted == found && report.planted.len() == 4 && report.planted.values().all(|rule| rule.0 >= 10),
        "{report}"
    );
    assert!(report.close >= 40, "{report}");
}

#[test]
fn it_has_tiles() {
    let topology = fraud().expect("a topology");
    let tiles: Vec<_> = topology.tiles().iter().map(|tile| (tile.kind.name(), tile.title.as_str())).collect();
    let expected = [
        ("number", "Payments"),
        ("lines", "Payments per second"),
        ("table", "Latest alerts"),
        ("number", "Alerts"),
        ("bars", "Alerts by rule"),
    ];
    assert_eq!(tiles, expected);
}
