//! Rules about single files.

use super::source::{Source, line_of, words};

const LINES_MAX: usize = 1_000;

/// The violations of rules in a file.
pub(super) fn check(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |line: usize, what: &str| broken.push(format!("{}:{line}: {what}", source.path));

    // A module opens by saying what it is, what it owns and what it leaves to others. Compile-fail cases are written like
    // user code.
    let opens_well = source.text.starts_with("//!") || source.text.starts_with("#![doc = include_str!(");
    if !source.path.contains("/ui/") && !opens_well {
        say(1, "does not open with `//!` and what the module is");
    }
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        say(lines, &format!("{lines} lines are more than {LINES_MAX}: one idea per file"));
    }
    // Only the Kafka adapter calls C directly.
    if !source.path.starts_with("streams-kafka/src/") {
        for (at, _) in words(&source.code).filter(|(_, word)| *word == "unsafe") {
            say(line_of(&source.code, at), "`unsafe` belongs in streams-kafka");
        }
    }
    // With one clock, tests and simulations can set the time.
    if source.path.starts_with("streams-core/src/") && source.path != "streams-core/src/clock.rs" {
        for what in ["SystemTime::now", "Instant::now", "thread::sleep", "Utc::now", "Local::now"] {
            for (at, _) in source.product.match_indices(what) {
                say(line_of(&source.product, at), &format!("`{what}`: ask the `Clock`, or wait on a doorbell"));
            }
        }
    }
    // The same goes for randomness: a run that is a function of its seed can be repeated.
    if source.path.starts_with("streams-core/src/") && source.path != "streams-core/src/random.rs" {
        for what in ["new_v4", "RandomState"] {
            for (at, _) in source.product.match_indices(what) {
                say(line_of(&source.product, at), &format!("`{what}`: ask `Random`"));
            }
        }
    }
    // Users know one crate; the others are its parts.
    const PARTS: [&str; 6] =
        ["streams_connect", "streams_core", "streams_http", "streams_kafka", "streams_rocksdb", "streams_sql"];
    if PARTS.iter().any(|part| source.path.starts_with(&format!("{}/src/", part.replace('_', "-")))) {
        for (number, line) in example_lines(&source.text) {
            for part in PARTS {
                if line.contains(part) {
                    say(number, &format!("an example says `{part}`: users write `millstream`"));
                }
            }
        }
    }
    // `main` prints the error that it returns with `Debug`, which must say what `Display` says.
    for (at, name) in errors_with_derived_debug(&source.product) {
        let what =
            format!("`{name}` is an error, so `debug_says_what_display_says!` implements its `Debug`, no derive");
        say(line_of(&source.product, at), &what);
    }
    // A test that is switched off tests nothing, and nobody switches it on again.
    for (at, _) in source.code.match_indices("#[ignore") {
        say(line_of(&source.code, at), "a test that is switched off: repair it or delete it");
    }
    broken
}

/// The lines of a file's documentation that are code, with their numbers.
fn example_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let line = line.trim_start();
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            is_code = false;
            return false;
        };
        let is_fence = text.trim_start().starts_with("```");
        is_code ^= is_fence;
        is_code && !is_fence
    })
}

