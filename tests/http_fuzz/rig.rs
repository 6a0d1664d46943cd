//! The rig; see the crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    millstream_http_fuzz::main()
}
