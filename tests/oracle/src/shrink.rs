//! Shrinks a case in which the two sides differ: leaves out inputs, steps and options, and makes values simpler, as long as
//! the difference is of the same kind.

use serde_json::{Map, Value as Json};

use crate::case::Case;
use crate::compare::Place;
use crate::step::{Step, Windows};

/// How often a smaller case is tried at most.
const TRIES_MAX: usize = 3_000;

/// A smaller case with the same kind of difference, which is at `place` in this one. `differs` says whether a case still
/// has it.
pub fn shrink(case: &Case, place: Place, mut differs: impl FnMut(&Case) -> bool) -> Case {
    let mut shrinking = Shrinking { best: case.to_json(), place, tries: 0, differs: &mut differs };
    shrinking.run();
    Case::from_json(&shrinking.best).unwrap_or_else(|_| case.clone())
}

struct Shrinking<'a> {
    best: Json,
    place: Place,
    tries: usize,
    differs: &'a mut dyn FnMut(&Case) -> bool,
}

impl Shrinking<'_> {
    fn run(&mut self) {
        if let Some(last) = self.place.input() {
            self.attempt(|case| inputs(case).truncate(last + 1));
        }
        loop {
            let before = self.best.clone();
            self.fewer_inputs();
            self.fewer_steps();
            self.fewer_options();
            self.simpler_values();
            if self.best == before || self.tries >= TRIES_MAX {
                return;
            }
        }
    }

    /// Keeps a changed case if it differs in the same way. Returns whether it does.
    fn attempt(&mut self, change: impl FnOnce(&mut Json)) -> bool {
        let mut changed = self.best.clone();
        change(&mut changed);
        if changed == self.best || self.tries >= TRIES_MAX {
            return false;
        }
        self.tries += 1;
        let Ok(case) = Case::from_json(&changed) else { return false };
        if !is_cheap(&case) {
            return false;
        }
        let is_like = (self.differs)(&case);
        if is_like {
            self.best = changed;
        }
        is_like
    }

    fn fewer_inputs(&mut self) {
        let mut chunk = inputs(&mut self.best).len().div_ceil(2);
        while chunk > 0 {
            let mut end = inputs(&mut self.best).len();
            while end > 0 {
                let start = end.saturating_sub(chunk);
                self.attempt(|case| drop(inputs(case).drain(start..end)));
                end = start;
            }
            chunk /= 2;
        }
    }

    fn fewer_steps(&mut self) {
        for step in (0..steps(&mut self.best).len()).rev() {
            if !self.attempt(|case| without(case, step)) {
                self.attempt(|case| bypass(case, step));
            }
        }
    }

    fn fewer_options(&mut self) {
        for step in 0..steps(&mut self.best).len() {
            for path in option_paths(&steps(&mut self.best)[step]) {
                self.attempt(|case| remove(&mut steps(case)[step], &path));
            }
        }
        self.attempt(|case| case["stores"] = "memory".into());
        self.attempt(|case| case["cache"] = 0.into());
        self.attempt(|case| case["optimize"] = Json::Array(Vec::new()));
        self.attempt(|case| case["application"] = "app".into());
        for input in 0..inputs(&mut self.best).len() {
            self.attempt(|case| {
                inputs(case)[input].as_object_mut().map(|input| input.remove("headers"));
            });
        }
    }

    fn simpler_values(&mut self) {
        for step in 0..steps(&mut self.best).len() {
            for path in number_paths(&steps(&mut self.best)[step]) {
                for smaller in [0, 1, 2, 10] {
                    if smaller == 0 && path.last().is_some_and(|name| name == "mod") {
                        continue;
                    }
                    if number(&steps(&mut self.best)[step], &path) <= smaller {
                        break;
                    }
                    if self.attempt(|case| set(&mut steps(case)[step], &path, smaller)) {
                        break;
                    }
                }
            }
        }
        for input in 0..inputs(&mut self.best).len() {
            for (field, simple) in [("value", "a"), ("key", "k0")] {
                self.attempt(|case| {
                    if let Some(Json::String(text)) = inputs(case)[input].get_mut(field) {
                        simple.clone_into(text);
                    }
                });
            }
            for smaller in [0, 1] {
                self.attempt(|case| {
                    if let Some(time) = inputs(case)[input].get_mut("ts")
                        && time.as_i64() > Some(smaller)
                    {
                        *time = smaller.into();
                    }
                });
            }
        }
        let least = inputs(&mut self.best).iter().filter_map(|input| input["ts"].as_i64()).min().unwrap_or(0);
        self.attempt(|case| {
            for time in inputs(case).iter_mut().filter_map(|input| input.get_mut("ts")) {
                *time = (time.as_i64().unwrap_or(0) - least).into();
            }
        });
    }
}

/// The largest number of windows that a record may be in.
const WINDOWS_MAX: u64 = 100;

/// Whether a case does not take very long.
fn is_cheap(case: &Case) -> bool {
    case.steps.iter().all(|step| match step {
        Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. } => {
            match options.windows {
                Some(Windows::Time { size, advance: Some(advance), .. }) => size / advance.max(1) <= WINDOWS_MAX,
                _ => true,
            }
        }
        Step::Cogroup { windows: Some(Windows::Time { size, advance: Some(advance), .. }), .. } => {
            size / advance.max(&1) <= WINDOWS_MAX
        }
        _ => true,
    })
}

