//! What is in a picture, given some rows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use streams_core::dsl::live::{IntoTile, Tiles};
use streams_core::prelude::*;
use streams_core::query::StoredBytes;
use streams_core::topology::TileFacts;

use super::following::shown;
use super::held::{Held, ROWS_MAX};

const NUMBERS: Topic<String, i64> = Topic::new("numbers");

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A tile and its rows.
struct Scene {
    tile: TileFacts,
    held: Held,
    wall_clock: Option<Timestamp>,
}

impl Scene {
    fn of(topology: Topology) -> Self {
        let tile = topology.tiles()[0].clone();
        Self { held: Held::new(&tile), tile, wall_clock: None }
    }

    /// Of sums without windows.
    fn plain<T: IntoTile<String, i64>>(tile: impl FnOnce(Tiles<String, i64>) -> T) -> Self {
        let builder = StreamsBuilder::new();
        builder.stream(NUMBERS).group_by_key().reduce(|sum, number| sum + number).live(tile);
        Self::of(builder.build().expect("a topology"))
    }

    /// Of sums in windows of so many seconds that begin every so many, and are kept for 100 s.
    fn in_seconds<T: IntoTile<Windowed<String>, i64>>(
        (size, advance): (u64, u64),
        tile: impl FnOnce(Tiles<Windowed<String>, i64>) -> T,
    ) -> Self {
        let builder = StreamsBuilder::new();
        let windows = Hopping::of(seconds(size)).advance_by(seconds(advance)).no_grace();
        let sums = builder.stream(NUMBERS).group_by_key().windowed_by(windows).reduce(|sum, number| sum + number);
        sums.retention(seconds(100)).live(tile);
        Self::of(builder.build().expect("a topology"))
    }

    /// Of sums in sessions, which are kept for 60 s.
    fn in_sessions<T: IntoTile<Windowed<String, Session>, i64>>(
        tile: impl FnOnce(Tiles<Windowed<String, Session>, i64>) -> T,
    ) -> Self {
        let builder = StreamsBuilder::new();
        let sessions = Sessions::gap(seconds(60)).no_grace();
        builder.stream(NUMBERS).group_by_key().windowed_by(sessions).reduce(|sum, number| sum + number).live(tile);
        Self::of(builder.build().expect("a topology"))
    }

    /// A row of a table, changed at a second; `None` deletes it.
    fn row(mut self, key: &str, second: i64, value: Option<i64>) -> Self {
        self.take(key, None, second, value.map(|value| value.to_be_bytes().to_vec()));
        self
    }

    /// A row of a window or session from one second to another.
    fn window(mut self, key: &str, (from, to): (i64, i64), value: i64) -> Self {
        let window = Window { start: Timestamp(from * 1_000), end: Timestamp(to * 1_000) };
        let last = if self.tile.has_windows() { from } else { to };
        self.take(key, Some(window), last, Some(value.to_be_bytes().to_vec()));
        self
    }

    fn take(&mut self, key: &str, window: Option<Window>, second: i64, value: Option<Vec<u8>>) {
        let place = format!("{key} {window:?}").into_bytes().into();
        let row = value.map(|value| {
            let timestamp = Some(Timestamp(second * 1_000));
            let stored = StoredBytes { key: key.as_bytes().into(), window, timestamp, value: value.into() };
            (window, timestamp, shown(&self.tile, &stored))
        });
        self.held.take(&self.tile, place, row);
    }

    /// The wall clock's time.
    fn at(mut self, second: i64) -> Self {
        self.wall_clock = Some(Timestamp(second * 1_000));
        self
    }

    fn picture(&mut self) -> Json {
        json!(self.held.picture(&self.tile, self.wall_clock))
    }

    fn content(mut self, name: &str) -> Json {
        self.picture()[name].clone()
    }
}

/// Labels and values of bars.
fn bars(scene: Scene) -> Vec<(String, f64)> {
    let bars = scene.content("bars");
    let bars = bars["bars"].as_array().expect("bars").iter();
    bars.map(|bar| (bar["label"].as_str().unwrap_or_default().to_owned(), bar["value"].as_f64().unwrap_or(f64::NAN)))
        .collect()
}

