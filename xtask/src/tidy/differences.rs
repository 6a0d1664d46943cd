//! Every difference from Kafka Streams needs a test: those that DIFFERENCES.md names must exist.

use super::source::Source;

/// The page that lists the differences.
pub(super) const PAGE: &str = "DIFFERENCES.md";

const ENGINE: &str = "streams-core/src";

/// The lines of the page that name no test, or one that does not exist.
pub(super) fn check(page: &str, sources: &[Source]) -> Vec<String> {
    let cells = (1..).zip(page.lines()).filter_map(|(number, line)| Some((number, test_of(line)?)));
    cells
        .filter(|(_, test)| *test != "doctests" && !is_there(test, sources))
        .map(|(number, test)| format!("{PAGE}:{number}: there is no such test: {test}"))
        .collect()
}

/// The test that a line names: the last cell of a table's row, or the text after `Test:`.
fn test_of(line: &str) -> Option<&str> {
    if let Some(test) = line.strip_prefix("Test: ") {
        return Some(test.trim_end_matches('.'));
    }
    let cell = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.rsplit('|').next()?.trim();
    let is_heading = cell == "test" || cell.trim_matches(':').starts_with("--");
    (!is_heading).then_some(cell)
}

/// `` `module::name` `` and `` `module` `` are in the engine; `` `name` in `folder` `` can be anywhere.
fn is_there(test: &str, sources: &[Source]) -> bool {
    let parts: Vec<&str> = test.split('`').collect();
    match parts.as_slice() {
        ["", path, ""] => {
            let is_in = |module: &str, name: Option<&str>| {
                files_of(module)
                    .iter()
                    .any(|file| sources.iter().any(|source| source.path == *file && has_test(&source.code, name)))
            };
            is_in(path, None) || path.rsplit_once("::").is_some_and(|(module, name)| is_in(module, Some(name)))
        }
        ["", name, " in ", folder, ""] => {
            let folder = format!("{}/", folder.trim_end_matches('/'));
            sources.iter().any(|source| source.path.starts_with(&folder) && has_test(&source.code, Some(name)))
        }
        _ => false,
    }
}

/// The possible files of a module; its tests may be a module inside the file.
fn files_of(module: &str) -> Vec<String> {
    let modules = [Some(module), module.strip_suffix("::tests")];
    let paths = modules.into_iter().flatten().map(|module| format!("{ENGINE}/{}", module.replace("::", "/")));
    paths.flat_map(|path| [format!("{path}.rs"), format!("{path}/mod.rs")]).collect()
}

/// Whether some code has a test with that name or, without a name, any test.
fn has_test(code: &str, name: Option<&str>) -> bool {
    let Some(name) = name else { return code.contains("#[test]") };
    code.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let before = &code[..at];
        before[before.rfind(['}', ';']).unwrap_or(0)..].contains("#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    #[test]
    fn tests_that_are_not_there_are_named_with_their_line() {
        let sources = [
            ("streams-core/src/a/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests { #[test] fn holds() {} fn helps() {} }"),
            ("streams-core/src/a/mod.rs", "// #[test] fn holds() {}"),
            ("streams-core/src/c/tests/mod.rs", "#[test]\n#[should_panic(expected = \"}\")]\nfn holds() {}"),
            ("tests/x/deep/y.rs", "#[test]\nfn holds() {}"),
        ];
        let sources = sources.map(|(path, text)| Source::new(path, text.to_owned()));
        for (test, is_there) in [
            ("`a::b`", true),
            ("`a::b::tests`", true),
            ("`a::b::holds`", true),
            ("`a::b::tests::holds`", true),
            ("`c::tests::holds`", true),
            ("`holds` in `tests/x`", true),
            ("doctests", true),
            ("`a::b::helps`", false),
            ("`a::b::tests::f`", false),
            ("`a`", false),
            ("`a::holds`", false),
            ("`c`", false),
            ("`d::tests`", false),
            ("`helps` in `tests/x`", false),
            ("`holds` in `tests/y`", false),
            ("none", false),
            ("", false),
        ] {
            let page = format!("# X\n\n| what | test |\n| --- | :-- |\n| a `\\|` b | {test} |\n");
            let expected =
                if is_there { vec![] } else { vec![format!("DIFFERENCES.md:5: there is no such test: {test}")] };
            assert_eq!(check(&page, &sources), expected, "{test}");
        }
        assert_eq!(check("Test: `a::b::holds`.\nText.\n", &sources), Vec::<String>::new());
        assert_eq!(check("Test: `gone`.", &sources), ["DIFFERENCES.md:1: there is no such test: `gone`"]);
    }
}
