//! A closure lives as long as the application, and cannot change what it captures.

use millstream::prelude::*;

const LINES: Topic<u64, String> = Topic::new("lines");
const OUT: Topic<u64, String> = Topic::new("out");

fn count(lines: &mut u64) {
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .map_values(|line| {
            *lines += 1;
            line
        })
        .to(OUT);
}

fn main() {
    count(&mut 0);
}
