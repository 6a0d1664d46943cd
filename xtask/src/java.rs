//! Java programs of ours, compiled by Maven into the cache folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::process::{Failure, command, run as run_program, workspace};

/// The class path to run a program with: its classes and its jars. Maven runs only if the sources have changed or a jar is
/// gone. `project` is the program's folder in the workspace, and `name` that of its folder in the cache.
pub(crate) fn class_path(project: &str, name: &str) -> Result<OsString, Failure> {
    let folder = workspace().join(project);
    let sources = sources(&folder)?;
    let cached = cache::folder()?.join(name).join(cache::fingerprint(sources.iter().map(String::as_str)));
    let classes = cached.join("classes");
    let jars_file = cached.join("jars");
    if !is_compiled(&classes, &jars_file) {
        println!("Java: compiling {project}");
        compile(&folder, &cached, &jars_file)?;
    }
    let jars = read(&jars_file)?;
    let parts = std::iter::once(classes).chain(std::env::split_paths(jars.trim_end()));
    std::env::join_paths(parts).map_err(|error| Failure::failed(format!("the class path: {error}")))
}

fn compile(project: &Path, folder: &Path, jars_file: &Path) -> Result<(), Failure> {
    let option = |name: &str, path: &Path| {
        let mut option = OsString::from(format!("-D{name}="));
        option.push(path);
        option
    };
    let mut maven = command("mvn");
    maven.current_dir(project).args(["-q", "-B", "compile", "dependency:build-classpath"]);
    run_program(maven.arg(option("build.folder", folder)).arg(option("mdep.outputFile", jars_file)))
}

/// Whether Maven has run and everything that it named still exists.
fn is_compiled(classes: &Path, jars_file: &Path) -> bool {
    let jars = fs::read_to_string(jars_file).unwrap_or_default();
    classes.is_dir() && !jars.is_empty() && std::env::split_paths(jars.trim_end()).all(|jar| jar.is_file())
}

/// The contents of all files that Maven reads.
fn sources(project: &Path) -> Result<Vec<String>, Failure> {
    let mut folders = vec![project.join("src/main/java")];
    let mut files = vec![project.join("pom.xml")];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
        let entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let (inner, sources): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_dir());
        folders.extend(inner);
        files.extend(sources);
    }
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}
