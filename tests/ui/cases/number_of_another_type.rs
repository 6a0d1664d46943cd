//! Numbers are not converted on their way into a topic.

use millstream::prelude::*;

const COUNTS: Topic<String, i64> = Topic::new("counts");

fn main() {
    let count: i32 = 5;
    let log = Embedded::in_memory();
    let _ = log.send(&COUNTS, "tea", 1);
    let _ = log.send(&COUNTS, "tea", count);
    let _ = log.send(&COUNTS, 7, 1);
}
