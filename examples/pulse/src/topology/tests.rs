//! Each question by itself, and all of them on random traffic beside the reference.

use std::collections::BTreeMap;

use millstream::record::Timestamp;
use millstream::testing::TestDriver;

use super::alerts::ALERTS_STORE;
use super::countries::COUNTRY_TOTALS_STORE;
use super::funnel::FUNNEL_STORE;
use super::pages::{PAGE_WINDOWS_STORE, TOP_PAGES_STORE};
use super::sessions::SESSIONS_STORE;
use super::*;
use crate::events::{PageCounts, Recent, pair};
use crate::reference::{Lengths, Numbers, Reference, compare};
use crate::traffic::{Arrival, Event, Traffic, users};

const ADA: UserId = UserId(1);
const GUEST: UserId = UserId(2);

fn view(page: &str) -> View {
    View { page: page.to_owned() }
}

fn click(page: &str, element: &str) -> Click {
    Click { page: page.to_owned(), element: element.to_owned() }
}

/// The application on four partitions, with a clock that stands still. Ada lives in Kenya.
fn start() -> TestDriver {
    let mut driver = TestDriver::configure(pulse().expect("a topology")).partitions(4).start();
    driver.pipe(&USERS, ADA, User { name: "Ada Berg".to_owned(), country: "Kenya".to_owned() });
    driver
}

/// Views and clicks on a page: in total, and by window.
fn counts(driver: &TestDriver, page: &str) -> String {
    let total = driver.get(&PAGE_TOTALS_STORE, page).unwrap_or_default();
    let windows = driver.windows(&PAGE_WINDOWS_STORE).into_iter().filter(|(of, ..)| of == page);
    let windows = windows.map(|(_, start, counts)| format!(", {}+{} at {}", counts.views, counts.clicks, start.0));
    format!("{}+{}{}", total.views, total.clicks, windows.collect::<String>())
}

/// The sessions that are kept: visitor, start, end, actions.
fn sessions(driver: &TestDriver) -> Vec<(u64, i64, i64, i64)> {
    let sessions = driver.sessions(&SESSIONS_STORE).into_iter();
    sessions.map(|(user, session, visit)| (user.0, session.start.0, session.end.0, visit.actions)).collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("a short time")
}

#[test]
fn each_question_has_a_tile() {
    let topology = pulse().expect("a topology");
    let tiles: Vec<_> = topology.tiles().iter().map(|tile| (tile.kind.name(), tile.title.as_str())).collect();
    let expected = [
        ("number", "Events"),
        ("lines", "Views and clicks"),
        ("bars", "Top pages"),
        ("number", "Active users"),
        ("table", "Longest sessions"),
        ("table", "Alerts"),
        ("funnel", "From view to purchase"),
        ("bars", "Countries"),
        ("bars", "Viewed soon after each other"),
    ];
    assert_eq!(tiles, expected);
}

#[test]
fn activity_is_counted_by_page_window_session_and_country() {
    let mut driver = start();
    driver.pipe_at(&VIEWS, ADA, view("/cart"), Timestamp(60_999));
    driver.pipe_at(&VIEWS, GUEST, view("/cart"), Timestamp(61_000));
    driver.pipe_at(&CLICKS, ADA, click("/cart", "remove"), Timestamp(60_000));

    assert_eq!(counts(&driver, "/cart"), "2+1, 1+1 at 60000, 1+0 at 61000");
    assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "Kenya"), Some(2));
    assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "(guests)"), Some(1));
    assert_eq!(sessions(&driver), [(1, 60_000, 60_999, 2), (2, 61_000, 61_000, 1)]);
    let top = driver.windows(&TOP_PAGES_STORE);
    assert_eq!(top.len(), 12, "each of them is in so many windows: {top:?}");
    assert!(top.iter().all(|(page, start, views)| page == "/cart" && *views == 2 && start.0 % 5_000 == 0), "{top:?}");
}

