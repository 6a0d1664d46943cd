//! What the services say. `{}` is something that is different each time.

use std::collections::BTreeSet;

use fastrand::Rng;

/// The services.
pub const SERVICES: [&str; 6] = ["auth", "cart", "checkout", "images", "mail", "search"];

/// What is no error.
pub const FINE: &[&str] =
    &["request {n} done", "cache hit for key {h}", "user \"{w}\" has logged in", "batch of {n} written"];

/// Errors, and what those of a kind have in common. They begin one after the other.
pub const ERRORS: &[(&str, &str)] = &[
    ("payment {n} declined for \"{w}\"", "payment <n> declined for <text>"),
    ("timeout after {n}ms calling 10.0.{b}.{b}:{n}", "timeout after <n>ms calling <n>"),
    ("lost block 0x{h} of volume vol-{n}", "lost block <hex> of volume vol-<n>"),
    ("no session {u}", "no session <uuid>"),
    ("disk sd{b} is full", "disk sd<n> is full"),
    ("can't parse '{w}' at offset {n}", "can't parse <text> at offset <n>"),
    ("commit {h} refused: conflict with {h}", "commit <hex> refused: conflict with <hex>"),
];

const WORDS: [&str; 6] = ["Ada L", "grace", "x = 7", "", "tent, green", "ünlü"];

/// A message of that kind.
pub fn filled(template: &str, random: &mut Rng) -> String {
    let mut parts = template.split('{');
    let mut message = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (what, rest) = part.split_once('}').unwrap_or(("", part));
        message += &match what {
            "n" => random.u32(1..100_000).to_string(),
            "b" => random.u8(1..255).to_string(),
            // At least one digit and one letter, or it would be a number or a word.
            "h" => format!("{:07x}a1", random.u32(..) >> 4),
            "u" => uuid(random),
            _ => random.choice(WORDS).unwrap_or_default().to_owned(),
        };
        message += rest;
    }
    message
}

fn uuid(random: &mut Rng) -> String {
    let number = random.u128(..);
    let digits = format!("{number:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// All that errors can have in common.
pub fn signatures() -> BTreeSet<String> {
    ERRORS.iter().map(|(_, signature)| (*signature).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::signature;

    #[test]
    fn errors_of_a_kind_have_the_same_signature() {
        let mut random = Rng::with_seed(7);
        for (template, expected) in ERRORS {
            for _ in 0..200 {
                let message = filled(template, &mut random);
                assert_eq!(signature(&message), *expected, "{message}");
            }
        }
    }
}
