//! The workspace's packages, their suites and dependencies, according to `cargo tree` and `cargo metadata`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::process::{Failure, cargo_program, command, output_of, workspace};

/// The names of the packages that need no C compiler: the workspace's default members.
pub(crate) fn pure() -> Result<BTreeSet<String>, Failure> {
    Ok(names(&tree(&["--depth", "0"])?))
}

/// The names of all packages of the workspace.
pub(crate) fn all() -> Result<BTreeSet<String>, Failure> {
    Ok(names(&tree(&["--depth", "0", "--workspace"])?))
}

/// The names of the packages that users depend on.
pub(crate) fn published() -> Result<Vec<String>, Failure> {
    let metadata = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata = output_of(command(cargo_program()).args(metadata))?;
    published_in(&metadata).ok_or_else(|| Failure::failed("`cargo metadata` prints something unexpected"))
}

/// Cargo says where a package may be published: nowhere, in some registries, or everywhere.
fn published_in(metadata: &str) -> Option<Vec<String>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let packages = metadata["packages"].as_array()?.iter();
    let packages = packages.filter(|package| package["publish"].as_array().is_none_or(|where_| !where_.is_empty()));
    packages.map(|package| package["name"].as_str().map(str::to_owned)).collect()
}

/// The names of the suites in these packages' `tests` folders.
pub(crate) fn suites_of(packages: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
    let metadata = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    suites(&output_of(command(cargo_program()).args(metadata))?, packages)
        .ok_or_else(|| Failure::failed("`cargo metadata` prints something unexpected"))
}

/// `name vVERSION` of every crate that a package needs to be built, itself included.
pub(crate) fn crates_of(package: &str) -> Result<BTreeSet<String>, Failure> {
    let tree = tree(&["-p", package, "-e", "normal,build"])?;
    Ok(tree.lines().filter_map(crate_line).map(|(name, version)| format!("{name} {version}")).collect())
}

/// Those crates that a package needs which compile C or C++ or look for C libraries.
pub(crate) fn c_compilers_of(package: &str) -> Result<Vec<String>, Failure> {
    const COMPILERS: [&str; 5] = ["bindgen", "cc", "cmake", "pkg-config", "vcpkg"];
    let is_compiler = |name: &String| COMPILERS.iter().any(|compiler| name.split(' ').next() == Some(compiler));
    Ok(crates_of(package)?.into_iter().filter(is_compiler).collect())
}

/// The features of the facade, in the order of its manifest.
pub(crate) fn facade_features() -> Result<Vec<String>, Failure> {
    let manifest = workspace().join("millstream").join("Cargo.toml");
    let text =
        fs::read_to_string(&manifest).map_err(|error| Failure::failed(format!("{}: {error}", manifest.display())))?;
    Ok(features(&text))
}

/// The locked version of a crate.
pub(crate) fn locked_version(name: &str) -> Result<String, Failure> {
    let file = workspace().join("Cargo.lock");
    let text = fs::read_to_string(&file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    version_in_lock(&text, name).ok_or_else(|| Failure::failed(format!("{name} is not in {}", file.display())))
}

fn tree(args: &[&str]) -> Result<String, Failure> {
    output_of(command(cargo_program()).args(["tree", "--locked", "--prefix", "none"]).args(args))
}

fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(crate_line).map(|(name, _)| name.to_owned()).collect()
}

/// Parses `name v1.2.3 (...)`; `None` for headings and empty lines.
fn crate_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    version.starts_with('v').then_some((name, version))
}

fn suites(metadata: &str, packages: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array()? {
        if packages.contains(package["name"].as_str()?) {
            let targets = package["targets"].as_array()?.iter();
            let suites = targets.filter(|target| target["kind"][0] == "test" && target["test"] == true);
            found.extend(suites.filter_map(|target| target["name"].as_str().map(str::to_owned)));
        }
    }
    Some(found)
}

fn features(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| line.trim() != "[features]").skip(1);
    section
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .filter(|name| !name.starts_with('#') && *name != "default")
        .map(str::to_owned)
        .collect()
}

fn version_in_lock(lock: &str, name: &str) -> Option<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| **line != wanted);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{all, c_compilers_of, features, published_in, pure, suites, suites_of, version_in_lock};

    #[test]
    fn features_are_read_without_default_comments_and_other_sections() {
        let manifest = "[package]\nname = \"x\"\n[features]\ndefault = [\"a\"]\n## About a.\na = []\n# b = []\n\
                        c = [\"a\", \"dep:c\"]\n\n[dependencies]\nd = \"1\"\n";
        assert_eq!(features(manifest), ["a", "c"]);
    }

    #[test]
    fn published_packages_are_those_that_may_go_anywhere() {
        let package = |name: &str, publish: &str| format!(r#"{{"name":"{name}","publish":{publish}}}"#);
        let packages = [package("core", "null"), package("tests", "[]"), package("own", r#"["ours"]"#)].join(",");
        let published = published_in(&format!(r#"{{"packages":[{packages}]}}"#));
        assert_eq!(published, Some(vec!["core".to_owned(), "own".to_owned()]));
    }

    #[test]
    fn suites_are_those_of_the_packages_asked_for() {
        let target =
            |kind: &str, name: &str, test: bool| format!(r#"{{"kind":["{kind}"],"name":"{name}","test":{test}}}"#);
        let targets =
            [target("lib", "a", true), target("test", "kill", true), target("test", "never", false)].join(",");
        let package = |name: &str, targets: &str| format!(r#"{{"name":"{name}","targets":[{targets}]}}"#);
        let packages = [package("a", &targets), package("b", &target("test", "other", true))].join(",");
        let metadata = format!(r#"{{"packages":[{packages}]}}"#);
        assert_eq!(suites(&metadata, &["a".to_owned()].into()), Some(["kill".to_owned()].into()));
        assert_eq!(suites("{}", &["a".to_owned()].into()), None);
        let ours = suites_of(&["millstream-tests".to_owned()].into()).expect("cargo metadata works");
        assert!(ours.contains("real_kafka"), "{ours:?}");
    }

    #[test]
    fn versions_are_read_with_their_build_numbers() {
        let lock = "[[package]]\nname = \"a-sys\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \
                    \"0.19.0+11.8.1\"\nsource = \"x\"\n";
        assert_eq!(version_in_lock(lock, "a").as_deref(), Some("0.19.0+11.8.1"));
        assert_eq!(version_in_lock(lock, "b"), None);
    }

    #[test]
    fn the_engine_and_the_quick_start_compile_no_c() {
        for package in ["streams-core", "streams-http", "word-count", "pulse", "millstream-oracle"] {
            assert_eq!(c_compilers_of(package).expect("cargo tree works"), Vec::<String>::new(), "{package}");
        }
        // The check must find C where there is some.
        assert!(!c_compilers_of("streams-rocksdb").expect("cargo tree works").is_empty());
    }

    #[test]
    fn default_members_are_members() {
        let (pure, all) = (pure().expect("cargo tree works"), all().expect("cargo tree works"));
        assert!(pure.contains("streams-core") && !pure.contains("streams-rocksdb"), "{pure:?}");
        assert!(pure.is_subset(&all) && all.contains("streams-rocksdb"), "{all:?}");
    }
}
