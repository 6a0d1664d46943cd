//! Rules of the comparison: where the two sides may differ, and why. `FORMAT.md` lists them, too.
//!
//! A rule changes the answers so that the rest of them can be compared. How often each was needed is part of the coverage
//! table, so that a rule that nothing needs any more is noticed.

use crate::answer::Answer;
use crate::case::Case;
use crate::held::without_old_values;
use crate::step::{Aggregation, Step, Windows};

/// One rule.
pub struct Rule {
    /// A short name for the table.
    pub name: &'static str,
    /// Takes what differs legitimately out of Java's answer and ours. Returns whether there was anything.
    pub apply: fn(&Case, &mut Answer, &mut Answer) -> bool,
}

/// All rules, in the order in which they are applied.
pub const RULES: &[Rule] = &[
    Rule { name: "Java refuses a join with a table that it writes later", apply: written_later },
    Rule { name: "Java refuses to merge two repartition topics behind one operator", apply: merged_twice },
    Rule { name: "the text of an error", apply: error_text },
    Rule { name: "null keys before a repartition topic are counted", apply: filtered },
    Rule { name: "the name of an extractor's class", apply: extractor_class },
    Rule { name: "when windows expire behind a cache", apply: expiry_behind_cache },
    Rule { name: "what a suppression's first change replaces", apply: first_replaced },
];

/// Java connects a join to its table's store before it adds that store, if the table's group is aggregated again after the
/// join, and then refuses the topology (DIFFERENCES.md).
fn written_later(_: &Case, java: &mut Answer, ours: &mut Answer) -> bool {
    is_refused_in_java_alone(java, ours, |text| text.ends_with(" is not added yet."))
}

/// Java moves what is between an operator that makes keys and a repartition topic behind the merged topic. If there is another
/// repartition topic behind the same operator, a split or a filter say, Java no longer finds the way to it (DIFFERENCES.md).
fn merged_twice(case: &Case, java: &mut Answer, ours: &mut Answer) -> bool {
    let is_optimized = !case.optimize.is_empty();
    is_optimized && is_refused_in_java_alone(java, ours, |text| text.contains("Found a null keyChangingChild node"))
}

/// Whether Java refuses the topology with such words and we don't. Nothing is left to compare then.
fn is_refused_in_java_alone(java: &Answer, ours: &mut Answer, is_such: fn(&str) -> bool) -> bool {
    let refusal =
        |answer: &Answer| answer.error.as_ref().filter(|failure| failure.at < 0).map(|failure| is_such(&failure.text));
    if refusal(java) != Some(true) || refusal(ours).is_some() {
        return false;
    }
    ours.clone_from(java);
    true
}

/// Both sides may say in their own words why they failed.
fn error_text(_: &Case, java: &mut Answer, ours: &mut Answer) -> bool {
    let (Some(java), Some(ours)) = (&mut java.error, &mut ours.error) else { return false };
    ours.text.clone_from(&java.text);
    true
}

/// Java's filter before a repartition topic drops records with a null key without counting them (DIFFERENCES.md).
fn filtered(_: &Case, _: &mut Answer, ours: &mut Answer) -> bool {
    let mut has_any = false;
    for step in &mut ours.steps {
        let filtered = std::mem::take(&mut step.filtered);
        step.dropped -= filtered;
        has_any |= filtered > 0;
    }
    has_any
}

/// A null for a window without a row stays in Java's cache, and does not advance the time of the store below, by which its
/// rows expire. So the moment at which expired rows go is not compared if there are caches; what is written is.
fn expiry_behind_cache(case: &Case, java: &mut Answer, ours: &mut Answer) -> bool {
    let gone = |answer: &Answer| -> Vec<Vec<String>> {
        let is_gone = |line: &&String| line.starts_with("- ") && line.contains('@');
        answer.steps.iter().map(|step| step.stores.iter().filter(is_gone).cloned().collect()).collect()
    };
    if case.cache == 0 || gone(java) == gone(ours) {
        return false;
    }
    for step in java.steps.iter_mut().chain(&mut ours.steps) {
        step.stores.retain(|line| !(line.starts_with("- ") && line.contains('@')));
    }
    true
}

/// What the first value of an aggregate replaces is in the changelog of a suppression behind it. That is the initializer's
/// value in Java, or what a sliding window begins with, and nothing here (DIFFERENCES.md).
fn first_replaced(case: &Case, java: &mut Answer, ours: &mut Answer) -> bool {
    let begins_with_others =
        |windows: &Option<Windows>| matches!(windows, Some(Windows::Session { .. } | Windows::Sliding { .. }));
    let begins_otherwise = case.steps.iter().any(|step| match step {
        Step::Count { .. } | Step::Aggregate { remove: None, .. } | Step::Cogroup { .. } => true,
        Step::Reduce { options: Aggregation { windows, .. }, .. } => begins_with_others(windows),
        _ => false,
    });
    let mut has_any = false;
    let lines =
        java.steps.iter_mut().zip(&mut ours.steps).flat_map(|(java, ours)| java.out.iter_mut().zip(&mut ours.out));
    for (java, ours) in lines.filter(|(java, ours)| begins_otherwise && java != ours) {
        if let (Some(cut), Some(other)) = (without_old_values(java), without_old_values(ours))
            && cut == other
        {
            (*java, *ours) = (cut, other);
            has_any = true;
        }
    }
    has_any
}

/// A closure has no other name than that of its type (DIFFERENCES.md).
fn extractor_class(_: &Case, _: &mut Answer, ours: &mut Answer) -> bool {
    const BEFORE: &str = "(extractor class: ";
    let Some(describe) = ours.describe.as_ref().filter(|describe| describe.contains(BEFORE)) else { return false };
    let lines = describe.lines().map(|line| match line.split_once(BEFORE) {
        Some((sink, _)) => format!("{sink}{BEFORE}chosen)\n"),
        None => format!("{line}\n"),
    });
    ours.describe = Some(lines.collect());
    true
}
