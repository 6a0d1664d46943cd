//! `cargo xtask bench recovery`: how fast state is back after `kill -9`, on a separate real broker.

use crate::process::{Failure, run as run_program};
use crate::test::Build;
use crate::{kafka, setup};

/// The name of the broker that only this uses.
const BROKER: &str = "recovery";

/// Builds it with optimisation and runs it with the arguments after `recovery`, for instance `--state-mb 200`.
pub(crate) fn recovery(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    build.rocksdb.wait()?;
    let servers = kafka::servers(BROKER).map_err(Failure::failed)?;
    let mut command = vec!["run", "--locked", "--release", "-p", "millstream-benches", "--bin", "recovery", "--"];
    command.extend(["--bootstrap-servers", &servers]);
    command.extend(args);
    let measured = run_program(&mut build.cargo(&command));
    kafka::stop(BROKER).map_err(Failure::failed)?;
    measured
}
