//! All tasks call the same closure, each on its own thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");
const OUT: Topic<(), String> = Topic::new("out");

fn main() {
    let (seen, count) = (Rc::new(RefCell::new(Vec::new())), Cell::new(0));
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .map_values(move |line| {
            seen.borrow_mut().push(line.clone());
            line
        })
        .to(OUT);
    builder.stream(LINES).for_each(move |_, _| count.set(count.get() + 1));
}
