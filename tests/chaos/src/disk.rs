//! A small disk that can be full: an image with a file system, mounted in a folder. Only the superuser can have one.

use std::fs::{File, create_dir_all, remove_file};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The size of the disk.
const BYTES: u64 = 512 << 20;

/// A mounted disk. Dropping it unmounts and removes it.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    /// Where it is mounted.
    pub folder: PathBuf,
}

impl Disk {
    /// Makes a disk and mounts it in this folder.
    ///
    /// # Errors
    /// When that is not possible here; the message says why.
    pub fn mount(folder: &Path) -> Result<Self, String> {
        create_dir_all(folder).map_err(|error| error.to_string())?;
        let image = folder.with_extension("image");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(BYTES).map_err(|error| error.to_string())?;
        let disk = Self { image, folder: folder.to_owned() };
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&disk.image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&disk.image).arg(&disk.folder))?;
        Ok(disk)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When it cannot be filled.
    pub fn fill(&self) -> Result<(), String> {
        let mut ballast = File::create(self.ballast()).map_err(|error| error.to_string())?;
        let mut size = 1 << 20;
        while size > 0 {
            match ballast.write(&vec![0; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn empty(&self) -> Result<(), String> {
        remove_file(self.ballast()).map_err(|error| error.to_string())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg(&self.folder));
        let _ = remove_file(&self.image);
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}