/// The public errors whose `Debug` is derived, each with the place of the derive.
fn errors_with_derived_debug(code: &str) -> Vec<(usize, &str)> {
    let word = |at: usize| words(&code[at..]).next().map(|(_, word)| word);
    let has = |list: &str, name: &str| words(list).any(|(_, word)| word == name);
    let mut types: Vec<(usize, &str, String)> = Vec::new();
    for (at, opening) in code.match_indices("#[derive(") {
        let Some((list, rest)) = code[at + opening.len()..].split_once(")]") else { continue };
        let Some(item) = ["pub enum ", "pub struct "].iter().filter_map(|kind| Some((rest.find(kind)?, *kind))).min()
        else {
            continue;
        };
        // Another item's derive comes first: the item of this one is not public.
        let is_of_another = ["enum ", "struct "].iter().any(|kind| rest[..item.0].contains(kind));
        let start = code.len() - rest.len() + item.0 + item.1.len();
        let Some(name) = word(start).filter(|_| !is_of_another) else { continue };
        match types.iter_mut().find(|(_, known, _)| *known == name) {
            Some((_, _, derives)) => derives.push_str(list),
            None => types.push((at, name, list.to_owned())),
        }
    }
    let is_error = |name: &str, derives: &str| has(derives, "Error") || code.contains(&format!("Error for {name} "));
    let broken = types.iter().filter(|(_, name, derives)| has(derives, "Debug") && is_error(name, derives));
    broken.map(|(at, name, _)| (*at, *name)).collect()
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, Source, check};

    fn broken(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text.to_owned()))
    }

    #[test]
    fn planted_violations_are_caught() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        let table = [
            ("a/src/x.rs", "// Not a module's head.\n", "a/src/x.rs:1: does not open with"),
            ("a/src/x.rs", long.as_str(), "a/src/x.rs:1001: 1001 lines are more than 1000"),
            ("a/src/x.rs", "//! X.\nfn f() { unsafe { g() } }", "a/src/x.rs:2: `unsafe` belongs"),
            (
                "streams-core/src/x.rs",
                "//! X.\n\nlet t = std::time::Instant::now();",
                "streams-core/src/x.rs:3: `Instant::now`",
            ),
            ("streams-core/src/x.rs", "//! X.\nthread::sleep(d);", "streams-core/src/x.rs:2: `thread::sleep`"),
            ("streams-core/src/x.rs", "//! X.\nUuid::new_v4();", "streams-core/src/x.rs:2: `new_v4`"),
            (
                "streams-core/src/x.rs",
                "//! X: `streams_core::x`.\n//! ```\n//! use streams_core::x;\n//! ```",
                "streams-core/src/x.rs:3: an example says `streams_core`",
            ),
            (
                "a/src/x.rs",
                "//! X.\n#[derive(Debug, thiserror::Error)]\n#[error(\"x\")]\npub enum E { A }",
                "a/src/x.rs:2: `E` is an error",
            ),
            (
                "a/src/x.rs",
                "//! X.\n\n#[derive(Clone, Debug)]\npub struct E(u8);\nimpl std::error::Error for E {}",
                "a/src/x.rs:3: `E` is an error",
            ),
            ("a/tests/x.rs", "//! X.\n#[test]\n#[ignore = \"slow\"]\nfn f() {}", "a/tests/x.rs:3: a test that is"),
        ];
        for (path, text, expected) in table {
            let broken = broken(path, text);
            assert_eq!(broken.len(), 1, "{expected}: {broken:?}");
            assert!(broken[0].starts_with(expected), "{broken:?}");
        }
    }

    #[test]
    fn what_the_rules_allow_is_left_alone() {
        let table = [
            ("streams-kafka/src/native/mod.rs", "//! X.\nunsafe fn f() {}"),
            ("a/src/lib.rs", "//! X.\n#![forbid(unsafe_code)]\n// unsafe\nconst A: &str = \"unsafe\";"),
            ("streams-core/src/clock.rs", "//! X.\nInstant::now();"),
            ("streams-core/src/random.rs", "//! X.\nUuid::new_v4();"),
            ("a/src/lib.rs", "#![doc = include_str!(\"../../README.md\")]"),
            ("streams-core/src/x.rs", "//! X.\n#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }"),
            ("xtask/src/x.rs", "//! X.\nInstant::now();"),
            (
                "a/src/x.rs",
                "//! X.\n#[derive(Clone, thiserror::Error)]\npub enum E {}\n#[derive(Debug)]\npub struct F;",
            ),
            ("a/src/x.rs", "//! X.\n#[derive(Debug, thiserror::Error)]\nenum E {}\n#[derive(Clone)]\npub struct F;"),
            ("tests/ui/missing_grace.rs", "fn main() {}"),
        ];
        for (path, text) in table {
            assert_eq!(broken(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }
}