#[test]
fn a_session_ends_with_a_pause_and_says_who_it_was() {
    let mut driver = start();
    let gap = millis(SESSION_GAP);
    for at in [0, gap, 2 * gap + 1] {
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(at));
    }
    assert_eq!(sessions(&driver), [(1, 0, gap, 2), (1, 2 * gap + 1, 2 * gap + 1, 1)]);
    // A late event closes the gap between the two.
    driver.pipe_at(&CLICKS, ADA, click("/help", "chat"), Timestamp(gap + 2));
    assert_eq!(sessions(&driver), [(1, 0, 2 * gap + 1, 4)]);
    let mut last = BTreeMap::new();
    for (key, visit) in driver.read(&SESSIONS) {
        last.insert((key.window.start.0, key.window.end.0), visit);
    }
    last.retain(|_, visit| visit.is_some());
    let visit = last.remove(&(0, 2 * gap + 1)).flatten().expect("the session");
    assert_eq!((visit.user.map(|user| user.country), last.len()), (Some("Kenya".to_owned()), 0));
}

#[test]
fn an_event_that_is_too_late_is_in_the_totals_only() {
    let mut driver = start();
    let closed = millis(WINDOW + GRACE);
    driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(closed - 1));
    driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(0));
    assert_eq!(counts(&driver, "/"), "2+0, 1+0 at 0, 1+0 at 30000");
    driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(closed));
    driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(1));
    // The first window is closed, and the last view has not changed it.
    assert!(counts(&driver, "/").starts_with("4+0"));
    let windows = driver.read(&PAGE_WINDOWS).into_iter();
    let windows: Vec<_> = windows.map(|(key, counts)| (key.window.start.0, counts.views)).collect();
    assert_eq!(windows, [(30_000, 1), (0, 1), (31_000, 1)]);
}

#[test]
fn a_burst_is_reported_once_and_while_it_lasts() {
    let mut driver = start();
    for second in 0..20 {
        for at in [100, 600] {
            driver.pipe_at(&VIEWS, ADA, view("/products/tent"), Timestamp(second * 1_000 + at));
        }
    }
    assert_eq!(driver.read(&ALERTS), []);
    for at in 0..100 {
        driver.pipe_at(&VIEWS, GUEST, view("/products/tent"), Timestamp(20_500 + at * 12));
    }
    let alerts = driver.read(&ALERTS);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let (page, alert) = &alerts[0];
    // Two a second, which hardly differs; the smallest deviation that is believed is three.
    assert_eq!((page.as_str(), alert.window, alert.views), ("/products/tent", 20_000, 15), "{alert:?}");
    assert!((1.5..=2.5).contains(&alert.usual) && alert.deviations > 4.0, "{alert:?}");
    assert_eq!(driver.get(&ALERTS_STORE, "/products/tent").as_ref(), Some(alert));
}

#[test]
fn a_product_is_viewed_also_by_those_who_have_viewed_another() {
    let mut driver = start();
    for (user, page) in [(ADA, "pan"), (GUEST, "pan"), (ADA, "oven"), (GUEST, "oven"), (ADA, "kettle")] {
        driver.pipe(&VIEWS, user, view(&format!("/products/{page}")));
    }
    driver.pipe(&VIEWS, ADA, view("/help"));
    let pairs: BTreeMap<String, i64> = driver.rows(&ALSO_VIEWED_STORE).into_iter().collect();
    let named = |first: &str, second: &str| pair(&format!("/products/{first}"), &format!("/products/{second}"));
    let expected = [(named("pan", "oven"), 2), (named("pan", "kettle"), 1), (named("oven", "kettle"), 1)];
    assert_eq!(pairs, expected.into());
    let recent = driver.get(&RECENT_STORE, ADA).expect("she has viewed some");
    assert_eq!(recent, Recent { pages: ["kettle", "oven", "pan"].map(|name| format!("/products/{name}")).into() });
}

#[test]
fn a_killed_instance_goes_on_where_it_was() {
    let mut driver = start();
    let late = Timestamp(10 * 60_000);
    driver.pipe_at(&VIEWS, ADA, view("/products/tent"), late);
    driver.pipe_at(&CLICKS, ADA, click("/products/tent", "photo"), late);
    driver.kill();
    driver.restart();

    // The numbers and the users table are still there, and stream time is still known.
    driver.pipe_at(&CLICKS, ADA, click("/products/tent", "add-to-cart"), Timestamp(late.0 + 1_000));
    driver.pipe_at(&VIEWS, ADA, view("/products/tent"), Timestamp(0));
    assert_eq!(counts(&driver, "/products/tent"), "2+2, 1+1 at 600000, 0+1 at 601000");
    assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "Kenya"), Some(4));
    assert_eq!(sessions(&driver), [(1, 600_000, 601_000, 3)]);
    let funnel = STEPS.map(|step| driver.get(&FUNNEL_STORE, step).unwrap_or_default());
    assert_eq!(funnel, [2, 1, 1, 0]);
}

