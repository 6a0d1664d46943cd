//! A test driver's panics are reported with the line of the test, not with one of the library.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use streams_core::prelude::*;
use streams_core::testing::TestDriver;

const VIEWS: Topic<String, String> = Topic::new("views");
const TYPO: Topic<String, String> = Topic::new("veiws");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const SEEN: KeyValueStore<String, i64> = KeyValueStore::new("seen");

thread_local! {
    static FILE: RefCell<String> = const { RefCell::new(String::new()) };
}

#[test]
fn a_drivers_panics_name_a_line_of_the_test() {
    panic::set_hook(Box::new(|info| {
        FILE.set(info.location().map(|location| location.file().to_owned()).unwrap_or_default());
    }));
    let mistakes: [fn(&mut TestDriver); 6] = [
        |driver| driver.pipe(&TYPO, "ada", "/cart"),
        |driver| driver.pipe_at(&TYPO, "ada", "/cart", Timestamp(1)),
        |driver| driver.pipe(&VIEWS, "ada", "the view that panics"),
        |driver| _ = driver.read(&TYPO),
        |driver| _ = driver.get(&SEEN, "ada"),
        |driver| {
            driver.kill();
            driver.run();
        },
    ];
    let files: Vec<_> = mistakes
        .into_iter()
        .map(|mistake| {
            let builder = StreamsBuilder::new();
            builder
                .stream(VIEWS)
                .peek(|_, view| assert_ne!(view, "the view that panics"))
                .group_by_key()
                .count()
                .to_stream()
                .to(COUNTS);
            let mut driver = TestDriver::new(builder.build().unwrap());
            panic::catch_unwind(AssertUnwindSafe(|| mistake(&mut driver))).unwrap_err();
            FILE.take()
        })
        .collect();
    _ = panic::take_hook(); // so that this test tells of its own failure
    assert_eq!(files, [file!(); 6]);
}
