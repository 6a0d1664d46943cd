//! What the maps count, and what counts as right, behind and wrong.

use super::*;

const BEGAN: i64 = 1_000_000;

const LENGTHS: Lengths = Lengths {
    window_ms: 2_000,
    top_over_ms: 4_000,
    top_every_ms: 2_000,
    gap_ms: 1_500,
    within_ms: [30_000, 60_000, 120_000],
};

fn ada() -> (UserId, User) {
    (UserId(1), User { name: "Ada Berg".to_owned(), country: "Kenya".to_owned() })
}

fn event(user: u64, page: &str, clicked: Option<&str>, at_ms: i64, arrival: Arrival) -> Event {
    Event { user: UserId(user), page: page.to_owned(), clicked: clicked.map(str::to_owned), at_ms, arrival }
}

fn reference_of(events: impl IntoIterator<Item = Event>) -> Reference {
    let mut reference = Reference::new(&[ada()], LENGTHS, BEGAN, Numbers::default());
    events.into_iter().for_each(|event| reference.note(&event));
    reference
}

fn reference() -> Reference {
    reference_of([
        event(1, "/", None, 100, Arrival::Prompt),
        event(1, "/", Some("logo"), 1_999, Arrival::OutOfOrder),
        event(2, "/", None, 2_000, Arrival::Prompt),
        event(1, "/cart", None, -600_000, Arrival::TooLate),
    ])
}

#[test]
fn what_was_sent_is_counted_by_window_page_session_and_country() {
    let Reference { numbers, sent, .. } = reference();
    let counts = |views, clicks| PageCounts { views, clicks };
    let home = |start: i64| (BEGAN + start, "/".to_owned());
    assert_eq!(
        numbers,
        Numbers {
            page_windows: [(home(0), counts(1, 1)), (home(2_000), counts(1, 0))].into(),
            top_pages: [(home(-2_000), 1), (home(0), 2), (home(2_000), 1)].into(),
            sessions: [
                ((UserId(1), BEGAN + 100, BEGAN + 100), 1),
                ((UserId(1), BEGAN + 1_999, BEGAN + 1_999), 1),
                ((UserId(2), BEGAN + 2_000, BEGAN + 2_000), 1)
            ]
            .into(),
            pages: [("/".to_owned(), counts(2, 1)), ("/cart".to_owned(), counts(1, 0))].into(),
            countries: [("Kenya".to_owned(), 3), (GUEST.to_owned(), 1)].into(),
            ..Numbers::default()
        }
    );
    assert_eq!(sent, Sent { views: 3, clicks: 1, out_of_order: 1, too_late: 1 });
}

#[test]
fn an_event_between_two_sessions_makes_one_of_them() {
    let at = |at_ms| event(1, "/", None, at_ms, Arrival::Prompt);
    let two = reference_of([at(0), at(1_500), at(4_000)]);
    let key = |start, end| (UserId(1), BEGAN + start, BEGAN + end);
    assert_eq!(two.numbers.sessions, [(key(0, 1_500), 2), (key(4_000, 4_000), 1)].into());
    let one = reference_of([at(0), at(1_500), at(4_000), at(3_000)]);
    assert_eq!(one.numbers.sessions, [(key(0, 4_000), 4)].into());

    // What was found before the last event is behind and not wrong; what cannot have been is.
    let tally = compare(&one.numbers, &two.numbers, LENGTHS, None);
    assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
    let tally = compare(&two.numbers, &one.numbers, LENGTHS, None);
    assert!(tally.wrong.contains(&"visitor 1 from 1000000 to 1004000: 4 instead of none".to_owned()), "{tally:?}");
}