/// What the topology counts of random traffic is what plain maps count, with crashes and with a second instance that comes
/// and is killed.
#[test]
fn the_reference_and_the_topology_count_the_same() {
    let lengths = Lengths {
        window_ms: millis(WINDOW),
        top_over_ms: millis(TOP_OVER),
        top_every_ms: millis(TOP_EVERY),
        gap_ms: millis(SESSION_GAP),
        within_ms: [CLICK_WITHIN, CART_WITHIN, BUY_WITHIN].map(millis),
    };
    const BEGAN: i64 = 1_700_000_000_000;
    let mut most = 0;
    for seed in 0..3 {
        let table = users(30, seed);
        let mut driver = TestDriver::configure(pulse().expect("a topology")).partitions(4).start();
        for (id, user) in &table {
            driver.pipe_at(&USERS, *id, user.clone(), Timestamp(0));
        }
        let mut reference = Reference::new(&table, lengths, BEGAN, Numbers::default());
        let mut found = Numbers::default();
        let mut traffic = Traffic::new(30, seed);
        for second in 1..=90 {
            for event in traffic.until(second * 1_000) {
                reference.note(&event);
                send(&mut driver, &event, BEGAN);
            }
            match second {
                20 => {
                    driver.kill();
                    driver.restart();
                }
                30 => driver.start_another(),
                50 => driver.kill_another(),
                _ => {}
            }
        }
        let events = [traffic.straggler(&[table[0].0], &["/".to_owned()]), Some(bought(table[0].0, 90_500))];
        for event in events.into_iter().flatten() {
            reference.note(&event);
            send(&mut driver, &event, BEGAN);
        }
        read(&mut driver, &mut found);
        let tally = compare(&reference.numbers, &found, lengths, None);
        assert_eq!((tally.wrong, tally.behind), (Vec::new(), Vec::new()), "seed {seed}");
        most = most.max(reference.numbers.funnel.get(STEPS[3]).copied().unwrap_or_default());
        assert!(reference.numbers.sessions.len() > 60 && reference.numbers.pairs.len() > 200);
    }
    assert!(most > 2, "hardly anything was bought");
}

fn bought(user: UserId, at_ms: i64) -> Event {
    let clicked = Some("pay".to_owned());
    Event { user, page: "/checkout".to_owned(), clicked, at_ms, arrival: Arrival::Prompt }
}

fn send(driver: &mut TestDriver, event: &Event, began_ms: i64) {
    let at = Timestamp(began_ms + event.at_ms);
    match &event.clicked {
        None => driver.pipe_at(&VIEWS, event.user, view(&event.page), at),
        Some(element) => driver.pipe_at(&CLICKS, event.user, click(&event.page, element), at),
    }
}

/// The last value of everything in the output topics.
fn read(driver: &mut TestDriver, found: &mut Numbers) {
    let key = |key: Windowed<String>| (key.window.start.0, key.key);
    found.page_windows.extend(driver.read(&PAGE_WINDOWS).into_iter().map(|(page, counts)| (key(page), counts)));
    found.top_pages.extend(driver.read(&TOP_PAGES).into_iter().map(|(page, views)| (key(page), views)));
    found.pages.extend(driver.read(&PAGE_TOTALS).into_iter().collect::<Vec<(String, PageCounts)>>());
    found.countries.extend(driver.read(&COUNTRY_TOTALS));
    found.funnel.extend(driver.read(&FUNNEL));
    found.pairs.extend(driver.read(&ALSO_VIEWED));
    for (key, visit) in driver.read(&SESSIONS) {
        let session = (key.key, key.window.start.0, key.window.end.0);
        match visit {
            Some(visit) => _ = found.sessions.insert(session, visit.actions),
            None => _ = found.sessions.remove(&session),
        }
    }
}
