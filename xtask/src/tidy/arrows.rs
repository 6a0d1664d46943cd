//! Which module of the engine may use which others. Arrows point one way, so that each module can be understood and
//! tested without those above it.

use super::source::{Source, line_of, words};

const CRATE: &str = "streams-core/src/";

/// Modules and the modules that they may use. Every module may use itself. A new module needs a line.
const ALLOWED: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("clock", &["record"]),
    ("random", &[]),
    ("error_text", &[]),
    // Runs handlers, and nothing else is a future that has to be run.
    ("executor", &["clock"]),
    // Named by settings and counted by operators.
    ("drop_reason", &[]),
    // Written by `runtime` and read by `client`.
    ("letter_headers", &[]),
    // Prints what is logged where nobody listens.
    ("voice", &["clock"]),
    ("private_folder", &[]),
    // Which moments belong together for people. The bytes of windowed keys leave out their windows' ends, so `wire` has to
    // know where they are.
    ("calendar", &["record"]),
    ("wire", &["calendar", "record"]),
    ("windows", &["calendar", "record", "wire"]),
    // Values with formats of their own.
    ("aggregates", &["wire"]),
    // A topic's keys may be windowed; the topic's constant declares the length of the windows.
    ("topic", &["record", "wire", "windows"]),
    // Plain data with a parser; starts nothing. A setting may be a time or an offset, which are in `record`.
    ("config", &["drop_reason", "record", "topic"]),
    // An adapter's author must learn this but no engine. `state` is not allowed here, nor `log` below: `runtime` connects
    // them.
    ("log", &["clock", "private_folder", "random", "record", "topic", "wire", "windows"]),
    // Typed access to topics, for programs around an application. No engine.
    ("client", &["clock", "letter_headers", "record", "voice", "topic", "wire", "windows", "log"]),
    // A store knows bytes and keys, not tasks.
    ("state", &["clock", "record", "topic", "wire", "windows"]),
    // Operators see a record, a context and their stores; never a consumer, a producer or a thread.
    // `error_text` is how an application's own error becomes a sentence, with all its causes.
    // Handlers run on the `executor`; their node knows no more of it. `random` is for the pauses between their attempts.
    (
        "operators",
        &["drop_reason", "error_text", "executor", "random", "record", "topic", "wire", "windows", "state", "log"],
    ),
    // Plain data: runs nothing, and has no clock, disk or network. `config` has the names of topic settings, which also
    // apply to changelogs.
    ("topology", &["record", "topic", "wire", "windows", "config", "state", "operators"]),
    // Only builds.
    ("dsl", &["record", "topic", "wire", "windows", "state", "operators", "topology"]),
    // Only runs, so it does not know how the topology was built.
    (
        "runtime",
        &[
            "clock",
            "executor",
            "letter_headers",
            "private_folder",
            "random",
            "record",
            "voice",
            "topic",
            "wire",
            "windows",
            "config",
            "log",
            "state",
            "operators",
            "topology",
        ],
    ),
    // An application like those of users.
    ("dead_letters", &["record", "topic", "wire", "log", "client", "topology", "dsl", "runtime"]),
    ("query", &["clock", "record", "topic", "wire", "windows", "config", "log", "state", "topology", "runtime"]),
    (
        "testing",
        &[
            "clock",
            "executor",
            "record",
            "topic",
            "wire",
            "windows",
            "log",
            "state",
            "operators",
            "topology",
            "dsl",
            "runtime",
            "query",
        ],
    ),
];

/// Arrows that point the wrong way.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let is_product = |source: &&Source| source.path.starts_with(CRATE) && !source.is_test_module_of(sources);
    let mut broken: Vec<String> = sources.iter().filter(is_product).flat_map(check_file).collect();
    // A module that is not in the table is reported once.
    broken.dedup();
    broken
}

fn check_file(source: &Source) -> Vec<String> {
    let inside = source.path.strip_prefix(CRATE).unwrap_or_default();
    let module = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    if matches!(module, "lib" | "prelude") {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{CRATE}{module}: this module is not in the table of xtask/src/tidy/arrows.rs")];
    };
    let forbidden = |(_, used): &(usize, &str)| {
        *used != module && !allowed.contains(used) && ALLOWED.iter().any(|(name, _)| name == used)
    };
    let arrows = used_modules(&source.product, depth_of(inside)).into_iter().filter(forbidden);
    arrows
        .map(|(at, used)| {
            let line = line_of(&source.product, at);
            format!("{}:{line}: `{module}` may not use `{used}`: {}", source.path, why(module, allowed))
        })
        .collect()
}

fn why(module: &str, allowed: &[&str]) -> String {
    if allowed.is_empty() {
        format!("`{module}` is at the bottom and uses no other module")
    } else {
        format!("it may use {}", allowed.join(", "))
    }
}