#[test]
fn bars_are_the_largest_rows_in_their_order() {
    let scene = Scene::plain(|tile| tile.bars("Sums").top(2));
    let mut scene =
        scene.row("a", 1, Some(3)).row("b", 1, Some(5)).row("c", 2, Some(5)).row("a", 2, Some(4)).row("c", 3, None);
    let expected = json!({
        "id": "sums", "state": "live", "at": 2_000, "rows": 2, "partial": false, "unreadable": 0,
        "bars": { "bars": [{ "label": "b", "value": 5.0 }, { "label": "a", "value": 4.0 }], "labels": 2 },
    });
    assert_eq!(scene.picture(), expected);
    let tied = scene.row("z", 4, Some(5)).row("d", 4, Some(5));
    assert_eq!(bars(tied), [("b".to_owned(), 5.0), ("d".to_owned(), 5.0)]);
}

#[test]
fn bars_with_the_same_label_are_added_up() {
    let first_letter = |key: &String, _: &i64| key.chars().take(1).collect::<String>();
    let scene = Scene::plain(|tile| {
        tile.bars("Sums").label(first_letter).by(|_, sum| if *sum < 0 { f64::NAN } else { *sum as f64 })
    });
    let scene = scene.row("ada", 1, Some(3)).row("abe", 1, Some(4)).row("bob", 1, Some(5)).row("cid", 1, Some(-1));
    assert_eq!(bars(scene), [("a".to_owned(), 7.0), ("b".to_owned(), 5.0)]);
}

#[test]
fn a_number_is_a_sum_a_mean_a_maximum_or_a_count() {
    let rows = |scene: Scene| scene.row("a", 1, Some(3)).row("b", 2, Some(5)).row("c", 3, Some(10)).content("number");
    for (scene, expected) in [
        (Scene::plain(|tile| tile.number("N")), json!(18.0)),
        (Scene::plain(|tile| tile.number("N").mean()), json!(6.0)),
        (Scene::plain(|tile| tile.number("N").max()), json!(10.0)),
        (Scene::plain(|tile| tile.number("N").rows()), json!(3.0)),
        (Scene::plain(|tile| tile.number("N").sum(|_, sum| sum * 2).only(|key, _| key != "b")), json!(26.0)),
        (Scene::plain(|tile| tile.number("N").last(seconds(2))), json!(15.0)),
        (Scene::plain(|tile| tile.number("N").only(|_, _| false)), json!(0.0)),
        (Scene::plain(|tile| tile.number("N").only(|_, _| false).mean()), Json::Null),
        (Scene::plain(|tile| tile.number("N").only(|_, _| false).max()), Json::Null),
        (Scene::plain(|tile| tile.number("N").by_wall_clock().last(seconds(10))).at(12), json!(10.0)),
    ] {
        assert_eq!(rows(scene), expected);
    }
}

#[test]
fn of_windows_the_oldest_counts_that_is_not_over() {
    let windows = |scene: Scene| {
        scene.window("a", (0, 10), 1).window("a", (5, 15), 2).window("b", (5, 15), 4).window("a", (10, 20), 8).window(
            "a",
            (14, 24),
            16,
        )
    };
    let number = |scene: Scene| windows(scene).content("number");
    assert_eq!(number(Scene::in_seconds((10, 1), |tile| tile.number("N"))), json!(6.0));
    assert_eq!(number(Scene::in_seconds((10, 1), |tile| tile.number("N").last(seconds(5)))), json!(24.0));
    assert_eq!(number(Scene::in_seconds((10, 1), |tile| tile.number("N").rate(seconds(5)))), json!(0.2));
    let later = windows(Scene::in_seconds((10, 1), |tile| tile.number("N"))).window("z", (20, 30), 0);
    assert_eq!(later.content("number"), json!(16.0));
}

