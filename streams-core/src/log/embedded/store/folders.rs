//! The folders of a store, as far as fjall leaves them in a state that it cannot go on with: one whose creation was cut
//! off, and new files whose names a power cut may take away.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The file that fjall writes when it has created its own files, and the folder with what is stored.
const VERSION: &str = "version";
const KEYSPACES: &str = "keyspaces";

/// Removes what a process left that was killed while it created the store. fjall can neither open that nor create its
/// files again in the same place. Nothing can be stored in it yet.
pub(super) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    let has_version = if_there(fs::metadata(folder.join(VERSION)))?.is_some_and(|version| version.len() > 0);
    if has_version || !folder.try_exists()? {
        return Ok(());
    }
    let stored = if_there(fs::read_dir(folder.join(KEYSPACES)))?.and_then(|mut entries| entries.next());
    if stored.is_some() {
        // It is damaged rather than unfinished, which fjall will say.
        return Ok(());
    }
    tracing::info!(folder = %folder.display(), "the embedded log's creation was cut off; it is created again");
    fs::remove_dir_all(folder)
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ensures that no file of the store loses its name in a power cut. fjall syncs its files, but not every folder that it
/// creates something in.
pub(super) fn sync_names(folder: &Path) -> io::Result<()> {
    // Windows knows no such thing, and does not open folders.
    if cfg!(unix) {
        for folder in folders(folder)? {
            match File::open(&folder).and_then(|folder| folder.sync_all()) {
                // fjall's threads may be deleting. And the folder above the log may be closed to its user.
                Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                    return Err(error);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The store's folder, all folders in it, and the two that it was created in.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    let mut number = 0;
    while let Some(parent) = found.get(number) {
        let mut children = Vec::new();
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                children.push(entry.path());
            }
        }
        found.append(&mut children);
        number += 1;
    }
    let real = folder.canonicalize()?;
    found.extend(real.ancestors().skip(1).take(2).map(Path::to_owned));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    /// Regression: whoever was killed while it created the log left a folder that could never be opened again.
    #[test]
    fn a_store_whose_creation_was_cut_off_is_created_again() {
        for left in [&[][..], &["lock"], &["lock", "0.jnl"], &["lock", "0.jnl", "version"], &["0.jnl"], &["version"]] {
            let folder = tempfile::tempdir().expect("a folder");
            let place = folder.path().join("data");
            fs::create_dir(&place).expect("a folder");
            if left.contains(&"lock") {
                fs::create_dir(place.join(KEYSPACES)).expect("a folder");
            }
            for file in left {
                fs::write(place.join(file), "").expect("a file");
            }
            for _ in 0..2 {
                let store = Store::open(&place).unwrap_or_else(|error| panic!("{left:?}: {error}"));
                assert_eq!(store.meta.iter().count(), 0, "{left:?}");
            }
        }
    }

    #[test]
    fn a_store_that_lost_its_version_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("data");
        drop(Store::open(&place).expect("a store"));
        fs::remove_file(place.join(VERSION)).expect("removed");
        assert!(Store::open(&place).is_err());
        assert!(place.join(KEYSPACES).join("1").exists(), "nothing is deleted");
    }

    #[test]
    fn the_names_of_tables_and_large_values_are_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("log").join("data");
        drop(Store::open(&place).expect("a store"));
        let found = folders(&place).expect("readable");
        let real = folder.path().canonicalize().expect("a path");
        for expected in ["keyspaces", "keyspaces/1", "keyspaces/1/tables", "keyspaces/1/blobs", "keyspaces/3/tables"] {
            assert!(found.contains(&place.join(expected)), "{expected}: {found:?}");
        }
        for expected in [place.clone(), real.join("log"), real] {
            assert!(found.contains(&expected), "{expected:?}: {found:?}");
        }
    }
}
