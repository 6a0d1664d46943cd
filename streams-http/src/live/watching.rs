//! Tests of those who watch: what they get, and how long tiles are followed for them.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use serde_json::Value as Json;
use streams_core::prelude::*;
use streams_core::runtime::Running;

use super::picture::{Picture, State};
use super::{Gallery, LINGER};

/// An application with two tiles.
fn running() -> Running {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(Topic::<String, String>::new("lines")).group_by_key().count();
    lines.live(|tile| tile.number("Lines")).live(|tile| tile.number("Keys").rows());
    let log = Embedded::in_memory();
    log.create_topic("lines", 3).expect("a topic");
    let app = App::new("watched", builder.build().expect("a topology")).quiet().start(log).expect("an application");
    app.wait_until_running().expect("it runs");
    app
}

fn id(text: &str) -> String {
    serde_json::from_str::<Json>(text).expect("a picture")["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_slow_viewer_gets_the_latest_pictures_only() {
    let app = running();
    let gallery = Gallery::new(app.handle());
    // Nobody follows, so that only this test hangs pictures.
    gallery.lock().is_attended = true;
    let mut watched = Box::pin(gallery.watch());
    let mut picture = Picture::loading(&gallery.tiles()[1]);
    for number in 0..1_000 {
        picture.state = State::Failed { message: number.to_string() };
        gallery.hang(1, &picture);
    }
    gallery.hang(0, &Picture::loading(&gallery.tiles()[0]));
    let taken = [watched.next().await, watched.next().await].map(|text| text.expect("a picture"));
    assert_eq!((id(&taken[0]), id(&taken[1])), ("lines".to_owned(), "keys".to_owned()));
    assert!(taken[1].contains("999"), "{taken:?}");
    assert!(watched.next().now_or_never().is_none());
    // The same picture is no news.
    gallery.hang(1, &picture);
    assert!(watched.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn tiles_are_followed_as_long_as_somebody_watches_and_a_while_longer() {
    let app = running();
    let gallery = Gallery::new(app.handle());
    let is_attended = || gallery.lock().is_attended;
    assert!(!is_attended());
    let mut watched = Box::pin(gallery.watch());
    watched.next().await.expect("a picture");
    drop(watched);
    // Whoever comes soon finds pictures.
    tokio::time::sleep(LINGER / 2).await;
    let mut again = Box::pin(gallery.watch());
    assert!(again.next().now_or_never().flatten().is_some());
    tokio::time::sleep(LINGER * 2).await;
    assert!(is_attended());
    drop(again);
    tokio::time::sleep(LINGER + Duration::from_secs(1)).await;
    assert!(!is_attended());
    assert!(gallery.lock().pictures.is_empty());
    let mut watched = Box::pin(gallery.watch());
    assert!(watched.next().await.is_some() && is_attended());
}