#[test]
fn windows_and_sessions_that_are_not_kept_leave_the_picture() {
    let table = |scene: Scene| scene.content("table");
    let windows = Scene::in_seconds((10, 10), |tile| tile.table("T")).window("a", (0, 10), 1).window("a", (90, 100), 2);
    assert_eq!(table(windows), json!([["a", "2"], ["a", "1"]]));
    let windows =
        Scene::in_seconds((10, 10), |tile| tile.table("T")).window("a", (0, 10), 1).window("a", (100, 110), 2);
    assert_eq!(table(windows), json!([["a", "2"]]));
    let sessions = |last| {
        let scene = Scene::in_sessions(|tile| tile.number("N").rows());
        scene.window("a", (0, 5), 1).window("b", (1, 9), 1).window("c", last, 1).content("number")
    };
    assert_eq!((sessions((10, 40)), sessions((60, 66))), (json!(3.0), json!(2.0)));
    let active = Scene::in_sessions(|tile| tile.number("N").rows().last(seconds(30)));
    let active = active.window("a", (0, 5), 1).window("b", (1, 9), 1).window("c", (30, 36), 1);
    assert_eq!(active.content("number"), json!(2.0));
}

#[test]
fn a_table_has_the_latest_rows_or_the_largest() {
    let rows = |scene: Scene| {
        scene.row("a", 1, Some(30)).row("b", 3, Some(10)).row("c", 2, Some(20)).row("d", 0, Some(40)).content("table")
    };
    assert_eq!(rows(Scene::plain(|tile| tile.table("T").top(2))), json!([["b", "10"], ["c", "20"]]));
    let largest = Scene::plain(|tile| {
        let table = tile.table("T").top(2).largest(|_, sum| *sum);
        table
            .column("who", |key, _| key.clone())
            .column("sum", |_, sum| *sum)
            .column("for", |_, sum| Duration::from_millis(sum.unsigned_abs()))
    });
    assert_eq!(rows(largest), json!([["d", 40.0, { "duration": 40 }], ["a", 30.0, { "duration": 30 }]]));
}

#[test]
fn a_funnel_adds_up_each_step() {
    let funnel =
        |scene: Scene| scene.row("view", 1, Some(9)).row("buy", 1, Some(2)).row("x", 1, Some(1)).content("funnel");
    assert_eq!(funnel(Scene::plain(|tile| tile.funnel("F").keys(["view", "cart", "buy"]))), json!([9.0, 0.0, 2.0]));
    let large = Scene::plain(|tile| tile.funnel("F").step("all", |_, _| 1).step("large", |_, sum| u8::from(*sum > 5)));
    assert_eq!(funnel(large), json!([3.0, 1.0]));
}

#[test]
fn lines_have_a_point_for_each_window() {
    let lines = || Scene::in_seconds((1, 1), |tile| tile.lines("L").series("n", |_, n| *n).series("rows", |_, _| 1));
    let chart = lines().window("a", (3, 4), 5).window("b", (3, 4), 6).window("a", (6, 7), 7).content("lines");
    let expected = json!({
        "starts": { "from": 3_000, "step": 1_000 }, "values": [[11.0, 0.0, 0.0, 7.0], [2.0, 0.0, 0.0, 1.0]],
        "open": 1, "combined": 1,
    });
    assert_eq!(chart, expected);
    let none = json!({ "starts": { "at": [] }, "values": [[], []], "open": 0, "combined": 1 });
    assert_eq!(lines().content("lines"), none);
}

/// A test's lines have at most six points.
#[test]
fn neighbouring_windows_are_combined_if_there_are_many() {
    let lines = |from: i64, to: i64| {
        let scene = Scene::in_seconds((1, 1), |tile| tile.lines("L"));
        (from..to).fold(scene, |scene, second| scene.window("a", (second, second + 1), second)).content("lines")
    };
    let chart = |from: i64, values: &[f64]| json!({ "starts": { "from": from, "step": 2_000 }, "values": [values], "open": 1, "combined": 2 });
    assert_eq!(lines(0, 8), chart(0, &[0.5, 2.5, 4.5, 6.5]));
    // One second later the points are where they were; those at the ends are of the window that is there.
    assert_eq!(lines(1, 9), chart(0, &[1.0, 2.5, 4.5, 6.5, 8.0]));
}