fn array<'a>(case: &'a mut Json, name: &str) -> &'a mut Vec<Json> {
    let field = &mut case[name];
    if !field.is_array() {
        *field = Json::Array(Vec::new());
    }
    match field {
        Json::Array(items) => items,
        _ => unreachable!("it was made an array"),
    }
}

fn inputs(case: &mut Json) -> &mut Vec<Json> {
    array(case, "inputs")
}

fn steps(case: &mut Json) -> &mut Vec<Json> {
    array(case, "steps")
}

/// The fields of a step that hold the numbers of others.
fn references(step: &mut Json) -> Vec<&mut Json> {
    let mut found = Vec::new();
    for (name, value) in step.as_object_mut().into_iter().flatten() {
        match (name.as_str(), value) {
            ("in" | "other", value) => found.push(value),
            ("groups", Json::Array(groups)) => found.extend(groups.iter_mut().filter_map(|group| group.get_mut("in"))),
            _ => {}
        }
    }
    found
}

/// Removes a step and everything that depends on it.
fn without(case: &mut Json, step: usize) {
    let mut gone = vec![step];
    for (number, other) in steps(case).iter_mut().enumerate() {
        let needs =
            references(other).iter().any(|of| of.as_u64().is_some_and(|of| gone.iter().any(|gone| *gone as u64 == of)));
        if needs {
            gone.push(number);
        }
    }
    remove_steps(case, &gone);
}

/// Removes a step, whose input takes its place.
fn bypass(case: &mut Json, step: usize) {
    let Some(input) = steps(case).get(step).and_then(|step| step.get("in")).cloned() else { return };
    for other in steps(case).iter_mut() {
        for reference in references(other) {
            if reference.as_u64() == Some(step as u64) {
                *reference = input.clone();
            }
        }
    }
    remove_steps(case, &[step]);
}

fn remove_steps(case: &mut Json, gone: &[usize]) {
    let mut number = 0;
    steps(case).retain(|_| {
        number += 1;
        !gone.contains(&(number - 1))
    });
    for step in steps(case).iter_mut() {
        for reference in references(step) {
            let old = reference.as_u64().unwrap_or(0);
            let before = gone.iter().filter(|gone| (**gone as u64) < old).count() as u64;
            *reference = (old - before).into();
        }
    }
}

/// Fields without which a step makes no sense; others may be left out.
const NEEDED: &[&str] = &["op", "in", "other", "kind", "f"];

/// The paths to everything in a step that might be left out.
fn option_paths(step: &Json) -> Vec<Vec<String>> {
    paths(step, &|name, _| !NEEDED.contains(&name))
}

fn number_paths(step: &Json) -> Vec<Vec<String>> {
    paths(step, &|name, value| !NEEDED.contains(&name) && value.is_u64())
}

fn paths(json: &Json, wanted: &dyn Fn(&str, &Json) -> bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (name, value) in json.as_object().unwrap_or(&Map::new()) {
        if wanted(name, value) {
            found.push(vec![name.clone()]);
        }
        found.extend(paths(value, wanted).into_iter().map(|mut path| {
            path.insert(0, name.clone());
            path
        }));
    }
    found
}

fn at<'a>(json: &'a mut Json, path: &[String]) -> Option<&'a mut Json> {
    path.iter().try_fold(json, |json, name| json.get_mut(name))
}

fn remove(json: &mut Json, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    if let Some(parent) = at(json, parents).and_then(Json::as_object_mut) {
        parent.remove(last);
    }
}

fn number(json: &Json, path: &[String]) -> u64 {
    path.iter().try_fold(json, |json, name| json.get(name)).and_then(Json::as_u64).unwrap_or(0)
}

fn set(json: &mut Json, path: &[String], to: u64) {
    if let Some(value) = at(json, path) {
        *value = to.into();
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::case::Case;
    use crate::compare::Place;
    use crate::generate::{case, family};
    use crate::step::Step;

    /// A "difference" that needs a count of a group and two records with the same key.
    fn differs(case: &Case) -> bool {
        let line = case.to_line();
        let counts = case.steps.iter().any(|step| match step {
            Step::Count { input, .. } => {
                matches!(case.steps.get(*input), Some(Step::GroupBy { .. } | Step::GroupByKey { .. }))
            }
            _ => false,
        });
        counts && line.matches(r#""key":"k0""#).count() >= 2
    }

    #[test]
    fn what_is_left_is_what_the_difference_needs() {
        let found = (0..500).map(|number| case(5, number, family("mixed"))).find(differs);
        let small = shrink(&found.unwrap(), Place::Out(100), differs);
        assert_eq!(small.steps.len(), 3, "{}", small.to_line());
        let Some(Step::Count { options, .. }) = small.steps.last() else { panic!("{}", small.to_line()) };
        assert_eq!((&options.name, &options.stored, options.windows), (&None, &None, None));
        assert!(small.inputs.len() <= 2, "{}", small.to_line());
    }
}
