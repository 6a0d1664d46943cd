//! A source file, with everything removed that is not code.

/// A Rust file.
pub(super) struct Source {
    /// Relative to the workspace's folder, with slashes.
    pub(super) path: String,
    /// The whole file.
    pub(super) text: String,
    /// The file with comments and the contents of literals blanked; line breaks stay.
    pub(super) code: String,
    /// The code without items that only tests see.
    pub(super) product: String,
}

impl Source {
    pub(super) fn new(path: &str, text: String) -> Self {
        let code = code_of(&text);
        let product = without_tests(&code);
        Self { path: path.to_owned(), text, code, product }
    }

    /// Whether the whole file belongs to another file's `#[cfg(test)] mod name;`.
    pub(super) fn is_test_module_of(&self, all: &[Self]) -> bool {
        let path = self.path.strip_suffix("/mod.rs").or_else(|| self.path.strip_suffix(".rs"));
        let Some((folder, name)) = path.and_then(|path| path.rsplit_once('/')) else { return false };
        let parents = [format!("{folder}/mod.rs"), format!("{folder}/lib.rs"), format!("{folder}.rs")];
        let parent = all.iter().find(|source| parents.contains(&source.path) && source.path != self.path);
        parent.is_some_and(|parent| {
            let declares = |code: &str| {
                words(code).collect::<Vec<_>>().windows(2).any(|pair| pair[0].1 == "mod" && pair[1].1 == name)
            };
            declares(&parent.code) && !declares(&parent.product) || parent.is_test_module_of(all)
        })
    }
}

/// The number of the line, from 1, that a byte of the text is in.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The identifiers and keywords of some code, with their places.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = code.get(at..)?;
        let start = at + rest.find(is_word)?;
        let end = code[start..].find(|c| !is_word(c)).map_or(code.len(), |length| start + length);
        at = end;
        Some((start, &code[start..end]))
    })
}

/// Blanks comments and the contents of string and character literals.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !follows_word(bytes, at) => raw_string_end(bytes, at).unwrap_or(at + 1),
            b'b' if !follows_word(bytes, at) && bytes[at..].starts_with(b"br") => {
                raw_string_end(bytes, at + 1).unwrap_or(at + 1)
            }
            b'\'' => character_end(bytes, at),
            _ => at + 1,
        };
        // Anything longer than one byte must be blanked.
        if end > at + 1 {
            code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    // `r` may follow `b`; after any other character of a word, it belongs to a name.
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => next += 2,
            b'"' => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// The end of `r"..."` or `r#"..."#`; `None` for names that start with r and for raw names.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

/// The end of `'x'`, `'\''` or `'\u{7f}'`; a lifetime is not a literal.
fn character_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'\\') => {
            let rest = bytes.get(at + 3..).unwrap_or_default();
            rest.iter().position(|byte| *byte == b'\'').map_or(at + 1, |length| at + 3 + length + 1)
        }
        Some(_) => {
            // One character, of up to four bytes.
            let close = (at + 2..=at + 5).find(|close| bytes.get(*close) == Some(&b'\''));
            let is_one =
                |close: usize| std::str::from_utf8(&bytes[at + 1..close]).is_ok_and(|s| s.chars().count() == 1);
            close.filter(|close| is_one(*close)).map_or(at + 1, |close| close + 1)
        }
        None => at + 1,
    }
}

/// Blanks every item under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn without_tests(code: &str) -> String {
    let mut product = code.as_bytes().to_vec();
    let mut at = 0;
    while let Some(start) = ["#[cfg(test", "#[cfg(all(test"].iter().filter_map(|cfg| code[at..].find(cfg)).min() {
        let start = at + start;
        let end = item_end(code.as_bytes(), start);
        product[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8_lossy(&product).into_owned()
}

/// An item ends with the `;`, `,` or `}` that closes it; attributes in front belong to it.
fn item_end(code: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            // The item is a variant or field, and the enclosing item ends here.
            b')' | b']' | b'}' if depth == 0 => return at,
            b'}' if depth == 1 => return at + 1,
            b')' | b']' | b'}' => depth -= 1,
            b';' | b',' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::{Source, line_of, words};

    fn source(path: &str, text: &str) -> Source {
        Source::new(path, text.to_owned())
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let table = [
            ("a // b\nc", "a \nc"),
            ("a /* b /* c */ d */ e", "a  e"),
            ("a(\"b \\\" c\") d", "a() d"),
            ("r#\"b \" c\"# d", " d"),
            ("br\"b\" d", " d"),
            ("f('\\'', 'x', 'ä', '\"') d", "f(, , , ) d"),
            ("fn f<'a>(x: &'a str) { \"b\" }", "fn f<'a>(x: &'a str) {  }"),
            ("r#type + for_r\"x\"", "r#type + for_r"),
        ];
        let squeeze = |text: &str| text.replace(' ', "");
        for (text, expected) in table {
            let code = source("x.rs", text).code;
            assert_eq!(squeeze(&code), squeeze(expected), "{text}");
            assert_eq!(code.len(), text.len(), "places stay what they are: {text}");
        }
    }

    #[test]
    fn tests_are_no_product() {
        let text = "use a;\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn f() { b; }\n}\n#[cfg(test)]\nuse c;\nfn d() {}\n\
                    #[cfg(all(test, unix))]\nfn e() -> [u8; 2] { [1, 2] }\n#[cfg(not(test))]\nfn g() {}\n";
        let product = source("x.rs", text).product;
        let left: Vec<_> = words(&product).map(|(_, word)| word).collect();
        assert_eq!(left, ["use", "a", "fn", "d", "cfg", "not", "test", "fn", "g"]);
        assert_eq!(line_of(&product, product.find("fn d").expect("it is there")), 9);
    }

    #[test]
    fn a_file_declared_for_tests_is_no_product() {
        let all = [
            source("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod c;"),
            source("a/src/b.rs", ""),
            source("a/src/c/mod.rs", "mod d;"),
            source("a/src/c/d.rs", ""),
        ];
        let tests: Vec<&str> =
            all.iter().filter(|source| source.is_test_module_of(&all)).map(|source| source.path.as_str()).collect();
        assert_eq!(tests, ["a/src/c/mod.rs", "a/src/c/d.rs"]);
    }
}
