//! The programs and libraries that a machine needs before everything can be built and tested: they are found, installed
//! through the system's package manager, or named in one line to paste.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::postgres;
use crate::process::{Failure, command, find_program, run as run_program, succeeds};

/// Something that a machine may lack.
pub(crate) struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    /// Package names per package manager, in the order of [`Manager::ALL`]. If there are several, separated by `|`, the
    /// first that can be installed is used.
    packages: [&'static str; 5],
}

const CPP: Need = Need {
    what: "a C++ compiler",
    is_there: || ["CXX", "c++", "g++", "clang++"].iter().any(|name| is_program(name)),
    packages: ["build-essential", "gcc-c++", "base-devel", "build-base", "gcc"],
};

const MAKE: Need = Need {
    what: "make",
    is_there: || is_program("make"),
    packages: ["build-essential", "make", "base-devel", "build-base", "make"],
};

const PKG_CONFIG: Need = Need {
    what: "pkg-config",
    is_there: || is_program("pkg-config"),
    packages: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf", "pkgconf"],
};

const LIBCLANG: Need = Need {
    what: "libclang",
    is_there: || libclang_folders().iter().any(|folder| has_libclang(folder)),
    packages: ["libclang-dev", "clang-devel", "clang", "clang-dev", "llvm"],
};

const JDK: Need = Need {
    what: "a JDK, 17 or later",
    is_there: || java_major("javac").is_some_and(|major| major >= 17),
    packages: JDK_PACKAGES,
};

/// Enough to run compiled programs. The packages are those of the JDK, which is the best choice if there is no Java.
const JAVA: Need = Need {
    what: "Java, 17 or later",
    is_there: || java_major("java").is_some_and(|major| major >= 17),
    packages: JDK_PACKAGES,
};

const JDK_PACKAGES: [&str; 5] = [
    "openjdk-17-jdk-headless|openjdk-21-jdk-headless|default-jdk-headless",
    "java-21-openjdk-devel|java-17-openjdk-devel|java-latest-openjdk-devel",
    "jdk-openjdk",
    "openjdk17|openjdk21",
    "openjdk",
];

const MAVEN: Need =
    Need { what: "Maven", is_there: || is_program("mvn"), packages: ["maven", "maven", "maven", "maven", "maven"] };

const OPENSSL: Need = Need {
    what: "OpenSSL's headers",
    is_there: || has_library("openssl"),
    packages: ["libssl-dev", "openssl-devel", "openssl", "openssl-dev", "openssl@3"],
};

/// A browser that runs without a window, under the names that the suite `browser` knows.
const CHROMIUM: Need = Need {
    what: "Chromium",
    is_there: || {
        let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        std::env::var_os("MILLSTREAM_CHROMIUM").is_some() || names.iter().any(|name| is_program(name))
    },
    packages: ["chromium|chromium-browser", "chromium", "chromium", "chromium", "chromium"],
};

const POSTGRES: Need = Need {
    what: "PostgreSQL",
    is_there: postgres::is_installed,
    packages: ["postgresql", "postgresql-server", "postgresql", "postgresql16|postgresql15", "postgresql@16"],
};

/// The needs of `cargo xtask test`; OpenSSL is that of the suite `secure`, Chromium that of the suite `browser`.
pub(crate) const FOR_TESTS: &[Need] = &[CPP, MAKE, PKG_CONFIG, LIBCLANG, JDK, MAVEN, OPENSSL, CHROMIUM, POSTGRES];

/// The needs of `cargo xtask postgres`.
pub(crate) const FOR_POSTGRES: &[Need] = &[POSTGRES];

const WRK: Need = Need { what: "wrk", is_there: || is_program("wrk"), packages: ["wrk", "wrk", "wrk", "wrk", "wrk"] };

/// The needs of `cargo xtask bench serving`.
pub(crate) const FOR_SERVING: &[Need] = &[CPP, MAKE, PKG_CONFIG, LIBCLANG, WRK];

/// Enough to install a program of the Python Package Index in an environment of its own.
const PYTHON: Need = Need {
    what: "Python with venv",
    is_there: || succeeds(command("python3").args(["-c", "import ensurepip, venv"])),
    packages: ["python3-venv", "python3", "python", "python3", "python3"],
};

/// The needs of `cargo xtask http-fuzz`.
pub(crate) const FOR_HTTP_FUZZ: &[Need] = &[PYTHON];

/// The needs of the crates with RocksDB.
pub(crate) const FOR_ROCKSDB: &[Need] = &[CPP, MAKE, PKG_CONFIG, LIBCLANG];

