//! `cargo xtask bench engine`: the cost of a record, in memory and on a separate real broker.

use crate::process::{Failure, run as run_program};
use crate::test::Build;
use crate::{kafka, setup};

/// The name of the broker that only benchmarks use.
const BROKER: &str = "bench";

/// Builds the benchmarks with optimisation and runs them, first in memory, then on Kafka, with the arguments after
/// `engine`, for instance `--records 5000000 --runs 5`.
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
