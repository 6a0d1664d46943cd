//! The folder for everything that survives a checkout, such as cargo's output and RocksDB's library.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::process::Failure;

/// The cache folder, which is created if necessary.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    let folder = choose(|name| std::env::var_os(name), std::env::home_dir())
        .ok_or_else(|| Failure::missing("there is no home folder: set MILLSTREAM_CACHE to a folder to build in"))?;
    fs::create_dir_all(&folder).map_err(|error| {
        Failure::missing(format!("{}: {error}; set MILLSTREAM_CACHE to a folder to build in", folder.display()))
    })?;
    Ok(folder)
}

/// The target folder of every `cargo` that we start: the user's choice, or one folder for all checkouts.
pub(crate) fn target_folder() -> Result<PathBuf, Failure> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(chosen) if !chosen.is_empty() => Ok(chosen.into()),
        _ => Ok(folder()?.join("target")),
    }
}

/// Sixteen digits that identify these inputs, the same on every machine and every day.
pub(crate) fn fingerprint<'a>(inputs: impl IntoIterator<Item = &'a str>) -> String {
    // FNV-1a; the zero byte separates adjacent inputs.
    let bytes = inputs.into_iter().flat_map(|input| input.bytes().chain([0]));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

fn choose(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MILLSTREAM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("millstream")))
        .or_else(|| home.map(|home| home.join(".cache").join("millstream")))
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_nearest_setting_wins() {
        let table: [(&[(&str, &str)], &str); 4] = [
            (&[("MILLSTREAM_CACHE", "/a"), ("XDG_CACHE_HOME", "/b")], "/a"),
            (&[("XDG_CACHE_HOME", "/b")], "/b/millstream"),
            (&[("MILLSTREAM_CACHE", ""), ("XDG_CACHE_HOME", "")], "/home/.cache/millstream"),
            (&[], "/home/.cache/millstream"),
        ];
        for (set, expected) in table {
            let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
            assert_eq!(choose(variable, Some("/home".into())), Some(expected.into()), "{set:?}");
        }
        assert_eq!(choose(|_| None, None), None);
    }
}