/// The needs of a broker whose jars have been downloaded.
pub(crate) const FOR_JAVA: &[Need] = &[JAVA];

/// The needs of a broker whose jars have yet to be downloaded.
pub(crate) const FOR_KAFKA: &[Need] = &[JAVA, MAVEN];

/// The needs of the features `ssl` and `sasl`.
pub(crate) const FOR_FEATURES: &[Need] = &[
    OPENSSL,
    Need {
        what: "Cyrus SASL's headers",
        is_there: || has_library("libsasl2"),
        packages: ["libsasl2-dev", "cyrus-sasl-devel", "libsasl", "cyrus-sasl-dev", "cyrus-sasl"],
    },
];

/// Runs `cargo xtask setup`.
pub(crate) fn run() -> Result<(), Failure> {
    ensure(FOR_TESTS)?;
    for need in FOR_TESTS {
        println!("there: {}", need.what);
    }
    Ok(())
}

/// Ensures that everything in `needs` is available. Messages go to standard error, because programs may read the caller's
/// output.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), Failure> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let manager = Manager::ALL.into_iter().find(|manager| is_program(manager.program()));
    let Some(manager) = manager else {
        return Err(Failure::missing(format!("missing: {}. Please install it.", names(&missing))));
    };
    let Some(prefix) = manager.privilege() else {
        return Err(Failure::missing(what_to_paste(manager, &missing)));
    };
    eprintln!("missing: {}; installing it with {}", names(&missing), manager.program());
    if let Some(update) = manager.update() {
        // If this fails, old lists may still be good enough; installing will show that.
        let _ = run_program(privileged(prefix, manager, update).stdout(Stdio::null()));
    }
    for need in &missing {
        if !(need.is_there)() {
            let packages = need.packages[manager as usize].split('|');
            // Each failure has been printed; all that matters is whether the thing is available now.
            let _ = packages.map(|package| install(manager, prefix, package)).find(Result::is_ok);
        }
    }
    let missing: Vec<&Need> = missing.into_iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::missing(format!("{} did not install it.\n{}", manager.program(), what_to_paste(manager, &missing))))
}

fn install(manager: Manager, prefix: &[&str], package: &str) -> Result<(), Failure> {
    let mut install = privileged(prefix, manager, manager.install());
    run_program(install.arg(package).stdout(Stdio::null()))
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.what).collect::<Vec<_>>().join(", ")
}

fn what_to_paste(manager: Manager, missing: &[&Need]) -> String {
    let sudo = if manager == Manager::Brew { "" } else { "sudo " };
    let mut packages: Vec<&str> =
        missing.iter().filter_map(|need| need.packages[manager as usize].split('|').next()).collect();
    packages.dedup();
    let program = manager.program();
    let update = manager.update().map_or(String::new(), |args| format!("{sudo}{program} {} && ", args.join(" ")));
    let install = format!("{sudo}{program} {} {}", manager.install().join(" "), packages.join(" "));
    let mut text = format!("missing: {}. Paste this, then try again:\n  {update}{install}", names(missing));
    if missing.iter().any(|need| need.what == "libclang") {
        text += "\n(libclang also comes without root: `pip install libclang`, then set LIBCLANG_PATH to its folder \
                 `clang/native`)";
    }
    text
}

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Apt = 0,
    Dnf = 1,
    Pacman = 2,
    Apk = 3,
    Brew = 4,
}

impl Manager {
    const ALL: [Self; 5] = [Self::Apt, Self::Dnf, Self::Pacman, Self::Apk, Self::Brew];

    const fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    const fn update(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Apt => Some(&["update"]),
            Self::Apk => Some(&["update"]),
            // Arch does not support partial upgrades, so refreshing is left to the owner.
            Self::Dnf | Self::Pacman | Self::Brew => None,
        }
    }

    const fn install(self) -> &'static [&'static str] {
        match self {
            Self::Apt => &["install", "-y", "--no-install-recommends"],
            Self::Dnf => &["install", "-y"],
            Self::Pacman => &["-S", "--needed", "--noconfirm"],
            Self::Apk => &["add"],
            Self::Brew => &["install"],
        }
    }

    /// The prefix of the command, if we may install without asking anybody.
    fn privilege(self) -> Option<&'static [&'static str]> {
        if self == Self::Brew || is_root() {
            Some(&[])
        } else if succeeds(command("sudo").args(["-n", "true"])) {
            Some(&["sudo", "-n"])
        } else {
            None
        }
    }
}

