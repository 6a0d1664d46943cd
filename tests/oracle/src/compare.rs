//! Compares the answers of both sides and shows the first difference.

use std::fmt;

use crate::answer::{Answer, Changes};
use crate::case::Case;
use crate::rules::RULES;

/// The first difference between two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it is.
    pub place: Place,
    /// The input, if it is the answer to one.
    input: String,
    java: Vec<String>,
    ours: Vec<String>,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The topology's description.
    Describe,
    /// Whether, or with which input, the application failed.
    Failure,
    /// The records that an input produced.
    Out(usize),
    /// What operators without output were given.
    Seen(usize),
    /// The rows that an input changed.
    Stores(usize),
    /// How many records were dropped.
    Dropped(usize),
}

impl Place {
    /// The number of the input.
    #[must_use]
    pub const fn input(self) -> Option<usize> {
        match self {
            Self::Describe | Self::Failure => None,
            Self::Out(input) | Self::Seen(input) | Self::Stores(input) | Self::Dropped(input) => Some(input),
        }
    }

    /// Whether the same kind of thing differs, wherever it is.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The comparison of two answers.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The first difference, if there is one.
    pub difference: Option<Difference>,
    /// The indexes of the [`RULES`] that were needed.
    pub rules: Vec<usize>,
}

/// Compares Java's answer with ours.
#[must_use]
pub fn compare(case: &Case, java: &Answer, ours: &Answer) -> Comparison {
    let (mut java, mut ours) = (java.clone(), ours.clone());
    let applied =
        RULES.iter().enumerate().filter_map(|(index, rule)| (rule.apply)(case, &mut java, &mut ours).then_some(index));
    let rules = applied.collect();
    Comparison { difference: first_difference(case, &java, &ours), rules }
}

fn first_difference(case: &Case, java: &Answer, ours: &Answer) -> Option<Difference> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    if let (Some(java), Some(ours)) = (&java.describe, &ours.describe)
        && java != ours
    {
        let (java, ours) = (lines(java), lines(ours));
        return Some(Difference { place: Place::Describe, input: String::new(), java, ours });
    }
    for number in 0..java.steps.len().min(ours.steps.len()) {
        let (java, ours) = (&java.steps[number], &ours.steps[number]);
        if let Some((place, java, ours)) = in_step(number, java, ours) {
            let input = case.inputs.get(number).and_then(|input| serde_json::to_string(input).ok());
            return Some(Difference { place, input: input.unwrap_or_default(), java, ours });
        }
    }
    if java.closed != ours.closed {
        return Some(Difference {
            place: Place::Seen(java.steps.len()),
            input: String::new(),
            java: java.closed.clone(),
            ours: ours.closed.clone(),
        });
    }
    (java.error != ours.error || java.steps.len() != ours.steps.len()).then(|| {
        let shown = |answer: &Answer| match &answer.error {
            None => vec![format!("no failure in {} inputs", answer.steps.len())],
            Some(failure) => {
                let mut shown = vec![format!("failed with input {}:", failure.at)];
                shown.extend(lines(&failure.text));
                shown
            }
        };
        Difference { place: Place::Failure, input: String::new(), java: shown(java), ours: shown(ours) }
    })
}

fn in_step(number: usize, java: &Changes, ours: &Changes) -> Option<(Place, Vec<String>, Vec<String>)> {
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        lines
    };
    if java.out != ours.out {
        return Some((Place::Out(number), java.out.clone(), ours.out.clone()));
    }
    if java.seen != ours.seen {
        return Some((Place::Seen(number), java.seen.clone(), ours.seen.clone()));
    }
    let (java_rows, our_rows) = (sorted(&java.stores), sorted(&ours.stores));
    if java_rows != our_rows {
        return Some((Place::Stores(number), java_rows, our_rows));
    }
    (java.dropped != ours.dropped).then(|| {
        let shown = |changes: &Changes| vec![changes.dropped.to_string()];
        (Place::Dropped(number), shown(java), shown(ours))
    })
}

