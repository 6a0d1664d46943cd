//! `cargo xtask bench operators`: the cost of a record in operators with windows, in memory.

use crate::cache;
use crate::process::{Failure, cargo_program, command, run as run_program};

/// Builds the benchmark with optimisation, which takes no C compiler, and runs it with the arguments after `operators`, for
/// instance `--records 2000000 --workload sliding-max`.
pub(crate) fn operators(args: &[&str]) -> Result<(), Failure> {
    let mut cargo = command(cargo_program());
    cargo.env("CARGO_TARGET_DIR", cache::target_folder()?);
    cargo.args(["run", "--locked", "--release", "-p", "millstream-operator-benches", "--"]);
    run_program(cargo.args(args))
}
