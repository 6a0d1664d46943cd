//! Planted bugs: changes of single lines of the engine that the oracle must notice.
//!
//! The engine's sources stay free of them: a copy of the workspace gets all of them at once, each behind a question to the
//! environment, so that one build has every mutant and a run chooses one. The command `cargo xtask mutants` makes the copy.

mod list;

use std::fmt::Write as _;

pub use list::MUTANTS;

/// A planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// What goes wrong.
    pub name: &'static str,
    /// The file with the bug, below `streams-core/src`.
    pub file: &'static str,
    /// An expression or statements of the file, there exactly once before its tests.
    pub is: &'static str,
    /// What it becomes.
    pub becomes: &'static str,
}

/// The environment variable that chooses a mutant by its name.
pub const CHOICE: &str = "MILLSTREAM_MUTANT";

/// The module that the copy of `streams-core` gets.
pub const MODULE: &str = r#"
//! Which planted bug is switched on.

use std::sync::LazyLock;

static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MILLSTREAM_MUTANT").ok());

pub(crate) fn is(name: &str) -> bool {
    CHOSEN.as_deref() == Some(name)
}
"#;

/// The end of a file's code: what comes after it are its tests.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// A file's text with all its mutants.
///
/// # Errors
/// A sentence if a mutant's place is not there exactly once.
pub fn plant<'a>(source: &str, mutants: impl IntoIterator<Item = &'a Mutant>) -> Result<String, String> {
    let (code, tests) = source.split_at(source.find(TESTS).unwrap_or(source.len()));
    let mut code = code.to_owned();
    for Mutant { name, file, is, becomes } in mutants {
        let mut places = code.match_indices(is).map(|(at, _)| at);
        let (Some(at), None) = (places.next(), places.next()) else {
            return Err(format!("mutant `{name}`: `{is}` is not in {file} exactly once"));
        };
        let mut planted = String::new();
        // A block, which is an expression where `is` is one, and a statement where that is one.
        write!(planted, "{{ if crate::planted::is({name:?}) {{ {becomes} }} else {{ {is} }} }}").ok();
        code.replace_range(at..at + is.len(), &planted);
    }
    Ok(code + tests)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{MUTANTS, Mutant, plant};

    #[test]
    fn every_mutant_has_its_place() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../streams-core/src");
        let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), MUTANTS.len(), "each has its own name");
        for mutant in MUTANTS {
            let source = std::fs::read_to_string(sources.join(mutant.file)).expect(mutant.file);
            if let Err(problem) = plant(&source, [mutant]) {
                panic!("{problem}");
            }
        }
    }

    #[test]
    fn a_bug_is_planted_once_and_before_the_tests() {
        let mutant = Mutant { name: "off by one", file: "a.rs", is: "a < b", becomes: "a <= b" };
        let source = "fn f() -> bool { a < b }\n#[cfg(test)]\nmod tests { a < b }";
        let expected = "fn f() -> bool { { if crate::planted::is(\"off by one\") { a <= b } else { a < b } } }\n\
                        #[cfg(test)]\nmod tests { a < b }";
        assert_eq!(plant(source, [&mutant]).as_deref(), Ok(expected));
        for source in ["fn f() {}", "a < b, a < b"] {
            let problem = "mutant `off by one`: `a < b` is not in a.rs exactly once";
            assert_eq!(plant(source, [&mutant]), Err(problem.to_owned()), "{source}");
        }
    }
}
