//! The facade re-exports the engine's public modules, because users cannot name the others.

use super::source::{Source, line_of, words};

const ENGINE: &str = "streams-core/src/lib.rs";
const FACADE: &str = "millstream/src/lib.rs";

/// The engine's public modules that the facade does not re-export.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let source = |path: &str| sources.iter().find(|source| source.path == path);
    let (Some(engine), Some(facade)) = (source(ENGINE), source(FACADE)) else {
        return vec![format!("{ENGINE} or {FACADE} is gone")];
    };
    let passed_on: Vec<&str> = words(&facade.code).map(|(_, word)| word).collect();
    let modules = engine.code.match_indices("pub mod ").filter_map(|(at, found)| {
        let name =
            engine.code[at + found.len()..].split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
        name.map(|name| (at, name))
    });
    modules
        .filter(|(_, name)| !passed_on.contains(name))
        .map(|(at, name)| format!("{ENGINE}:{}: {FACADE} does not re-export `{name}`", line_of(&engine.code, at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ENGINE, FACADE, Source, check};

    #[test]
    fn a_module_that_is_not_passed_on_is_named() {
        let engine = "//! The engine.\npub mod clock;\npub mod config;\nmod hidden;\n";
        for (facade, expected) in [
            ("pub use streams_core::{clock, config};", &[][..]),
            (
                "pub use streams_core::clock; // config",
                &["streams-core/src/lib.rs:3: millstream/src/lib.rs does not re-export `config`"],
            ),
        ] {
            let sources = [(ENGINE, engine), (FACADE, facade)].map(|(path, text)| Source::new(path, text.to_owned()));
            assert_eq!(check(&sources), expected, "{facade}");
        }
    }
}
