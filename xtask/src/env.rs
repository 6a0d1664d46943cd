//! `cargo xtask env`: the variables that tell plain `cargo` about RocksDB, for a shell to evaluate.

use std::ffi::{OsStr, OsString};

use crate::process::Failure;
use crate::rocksdb::Library;
use crate::setup;

/// Prints the variables to standard output, and everything else to standard error.
pub(crate) fn print() -> Result<(), Failure> {
    setup::ensure(setup::FOR_ROCKSDB)?;
    let mut library = Library::find_or_compile()?;
    library.wait()?;
    for (name, value) in library.variables() {
        println!("{}", export(name, &value)?);
    }
    Ok(())
}

/// A line for a shell, with the value in quotes.
fn export(name: &str, value: &OsStr) -> Result<String, Failure> {
    let value = OsString::from(value)
        .into_string()
        .map_err(|value| Failure::failed(format!("{name}: {} is not UTF-8", value.display())))?;
    Ok(format!("export {name}='{}'", value.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::export;

    #[test]
    fn a_shell_reads_what_was_meant() {
        let value = "/home/o'brien/$HOME `x` \"y\" \\ z";
        let line = export("MILLSTREAM_VALUE", value.as_ref()).expect("UTF-8");
        let script = format!("{line}\nprintf %s \"$MILLSTREAM_VALUE\"");
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), value, "{line}");
    }
}
