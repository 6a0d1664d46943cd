//! The output of a run, and whether two runs gave the same answers.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use millstream::log::RecordRef;

use crate::workloads::Outputs;

/// The content of an output topic, as far as it is compared.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    /// The sum of all records' digests, which identifies the records irrespective of their order.
    all: u64,
    last: HashMap<Box<[u8]>, u64>,
}

impl Answers {
    pub(crate) fn add(&mut self, record: &RecordRef<'_>) {
        self.add_pair(record.key.unwrap_or_default(), record.value);
    }

    fn add_pair(&mut self, key: &[u8], value: Option<&[u8]>) {
        let value = value.map_or(0, digest);
        self.count += 1;
        self.all = self.all.wrapping_add(digest(&[key, &value.to_be_bytes()].concat()));
        match self.last.get_mut(key) {
            Some(last) => *last = value,
            None => {
                self.last.insert(key.into(), value);
            }
        }
    }

    /// The difference, in one line for people.
    pub(crate) fn difference(&self, other: &Self, outputs: Outputs) -> Option<String> {
        if outputs == Outputs::Final && self.count != other.count {
            return Some(format!("{} outputs and {}", self.count, other.count));
        }
        let changed = self.last.iter().filter(|(key, value)| other.last.get(*key) != Some(value));
        let more = other.last.keys().filter(|key| !self.last.contains_key(*key));
        let mut keys: Vec<_> = changed.map(|(key, _)| key).chain(more).collect();
        keys.sort_unstable();
        if let Some(first) = keys.first() {
            let [mine, others] = [self, other].map(|answers| match answers.last.get(*first) {
                Some(value) => format!("{value}"),
                None => "nothing".to_owned(),
            });
            let (count, key) = (keys.len(), first.escape_ascii());
            return Some(format!("{count} keys differ in their last value, first {key}: {mine} and {others}"));
        }
        let is_another = outputs == Outputs::Final && self.all != other.all;
        is_another.then(|| "as many outputs with equal last values, but not the same ones".to_owned())
    }
}

/// The digest of a number is the number itself; that of anything else is its hash.
fn digest(bytes: &[u8]) -> u64 {
    if let Ok(number) = bytes.try_into() {
        return u64::from_be_bytes(number);
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Answers;
    use crate::workloads::Outputs::{Final, Updates};

    fn answers(records: &[(&str, u64)]) -> Answers {
        let mut answers = Answers::default();
        for (key, value) in records {
            answers.add_pair(key.as_bytes(), Some(&value.to_be_bytes()));
        }
        answers
    }

    #[test]
    fn updates_are_compared_by_the_last_of_each_key() {
        let few = answers(&[("a", 2), ("b", 1)]);
        let many = answers(&[("a", 1), ("b", 1), ("a", 2)]);
        assert_eq!(few.difference(&many, Updates), None);
        assert_eq!(few.difference(&many, Final).as_deref(), Some("2 outputs and 3"));
    }

    #[test]
    fn another_last_value_and_a_key_too_many_are_told() {
        let one = answers(&[("a", 2), ("b", 1)]);
        let told = |records: &[(&str, u64)]| one.difference(&answers(records), Updates);
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(told(&[("a", 2), ("b", 7)]), said("1 keys differ in their last value, first b: 1 and 7"));
        assert_eq!(told(&[("a", 2)]), said("1 keys differ in their last value, first b: 1 and nothing"));
        assert_eq!(told(&[("a", 3), ("b", 1), ("c", 1)]), said("2 keys differ in their last value, first a: 2 and 3"));
    }

    #[test]
    fn final_outputs_are_compared_one_and_all() {
        let one = answers(&[("a", 1), ("a", 3)]);
        assert_eq!(one.difference(&answers(&[("a", 1), ("a", 3)]), Final), None);
        let told = one.difference(&answers(&[("a", 2), ("a", 3)]), Final);
        assert_eq!(told.as_deref(), Some("as many outputs with equal last values, but not the same ones"));
    }
}
