//! A test that starts itself again in a separate process, which can be killed. What the two tell each other is up to the
//! test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Tells the child its folder.
const CHILD_FOLDER: &str = "MILLSTREAM_TEST_CHILD_FOLDER";

/// Starts this test again in a separate process, on that folder.
pub(crate) fn spawn(test: &str, folder: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// The folder, in the child.
pub(crate) fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD_FOLDER).map(|folder: OsString| folder.into())
}
