//! The project's own rules, as far as they can be checked in the text of the sources.
//!
//! A new rule belongs here rather than in review remarks. The reason for each rule is given where it is checked; the
//! arrows between the engine's modules are data, in [`arrows`].

mod arrows;
mod facade;
mod named_tests;
mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Failure, workspace};
use source::Source;

/// Runs `cargo xtask tidy`.
pub(crate) fn run() -> Result<(), Failure> {
    let sources = sources_below(&workspace())?;
    let broken = check(&sources, &pages_in(&workspace())?);
    if broken.is_empty() {
        println!("tidy: {} files keep the rules", sources.len());
        return Ok(());
    }
    Err(Failure::failed(broken.join("\n")))
}

/// The violations of rules, as `file:line: what`.
fn check(sources: &[Source], pages: &[String]) -> Vec<String> {
    let mut broken = arrows::check(sources);
    broken.extend(facade::check(sources));
    for (page, text) in named_tests::PAGES.into_iter().zip(pages) {
        broken.extend(named_tests::check(page, text, sources));
    }
    for source in sources {
        broken.extend(rules::check(source));
    }
    broken
}

/// The texts of the pages that name tests.
fn pages_in(root: &Path) -> Result<Vec<String>, Failure> {
    let read = |(page, _)| {
        let page = root.join(page);
        fs::read_to_string(&page).map_err(|error| Failure::failed(format!("{}: {error}", page.display())))
    };
    named_tests::PAGES.into_iter().map(read).collect()
}

/// Every Rust file of the project.
fn sources_below(root: &Path) -> Result<Vec<Source>, Failure> {
    let mut folders = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        let cannot = |error| Failure::failed(format!("{}: {error}", folder.display()));
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && name != "target" && !name.to_string_lossy().starts_with('.') {
                folders.push(entry.path());
            } else if !is_folder && entry.path().extension().is_some_and(|extension| extension == "rs") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let read = |file: PathBuf| {
        let text =
            fs::read_to_string(&file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        let path = file.strip_prefix(root).unwrap_or(&file);
        Ok(Source::new(&path.to_string_lossy().replace('\\', "/"), text))
    };
    files.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::{check, pages_in, sources_below};
    use crate::process::workspace;

    #[test]
    fn the_workspace_keeps_its_rules() {
        let sources = sources_below(&workspace()).expect("the sources can be read");
        assert!(sources.len() > 50, "{} files cannot be all", sources.len());
        let pages = pages_in(&workspace()).expect("the pages can be read");
        let broken = check(&sources, &pages);
        assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    }
}