/// How many lines are shown before and after the first one that differs.
const AROUND: usize = 4;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.place {
            Place::Describe => "the descriptions differ".to_owned(),
            Place::Failure => "one side fails where the other does not".to_owned(),
            Place::Out(input) => format!("input {input} produces other records"),
            Place::Seen(input) => format!("input {input} shows other records to operators without output"),
            Place::Stores(input) => format!("input {input} leaves other rows"),
            Place::Dropped(input) => format!("input {input} drops another number of records"),
        };
        writeln!(f, "{what}")?;
        if !self.input.is_empty() {
            writeln!(f, "  {}", self.input)?;
        }
        let same = self.java.iter().zip(&self.ours).take_while(|(java, ours)| java == ours).count();
        for (side, lines) in [("Kafka Streams", &self.java), ("ours", &self.ours)] {
            writeln!(f, "  {side}, {} lines:", lines.len())?;
            let from = same.saturating_sub(AROUND);
            for (number, line) in lines.iter().enumerate().skip(from).take(2 * AROUND + 1) {
                let mark = if number == same { '>' } else { ' ' };
                writeln!(f, "  {mark} {line}")?;
            }
            if lines.len() <= same {
                writeln!(f, "  > (nothing more)")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, compare};
    use crate::answer::{Answer, Changes, Failure};
    use crate::case::Case;

    fn case() -> Case {
        Case::read(r#"{"id":"x","steps":[],"inputs":[{"advance":1},{"advance":2}]}"#).unwrap()
    }

    fn answer(outs: &[&[&str]]) -> Answer {
        let changes =
            |out: &&[&str]| Changes { out: out.iter().map(|line| (*line).to_owned()).collect(), ..Changes::default() };
        Answer { describe: Some("d".to_owned()), steps: outs.iter().map(changes).collect(), ..Answer::default() }
    }

    fn place(java: &Answer, ours: &Answer) -> Option<Place> {
        compare(&case(), java, ours).difference.map(|difference| difference.place)
    }

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        let java = answer(&[&["a", "b"], &["c"]]);
        assert_eq!(place(&java, &java), None);
        assert_eq!(place(&java, &answer(&[&["b", "a"], &["c"]])), Some(Place::Out(0)));
        assert_eq!(place(&java, &answer(&[&["a", "b"], &[]])), Some(Place::Out(1)));
        let mut ours = java.clone();
        ours.steps[1].stores.push("- s k".to_owned());
        assert_eq!(place(&java, &ours), Some(Place::Stores(1)));
        let mut ours = java.clone();
        ours.steps[0].dropped = 1;
        assert_eq!(place(&java, &ours), Some(Place::Dropped(0)));
        let ours = Answer { describe: Some("e".to_owned()), ..java.clone() };
        assert_eq!(place(&java, &ours), Some(Place::Describe));
    }

    #[test]
    fn failures_must_come_with_the_same_input_but_may_have_other_words() {
        let failed =
            |at: i64, text: &str| Answer { error: Some(Failure { at, text: text.to_owned() }), ..answer(&[&["a"]]) };
        assert_eq!(place(&failed(1, "x"), &failed(1, "y")), None);
        assert_eq!(place(&failed(1, "x"), &failed(0, "x")), Some(Place::Failure));
        assert_eq!(place(&failed(1, "x"), &answer(&[&["a"], &[]])), Some(Place::Failure));
    }

    #[test]
    fn a_difference_is_shown_with_its_input_and_what_is_around_it() {
        let shown = compare(&case(), &answer(&[&[], &["a", "b", "c"]]), &answer(&[&[], &["a", "c"]]));
        assert_eq!(
            shown.difference.unwrap().to_string(),
            "input 1 produces other records\n  {\"advance\":2}\n  Kafka Streams, 3 lines:\n    a\n  > b\n    c\n  ours, 2 \
             lines:\n    a\n  > c\n"
        );
    }
}