#[test]
fn months_have_points_of_their_own() {
    let builder = StreamsBuilder::new();
    let months = builder.stream(NUMBERS).group_by_key().windowed_by(CalendarWindows::months().no_grace());
    let months = months.reduce(|sum, number| sum + number).retention(seconds(100 * 24 * 60 * 60));
    months.live(|tile| tile.lines("L").last(seconds(100 * 24 * 60 * 60)));
    let scene = Scene::of(builder.build().expect("a topology"));
    let day = 24 * 60 * 60;
    let scene = scene.window("a", (0, 31 * day), 1).window("a", (31 * day, 59 * day), 2);
    let chart = scene.window("a", (59 * day, 90 * day), 3).content("lines");
    let at = [0, 31, 59].map(|days| days * day * 1_000);
    assert_eq!(chart, json!({ "starts": { "at": at }, "values": [[1.0, 2.0, 3.0]], "open": 1, "combined": 1 }));
}

#[test]
fn rows_that_cannot_be_read_are_told() {
    let mut scene =
        Scene::plain(|tile| tile.bars("B").by(|key, sum| if key == "panic" { panic!("of the closure") } else { *sum }));
    scene.take("short", None, 1, Some(vec![1, 2]));
    let mut scene = scene.row("panic", 1, Some(1)).row("a", 1, Some(1));
    let picture = scene.picture();
    assert_eq!((&picture["unreadable"], &picture["rows"]), (&json!(2), &json!(1)));
    let reasons = ["panic", "short"].map(|gone| {
        let mut scene =
            Scene::plain(|tile| tile.bars("B").by(|key, sum| if key == "panic" { panic!("of it") } else { *sum }));
        if gone == "short" {
            scene = scene.row("panic", 1, Some(1));
        } else {
            scene.take("short", None, 1, Some(vec![1, 2]));
        }
        scene.picture()["reason"].as_str().unwrap_or_default().to_owned()
    });
    assert!(reasons[0].contains("i64"), "{reasons:?}");
    assert_eq!(reasons[1], "a closure of the tile has panicked");
    // One that has become readable is forgotten.
    assert_eq!(scene.row("short", 2, Some(4)).row("panic", 2, None).picture()["unreadable"], json!(0));
}

/// A test's tiles hold 20 rows.
#[test]
fn a_tile_with_too_many_rows_says_so() {
    let fill = |rows: usize| {
        let scene = Scene::plain(|tile| tile.number("N").rows());
        (0..rows).fold(scene, |scene, number| scene.row(&format!("key {number}"), 1, Some(1)))
    };
    let seen = |scene: &mut Scene| {
        let picture = scene.picture();
        (picture["rows"].clone(), picture["partial"].clone())
    };
    assert_eq!(seen(&mut fill(ROWS_MAX)), (json!(ROWS_MAX), json!(false)));
    let mut full = fill(ROWS_MAX + 3);
    assert_eq!(seen(&mut full), (json!(ROWS_MAX), json!(true)));
    assert!(!full.held.is_worth_a_new_beginning());
    let full = (0..ROWS_MAX / 2 + 1).fold(full, |full, number| full.row(&format!("key {number}"), 1, None));
    assert!(full.held.is_worth_a_new_beginning());
    // Windows that are over make room by themselves.
    let scene = Scene::in_seconds((1, 1), |tile| tile.number("N").rows());
    let mut scene = (0..50).fold(scene, |scene, second| scene.window("a", (second, second + 1), 1));
    assert_eq!(seen(&mut scene), (json!(1), json!(false)));
}

#[test]
fn what_is_held_takes_as_many_bytes_as_its_rows() {
    let held = |scene: Scene| format!("{:?}", scene.held.rows.values().map(|row| &row.content).collect::<Vec<_>>());
    let scene = Scene::plain(|tile| tile.bars("B"));
    let texts: BTreeMap<&str, i64> = [("a", 1), ("b", 2)].into();
    let scene = texts.iter().fold(scene, |scene, (key, value)| scene.row(key, 1, Some(*value)));
    let emptied = texts.keys().fold(scene, |scene, key| scene.row(key, 2, None));
    assert_eq!((emptied.held.bytes(), held(emptied)), (0, "[]".to_owned()));
}
