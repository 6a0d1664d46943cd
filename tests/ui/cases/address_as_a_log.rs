//! An application runs on a log, not on an address.

use millstream::prelude::*;

fn start(topology: Topology) -> Result<(), AppError> {
    App::new("shop", topology).run("localhost:9092")
}

fn main() {}