#[test]
fn a_view_counts_once_at_each_step_that_it_has_reached_in_time() {
    const TENT: &str = "/products/tent";
    let funnel = |events: &[(&str, Option<&str>, i64)]| {
        let events = events.iter().map(|(page, clicked, at_ms)| event(1, page, *clicked, *at_ms, Arrival::Prompt));
        let numbers = reference_of(events).numbers.funnel;
        crate::topology::STEPS.map(|step| numbers.get(step).copied().unwrap_or_default())
    };
    let (view, click, cart) = ((TENT, None, 0), (TENT, Some("photo"), 1_000), (TENT, Some("add-to-cart"), 2_000));
    let pay = ("/checkout", Some("pay"), 3_000);
    assert_eq!(funnel(&[view, click, click, cart, pay, pay]), [1, 1, 1, 1]);
    assert_eq!(funnel(&[pay, cart, click, view]), [1, 1, 1, 1], "in whatever order they come");
    assert_eq!(funnel(&[view, cart, pay]), [1, 0, 0, 0], "without a click");
    assert_eq!(funnel(&[view, (TENT, Some("photo"), 30_000), cart]), [1, 1, 0, 0], "into the cart before the click");
    assert_eq!(funnel(&[view, (TENT, Some("photo"), 30_001)]), [1, 0, 0, 0], "too late");
    assert_eq!(funnel(&[view, ("/products/map", Some("photo"), 1_000)]), [1, 0, 0, 0], "another product");
}

#[test]
fn what_was_done_before_may_go_on_and_is_not_counted_again() {
    const TENT: &str = "/products/tent";
    let mut reference = reference_of([]);
    reference.recall(&[
        event(1, TENT, None, -5_000, Arrival::Prompt),
        event(1, TENT, Some("photo"), -4_000, Arrival::Prompt),
        event(1, "/", None, -3_000, Arrival::Prompt),
    ]);
    reference.note(&event(1, TENT, Some("add-to-cart"), 0, Arrival::Prompt));
    assert_eq!(reference.numbers.funnel, [("in the cart".to_owned(), 1)].into());
}

#[test]
fn a_product_makes_pairs_with_those_that_were_viewed_before_it() {
    let did = |user, page| event(user, page, None, 0, Arrival::Prompt);
    let numbers = reference_of([
        did(1, "/products/pan"),
        did(1, "/"),
        did(2, "/products/rope"),
        did(1, "/products/oven"),
        did(1, "/products/pan"),
    ])
    .numbers;
    let pairs = [("/products/oven > /products/pan", 1), ("/products/pan > /products/oven", 1)];
    assert_eq!(numbers.pairs, pairs.map(|(pair, count)| (pair.to_owned(), count)).into());
}

#[test]
fn too_much_is_wrong_at_once_and_too_little_only_when_the_window_is_final() {
    let expected = reference().numbers;
    let mut found = expected.clone();
    found.sessions.remove(&(UserId(1), BEGAN + 100, BEGAN + 100));
    found.top_pages.insert((BEGAN + 2_000, "/".to_owned()), 2);
    found.page_windows.remove(&(BEGAN + 2_000, "/".to_owned()));

    let tally = compare(&expected, &found, LENGTHS, Some(BEGAN + 2_000));
    assert_eq!((tally.windows, tally.sessions, tally.totals), (2, 0, 0));
    assert_eq!(tally.behind, ["visitor 1 from 1000100 to 1000100: 0 instead of 1"]);
    assert_eq!(tally.wrong, ["/ among the top pages at 1002000: 2 instead of 1"]);

    let tally = compare(&expected, &found, LENGTHS, None);
    assert_eq!((tally.behind.len(), tally.totals), (2, 4), "{:?}", tally.behind);
}

#[test]
fn what_has_settled_and_changes_is_wrong() {
    let mut expected = reference().numbers;
    let mut found = expected.clone();
    assert_eq!(settle(&mut expected, &mut found, LENGTHS, BEGAN + 2_001), (2, 1));
    let tally = compare(&expected, &found, LENGTHS, None);
    assert_eq!((tally.windows, tally.sessions), (3, 2));
    found.sessions.insert((UserId(1), BEGAN + 100, BEGAN + 100), 2);
    assert_eq!(
        compare(&expected, &found, LENGTHS, None).wrong,
        ["visitor 1 from 1000100 to 1000100: 2 instead of none"]
    );
}
