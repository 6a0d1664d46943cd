//! The file that says where a running application answers.
//!
//! It lies in the embedded log's folder and not in the state folder, because the folder is what other commands are given, and
//! because of all processes only the one that has the log open may write there. Its token lets in whoever can read it, which
//! is this user alone.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use streams_core::private_folder::{read_private, write_private};

/// Its name in the log's folder.
const FILE: &str = "port";

/// Where an application answers, and what it wants to hear.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PortFile {
    pub(crate) url: String,
    pub(crate) token: String,
}

impl PortFile {
    /// Writes it into the folder of a log. It is removed when what this returns is dropped.
    pub(super) fn write(&self, folder: &Path) -> io::Result<Written> {
        let path = folder.join(FILE);
        let text = json!({ "url": self.url, "token": self.token, "process": std::process::id() }).to_string();
        write_private(&path, text.as_bytes())?;
        Ok(Written(path))
    }

    /// Reads it. What is no such file is as good as none.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let json: Json = serde_json::from_slice(&read_private(&folder.join(FILE)).ok()?).ok()?;
        let text = |name: &str| json.get(name)?.as_str().map(ToOwned::to_owned);
        Some(Self { url: text("url")?, token: text("token")? })
    }

    /// Removes what a killed process has left. Only for who has the log open.
    pub(crate) fn remove_stale(folder: &Path) {
        let _ = std::fs::remove_file(folder.join(FILE));
    }
}

/// The token is not shown.
impl std::fmt::Debug for PortFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortFile").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("port-file-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[test]
    fn a_file_is_read_by_its_user_only_and_removed_at_the_end() {
        let folder = folder("written");
        let port = PortFile { url: "http://127.0.0.1:7".to_owned(), token: "s3cret".to_owned() };
        assert_eq!(PortFile::read(&folder), None);
        let written = port.write(&folder).expect("written");
        assert_eq!(PortFile::read(&folder), Some(port.clone()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.join(FILE)).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{port:?}").contains("s3cret"));
        drop(written);
        assert_eq!(PortFile::read(&folder), None);
        let _ = std::fs::remove_dir_all(&folder);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        let folder = folder("damaged");
        for text in
            ["", "{", "[]", "7", r#"{"url": "http://127.0.0.1:7"}"#, r#"{"url": 1, "token": "a"}"#, "\u{0}\u{1}"]
        {
            std::fs::write(folder.join(FILE), text).expect("written");
            assert_eq!(PortFile::read(&folder), None, "{text}");
        }
        PortFile::remove_stale(&folder);
        PortFile::remove_stale(&folder);
        assert!(!folder.join(FILE).exists());
        let _ = std::fs::remove_dir_all(&folder);
    }
}
