//! What messages of the same kind have in common: the message without what differs from one to the next.
//!
//! ```text
//! payment 4711 of "Ada L" declined after 12.5ms        payment <n> of <text> declined after <n>ms
//! lost block 0xdeadbeef of 10.0.0.7:9092               lost block <hex> of <n>
//! ```

/// A longer signature is cut.
const LENGTH_MAX: usize = 200;

/// The hexadecimal digits in each part of a UUID.
const UUID_PARTS: [usize; 5] = [8, 4, 4, 4, 12];

/// Shorter words of hexadecimal digits are words.
const HEX_MIN: usize = 6;

/// The signature of a message.
pub fn signature(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        let (taken, shown) = next(rest, letter, before);
        let (piece, left) = rest.split_at(taken);
        out.push_str(shown.as_deref().unwrap_or(piece));
        before = piece.chars().next_back().unwrap_or(' ');
        rest = left;
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LENGTH_MAX).collect()
}

/// How many bytes come next, and what stands for them; `None` if they stand for themselves.
fn next(rest: &str, letter: char, before: char) -> (usize, Option<String>) {
    if matches!(letter, '"' | '\'' | '`') && !before.is_alphanumeric() {
        let inside = rest.get(letter.len_utf8()..).unwrap_or_default();
        // Without a second one it is no quotation.
        return match inside.find(letter) {
            Some(end) => (end + 2 * letter.len_utf8(), Some("<text>".to_owned())),
            None => (letter.len_utf8(), None),
        };
    }
    if !letter.is_ascii_alphanumeric() {
        return (letter.len_utf8(), None);
    }
    if let Some(length) = uuid(rest) {
        return (length, Some("<uuid>".to_owned()));
    }
    let word = rest.get(..run(rest, |letter| letter.is_ascii_alphanumeric())).unwrap_or_default();
    if is_hex(word) {
        return (word.len(), Some("<hex>".to_owned()));
    }
    if letter.is_ascii_digit() {
        return (number(rest), Some("<n>".to_owned()));
    }
    (run(word, |letter| !letter.is_ascii_digit()), None)
}

/// The length of what begins the text and is made of such letters.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is(letter)).unwrap_or(text.len())
}

/// The length of a UUID at the beginning.
fn uuid(text: &str) -> Option<usize> {
    let mut length = 0;
    for (place, digits) in UUID_PARTS.into_iter().enumerate() {
        let part = text.get(length..)?;
        let part = if place == 0 { part } else { part.strip_prefix('-')? };
        if run(part, |letter| letter.is_ascii_hexdigit()) < digits {
            return None;
        }
        length += digits + usize::from(place > 0);
    }
    let ends = text.get(length..)?.chars().next().is_none_or(|letter| !letter.is_ascii_alphanumeric());
    ends.then_some(length)
}

/// `0x1f`, and longer words of hexadecimal digits that are neither words nor numbers.
fn is_hex(word: &str) -> bool {
    let are_digits = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_hexdigit());
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return are_digits(digits);
    }
    let has = |is: fn(&char) -> bool| word.chars().any(|letter| is(&letter));
    word.len() >= HEX_MIN && are_digits(word) && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

/// The length of a number at the beginning, with what may be inside of one: `12.5`, `12:30`, `10.0.0.7`.
fn number(text: &str) -> usize {
    let mut length = run(text, |letter| letter.is_ascii_digit());
    while let Some(rest) = text.get(length..).and_then(|rest| rest.strip_prefix(['.', ',', ':']))
        && rest.starts_with(|letter: char| letter.is_ascii_digit())
    {
        length += 1 + run(rest, |letter| letter.is_ascii_digit());
    }
    length
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn what_differs_from_message_to_message_is_left_out() {
        for (message, expected) in [
            ("nothing to leave out", "nothing to leave out"),
            ("payment 4711 declined", "payment <n> declined"),
            ("took 12.5ms, not 1,000 or 10:30:00", "took <n>ms, not <n> or <n>"),
            ("lost 10.0.0.7:9092.", "lost <n>."),
            ("worker12 of pool-3 is slow", "worker<n> of pool-<n> is slow"),
            (r#"no user "Ada L" in 'eu 1' or `x`"#, "no user <text> in <text> or <text>"),
            ("can't open Ada's file", "can't open Ada's file"),
            ("an \"open end", "an \"open end"),
            ("block 0xDEADbeef, commit 3f2a9c1", "block <hex>, commit <hex>"),
            ("facade defaced decade", "facade defaced decade"),
            ("request 0b8e6f1a-2f3c-4d5e-8f90-a1b2c3d4e5f6 failed", "request <uuid> failed"),
            ("not one: 0b8e6f1a-2f3c-4d5e-8f90-a1b2c3d4e5f6a", "not one: <hex>-<n>f<n>c-<n>d<n>e-<n>f<n>-<hex>"),
            ("  many\t spaces ", "many spaces"),
            ("größe 7 überschritten … 8", "größe <n> überschritten … <n>"),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(signature(message), expected, "{message}");
        }
    }

    #[test]
    fn it_is_short_whatever_the_message_is() {
        let long = "word ".repeat(1_000);
        assert!(signature(&long).chars().count() <= 200);
        assert_eq!(signature(&"é".repeat(300)).chars().count(), 200);
    }
}
