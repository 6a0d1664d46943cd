//! Texts as parts of clients' names, which have only characters that brokers accept everywhere.

/// Writes a text so that it has only letters, digits, `.`, `-`, `_` and `~`. The character that the text has most often, and
/// that would not be written as it is, becomes `_`.
pub(super) fn encoded(text: impl IntoIterator<Item = char>, underscore: char) -> String {
    let mut name = String::new();
    for character in text {
        match character {
            _ if character == underscore => name.push('_'),
            '.' | '-' => name.push(character),
            _ if character.is_ascii_alphanumeric() => name.push(character),
            _ => character.to_string().bytes().for_each(|byte| name.push_str(&format!("~{byte:02x}"))),
        }
    }
    name
}

/// The text that was written like this. What nobody writes is read as it is.
pub(super) fn decoded(name: &str, underscore: char) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(character) = rest.chars().next() {
        let escaped = rest.get(1..3).filter(|_| character == '~').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => bytes.push(byte),
            None => {
                let character = if character == '_' { underscore } else { character };
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = rest.get(if escaped.is_some() { 3 } else { character.len_utf8() }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_the_text_back_and_has_only_characters_that_brokers_accept() {
        for (text, underscore, name) in [
            ("no space", ' ', "no_space"),
            ("a.b_c", ' ', "a.b~5fc"),
            ("web-1.shop:7070", '.', "web-1_shop~3a7070"),
            ("[::1]:80", '.', "~5b~3a~3a1~5d~3a80"),
            ("größer~", ' ', "gr~c3~b6~c3~9fer~7e"),
            ("", '.', ""),
        ] {
            assert_eq!(encoded(text.chars(), underscore), name);
            assert_eq!(decoded(name, underscore), text);
        }
        for (damaged, read) in [("~", "~"), ("a~zz", "a~zz"), ("~c3~", "\u{fffd}~"), ("ä~2", "ä~2")] {
            assert_eq!(decoded(damaged, ' '), read);
        }
    }
}
