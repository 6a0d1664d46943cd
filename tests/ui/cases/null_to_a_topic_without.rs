//! Only a topic whose type is an `Option` takes nulls.

use millstream::prelude::*;
use millstream::testing::TestDriver;

const USERS: Topic<u64, String> = Topic::new("users");

fn main() {
    let builder = StreamsBuilder::new();
    _ = builder.table(USERS);
    let Ok(topology) = builder.build() else { return };
    TestDriver::new(topology).pipe(&USERS, 1_u64, None);
}
