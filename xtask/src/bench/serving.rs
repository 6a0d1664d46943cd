//! `cargo xtask bench serving`: what queries and streams over HTTP cost.

use crate::process::{Failure, run as run_program};
use crate::setup;
use crate::test::Build;

/// Builds it with optimisation and runs it, with the arguments after `serving`, for instance `points --seconds 20`; without
/// any, points and then streams.
pub(crate) fn serving(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_SERVING)?;
    let mut build = Build::begin()?;
    build.rocksdb.wait()?;
    let run = |args: &[&str]| {
        let mut command = vec!["run", "--locked", "--release", "-p", "millstream-benches", "--bin", "serving", "--"];
        command.extend(args);
        run_program(&mut build.cargo(&command))
    };
    if !args.is_empty() {
        return run(args);
    }
    run(&["points"])?;
    run(&["streams"])
}
