//! Pages that name tests: every difference from Kafka Streams needs one, and so does everything that an application can be
//! given and that is promised to have an outcome. The tests that they name must exist.

use super::source::Source;

/// The pages, and whether every table of theirs has a column of tests.
pub(super) const PAGES: [(&str, bool); 2] = [("DIFFERENCES.md", true), ("RELIABILITY.md", false)];

const ENGINE: &str = "streams-core/src";

/// The lines of a page that name no test, or one that does not exist.
pub(super) fn check((page, all_tables): (&str, bool), text: &str, sources: &[Source]) -> Vec<String> {
    let mut is_about_tests = all_tables;
    let mut broken = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let cell = last_cell(line);
        is_about_tests = all_tables || cell.is_some_and(|cell| is_about_tests || cell == HEADING);
        let named = line.strip_prefix("Test: ").map(|test| test.trim_end_matches('.'));
        let named = named
            .or(cell.filter(|cell| is_about_tests && *cell != HEADING && !cell.trim_matches(':').starts_with("--")));
        if let Some(test) = named.filter(|test| *test != "doctests" && !is_there(test, sources)) {
            broken.push(format!("{page}:{number}: there is no such test: {test}"));
        }
    }
    broken
}

/// The heading of a column of tests, which is a table's last one.
const HEADING: &str = "test";

/// The last cell of a table's row.
fn last_cell(line: &str) -> Option<&str> {
    Some(line.strip_prefix('|')?.trim_end().strip_suffix('|')?.rsplit('|').next()?.trim())
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
    let is_one = code.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let before = &code[..at];
        before[before.rfind(['}', ';']).unwrap_or(0)..].contains("#[test]")
    });
    is_one || is_listed(code, name)
}

/// Whether a function is in a list of those that are tests of several implementations each: `on_both!(a, b)`.
fn is_listed(code: &str, name: &str) -> bool {
    let lists = code.match_indices("on_both!(").map(|(at, found)| &code[at + found.len()..]);
    let mut listed = lists.filter_map(|rest| rest.split_once(')')).flat_map(|(list, _)| list.split(','));
    listed.any(|listed| listed.trim() == name)
}

#[cfg(test)]
mod tests {
    use super::{PAGES, Source, check};

    #[test]
    fn tests_that_are_not_there_are_named_with_their_line() {
        let sources = [
            ("streams-core/src/a/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests { #[test] fn holds() {} fn helps() {} }"),
            ("streams-core/src/a/mod.rs", "// #[test] fn holds() {}"),
            ("streams-core/src/c/tests/mod.rs", "#[test]\n#[should_panic(expected = \"}\")]\nfn holds() {}"),
            ("tests/x/deep/y.rs", "#[test]\nfn holds() {}"),
            ("tests/z/z.rs", "on_both!(\n    holds,\n    lasts,\n);\nfn holds<D>(d: &D) {}\nfn helps<D>(d: &D) {}"),
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
            ("`lasts` in `tests/z`", true),
            ("`helps` in `tests/z`", false),
            ("`helps` in `tests/x`", false),
            ("`holds` in `tests/y`", false),
            ("none", false),
            ("", false),
        ] {
            let page = format!("# X\n\n| what | test |\n| --- | :-- |\n| a `\\|` b | {test} |\n");
            let expected =
                if is_there { vec![] } else { vec![format!("DIFFERENCES.md:5: there is no such test: {test}")] };
            assert_eq!(check(PAGES[0], &page, &sources), expected, "{test}");
        }
        assert_eq!(check(PAGES[0], "Test: `a::b::holds`.\nText.\n", &sources), Vec::<String>::new());
        assert_eq!(check(PAGES[0], "Test: `gone`.", &sources), ["DIFFERENCES.md:1: there is no such test: `gone`"]);
        let page =
            "| rule | where |\n| --- | --- |\n| a | `gone` |\n\n| given | test |\n| --- | --- |\n| b | `gone` |\n";
        assert_eq!(check(PAGES[1], page, &sources), ["RELIABILITY.md:7: there is no such test: `gone`"]);
    }
}
