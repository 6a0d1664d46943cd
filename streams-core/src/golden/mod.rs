//! Compares the bytes of every layout with Java's.
//!
//! `tests/bytes/golden.txt` holds what Kafka Streams' own classes made of random and of awkward input; the program in
//! `tests/java/bytes` writes it, `cargo xtask oracle-bytes` runs that. Each line is a layout's name, what goes in, and
//! what comes out. Here each layout has a function that makes the same with this library, and reads it back where the
//! library can.

mod state;
mod wire;

/// What goes in, field by field, and what comes out.
struct Vector {
    input: Vec<&'static str>,
    output: &'static str,
}

/// Checks one line.
type Check = fn(&Vector);

/// How each layout is checked.
const CHECKS: &[(&str, Check)] = &[
    ("buffered-record", state::buffered_record),
    ("change", wire::change),
    ("double", wire::double),
    ("list-long", wire::list_of_numbers),
    ("list-text", wire::list_of_texts),
    ("long", wire::long),
    ("murmur2", wire::murmur2),
    ("partition", wire::partition),
    ("session-store-key", state::session_store_key),
    ("suppressed", state::suppressed),
    ("text", wire::text),
    ("time-first-key", state::time_first_key),
    ("uuid", wire::uuid),
    ("window-store-key", state::window_store_key),
    ("windowed-key", wire::windowed_key),
    ("windowed-partition", wire::windowed_partition),
];

/// Layouts that no operator reads or writes yet.
const NOT_THERE: &[&str] = &[
    "combined-key",
    "combined-prefix",
    "join-side-key",
    "join-side-value",
    "murmur3",
    "response",
    "session-key",
    "session-partition",
    "subscription",
];

/// How many vectors each layout has.
const PER_LAYOUT: usize = 60;

#[test]
fn every_layout_has_javas_bytes() {
    let lines = include_str!("../../tests/bytes/golden.txt").lines();
    let (mut checked, mut left) = (0, Vec::new());
    for line in lines {
        let mut fields = line.split(' ');
        let layout = fields.next().unwrap();
        let input = fields.by_ref().take_while(|field| *field != "=").collect();
        let vector = Vector { input, output: fields.next().unwrap() };
        match CHECKS.iter().find(|(name, _)| *name == layout) {
            Some((_, check)) => {
                check(&vector);
                checked += 1;
            }
            None => left.push(layout),
        }
    }
    left.dedup();
    assert_eq!(left, NOT_THERE);
    assert_eq!(checked, CHECKS.len() * PER_LAYOUT);
}

impl Vector {
    fn number<N: std::str::FromStr<Err: std::fmt::Debug>>(&self, index: usize) -> N {
        self.input[index].parse().unwrap()
    }

    /// A field of bytes; `None` is null.
    fn nullable(&self, index: usize) -> Option<Vec<u8>> {
        unhex(self.input[index])
    }

    fn bytes(&self, index: usize) -> Vec<u8> {
        self.nullable(index).unwrap()
    }

    fn text(&self, index: usize) -> String {
        String::from_utf8(self.bytes(index)).unwrap()
    }

    /// The bytes that come out.
    fn made(&self) -> Vec<u8> {
        unhex(self.output).unwrap()
    }

    /// Checks what this library makes of the input.
    fn expect(&self, made: &[u8]) {
        assert_eq!(hex(made), self.output, "{}", self.input.join(" "));
    }
}

fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "''".to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = |text: &str| u8::from_str_radix(text, 16).unwrap();
    match text {
        "~" => None,
        "''" => Some(Vec::new()),
        _ => Some((0..text.len() / 2).map(|at| bytes(&text[2 * at..2 * at + 2])).collect()),
    }
}