fn privileged(prefix: &[&str], manager: Manager, args: &[&str]) -> std::process::Command {
    let mut words = prefix.iter().copied().chain([manager.program()]).chain(args.iter().copied());
    let mut command = command(words.next().unwrap_or_default());
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    command("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn is_program(name: &str) -> bool {
    match name {
        "CXX" => std::env::var("CXX").is_ok_and(|compiler| find_program(&compiler).is_some()),
        _ => find_program(name).is_some(),
    }
}

fn has_library(name: &str) -> bool {
    succeeds(command("pkg-config").args(["--exists", name]))
}

/// The path of the `java` or `javac` in use; a runtime without a compiler has no `javac`.
pub(crate) fn java_program(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin").join(name));
    home.filter(|program| program.is_file()).or_else(|| find_program(name))
}

fn java_major(program: &str) -> Option<u32> {
    let output = command(java_program(program)?).arg("-version").output().ok()?;
    major_of(&String::from_utf8_lossy(&output.stdout)).or_else(|| major_of(&String::from_utf8_lossy(&output.stderr)))
}

/// `javac 17.0.12` and `openjdk version "17.0.12" 2024-07-16` are 17; `javac 1.8.0_402` is 1, which is too old anyway.
fn major_of(text: &str) -> Option<u32> {
    let version = text.lines().find_map(|line| {
        line.strip_prefix("javac ").or_else(|| line.split_once(" version \"").map(|(_, version)| version))
    })?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The folders in which the binding generator of RocksDB's crate looks for libclang.
fn libclang_folders() -> Vec<PathBuf> {
    if let Some(chosen) = std::env::var_os("LIBCLANG_PATH") {
        return vec![chosen.into()];
    }
    let mut folders: Vec<PathBuf> = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/local/opt/llvm/lib",
        "/opt/homebrew/opt/llvm/lib",
        "/Library/Developer/CommandLineTools/usr/lib",
        "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
    ]
    .map(PathBuf::from)
    .to_vec();
    // `/usr/lib/llvm-14/lib`, `/usr/lib/x86_64-linux-gnu`, `/usr/lib/llvm14/lib`.
    for entry in std::fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        folders.push(entry.path().join("lib"));
        folders.push(entry.path());
    }
    if let Ok(output) = command("llvm-config").arg("--libdir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    folders
}

fn has_libclang(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().exists()).any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
}

/// Note that `libclang-cpp.so.14` is another library, which comes with compilers that use LLVM.
fn is_libclang(name: &str) -> bool {
    match name.strip_prefix("libclang") {
        Some(rest) if rest.starts_with(".so") || rest.starts_with(".dylib") => true,
        Some(rest) => {
            rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                && (name.contains(".so") || name.contains(".dylib"))
        }
        None => name == "libclang.dll",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        FOR_FEATURES, FOR_HTTP_FUZZ, FOR_KAFKA, FOR_TESTS, Manager, Need, is_libclang, major_of, what_to_paste,
    };

    #[test]
    fn what_is_missing_is_one_line_to_paste() {
        let all: Vec<&Need> = FOR_TESTS.iter().collect();
        assert_eq!(
            what_to_paste(Manager::Apt, &all[..4]),
            "missing: a C++ compiler, make, pkg-config, libclang. Paste this, then try again:\n  sudo apt-get update \
             && sudo apt-get install -y --no-install-recommends build-essential pkg-config libclang-dev\n(libclang \
             also comes without root: `pip install libclang`, then set LIBCLANG_PATH to its folder `clang/native`)"
        );
        assert_eq!(
            what_to_paste(Manager::Brew, &all[5..6]),
            "missing: Maven. Paste this, then try again:\n  brew install maven"
        );
    }

    #[test]
    fn every_need_has_packages_everywhere() {
        for need in FOR_TESTS.iter().chain(FOR_FEATURES).chain(FOR_KAFKA).chain(FOR_HTTP_FUZZ) {
            assert!(need.packages.iter().all(|package| !package.is_empty()), "{}", need.what);
        }
    }

    #[test]
    fn jdks_are_told_by_their_major_version() {
        let table = [
            ("javac 17.0.12\n", Some(17)),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\njavac 21\n", Some(21)),
            ("javac 1.8.0_402\n", Some(1)),
            ("openjdk version \"17.0.12\" 2024-07-16\nOpenJDK Runtime Environment\n", Some(17)),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\njava version \"25\" 2025-09-16 LTS\n", Some(25)),
            ("Error: could not open `jvm.cfg'\n", None),
        ];
        for (text, expected) in table {
            assert_eq!(major_of(text), expected, "{text}");
        }
    }

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so.1", "libclang.dylib", "libclang-14.0.6.so"] {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangAST.a", "libclang-14.a", "libclang", "libc.so"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
