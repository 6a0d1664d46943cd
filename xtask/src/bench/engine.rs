//! `cargo xtask bench engine`: what a record costs, in memory and on a real broker of its own.

use crate::process::{Failure, run as run_program};
use crate::test::Build;
use crate::{kafka, setup};

/// The broker that only benchmarks use.
const BROKER: &str = "bench";

/// Builds the benchmarks optimised and runs them: first in memory, then on Kafka. What follows `engine` on the
/// command line is handed to them, for instance `--records 5000000 --runs 5`.
pub(crate) fn engine(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    build.rocksdb.wait()?;
    let engine = |more: &[&str]| {
        let mut command = vec!["run", "--locked", "--release", "-p", "millstream-benches", "--bin", "engine", "--"];
        command.extend(more);
        command.extend(args);
        run_program(&mut build.cargo(&command))
    };
    println!("on the embedded log, in memory:");
    engine(&[])?;
    let servers = kafka::servers(BROKER).map_err(Failure::failed)?;
    println!("on a real broker at {servers}:");
    let measured = engine(&["--bootstrap-servers", &servers]);
    kafka::stop(BROKER).map_err(Failure::failed)?;
    measured
}