/// The number of `super::` that lead from a file to the crate's root.
fn depth_of(inside: &str) -> usize {
    let parts = inside.split('/').count();
    if inside.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// The modules at the crate's root that some code names, with their places.
fn used_modules(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut used = Vec::new();
    for (at, word) in words(code) {
        let root = match word {
            "crate" => Some(at + "crate".len()),
            "super" if !code[..at].trim_end().ends_with("super::") => end_of_supers(code, at, depth),
            _ => None,
        };
        let Some(rest) = root.and_then(|root| code[root..].trim_start().strip_prefix("::")) else { continue };
        used.extend(first_names(rest).into_iter().map(|name| (at, name)));
    }
    used
}

/// Where a chain of `super::` ends, if it leads to the crate's root.
fn end_of_supers(code: &str, mut at: usize, depth: usize) -> Option<usize> {
    for number in 1..=depth {
        at += code[at..].strip_prefix("super").map(|_| "super".len())?;
        if number < depth {
            at += code[at..].strip_prefix("::").map(|_| "::".len())?;
        }
    }
    Some(at)
}

/// The first name of `a::b` is a; those of `{a::b, c::{d, e}}` are a and c.
fn first_names(path: &str) -> Vec<&str> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().filter(|(at, _)| *at == 0).map(|(_, name)| name).into_iter().collect();
    };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' | b',' if depth == 0 => {
                names.extend(words(&group[start..at]).next().map(|(_, name)| name));
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, Source, check};

    /// The messages about a single file.
    fn broken(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text.to_owned())])
    }

    #[test]
    fn planted_arrows_are_caught_however_they_are_written() {
        let table = [
            ("streams-core/src/state/x.rs", "use crate::log::Log;", "1: `state` may not use `log`"),
            ("streams-core/src/log/x.rs", "fn f() {\n    crate::state::META;\n}", "2: `log` may not use `state`"),
            (
                "streams-core/src/state/x.rs",
                "use crate::{\n    record::R, log::{self, L},\n};",
                "1: `state` may not use `log`",
            ),
            ("streams-core/src/wire/mod.rs", "pub use super::runtime::App;", "1: `wire` may not use `runtime`"),
            ("streams-core/src/wire/json.rs", "use super::super::dsl;", "1: `wire` may not use `dsl`"),
            (
                "streams-core/src/topology/expand/x.rs",
                "use super::super::super::clock::Clock;",
                "1: `topology` may not use `clock`",
            ),
            ("streams-core/src/record.rs", "use super::topic;", "1: `record` may not use `topic`: `record` is"),
            ("streams-core/src/runtime/app.rs", "use crate::dsl::X;", "1: `runtime` may not use `dsl`"),
        ];
        for (path, text, expected) in table {
            let broken = broken(path, text);
            assert_eq!(broken.len(), 1, "{path}: {text}: {broken:?}");
            assert!(broken[0].starts_with(&format!("{path}:{expected}")), "{broken:?}");
        }
    }

    #[test]
    fn a_module_that_nobody_placed_is_named_once() {
        let files =
            ["streams-core/src/newcomer/mod.rs", "streams-core/src/newcomer/x.rs", "streams-core/src/wire/x.rs"];
        let files = files.map(|path| Source::new(path, String::new()));
        assert_eq!(
            check(&files),
            ["streams-core/src/newcomer: this module is not in the table of xtask/src/tidy/arrows.rs"]
        );
    }

    #[test]
    fn arrows_that_point_the_right_way_are_left_alone() {
        let table = [
            ("streams-core/src/state/x.rs", "use crate::record::R; use crate::state::META; use super::store::S;"),
            ("streams-core/src/state/x.rs", "// crate::log\n/// [`crate::log::Log`]\nconst A: &str = \"crate::log\";"),
            ("streams-core/src/state/x.rs", "#[cfg(test)]\nmod tests {\n    use crate::log::X;\n}"),
            ("streams-core/src/wire/json.rs", "use super::record_of; use super::dsl;"),
            ("streams-core/src/lib.rs", "pub use crate::dsl::X;"),
            ("streams-rocksdb/src/lib.rs", "use crate::log::X;"),
            ("streams-core/src/operators/x.rs", "crate::store_contract!();"),
        ];
        for (path, text) in table {
            assert_eq!(broken(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn the_table_has_no_circle() {
        for (place, (name, uses)) in ALLOWED.iter().enumerate() {
            for used in *uses {
                let below = ALLOWED[..place].iter().any(|(lower, _)| lower == used);
                assert!(below, "`{name}` may use `{used}`, which must stand above it in the table");
            }
        }
    }
}
