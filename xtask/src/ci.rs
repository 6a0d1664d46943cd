//! `cargo xtask ci`: all checks that must pass before a change lands, in one command that is the same everywhere.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::process::{Failure, run as run_program};
use crate::rocksdb::minutes;
use crate::test::{Build, FEATURES, Tally, all_tests};
use crate::{bench, chaos, deny, external, http_fuzz, packages, schemathesis, setup, tidy};

/// The programs that a newcomer runs first, and how many crates each may need. The first one has a page.
const QUICK_START: [(&str, usize); 2] = [("pulse", 190), ("word-count", 120)];

/// The programs that run on Kafka, too, if they are built for it.
const EXAMPLES: [&str; 8] = ["cdc", "fraud", "iot", "logs", "notify", "pubsub", "pulse", "word-count"];

/// Runs `cargo xtask ci`. Every step runs, even if an earlier one has failed.
pub(crate) fn run() -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let can_build_all_features = setup::ensure(setup::FOR_FEATURES);
    // Installing it is mostly waiting.
    let fuzzer = std::thread::spawn(schemathesis::find);
    let mut build = Build::begin()?;
    let mut steps = Steps::default();

    steps.run("format", || run_program(&mut build.cargo(&["fmt", "--all", "--check"])));
    steps.run("tidy", tidy::run);
    steps.run("no C in the quick start", no_c_in_the_quick_start);
    steps.run("crates of the quick start", few_crates_in_the_quick_start);
    dependencies(&mut steps);
    steps.run("clippy", || {
        let mut clippy = build.cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
        // Examples with all that they can have: what they do without it is little, and is compiled with their tests.
        clippy.args(["--features", FEATURES, "--features", "word-count/http"]);
        for example in EXAMPLES {
            clippy.args(["--features", &format!("{example}/kafka,{example}/rocksdb")]);
        }
        run_program(clippy.args(["--", "-D", "warnings"]))
    });
    steps.run("docs", || {
        // What the facade has without them is not all that it documents.
        let features = "millstream/cli,millstream/http,millstream/sql,millstream/validator";
        let mut doc = build.cargo(&["doc", "--locked", "--no-deps", "--features", features]);
        // Nobody reads the pages of programs and suites.
        doc.args(packages::published()?.iter().flat_map(|package| ["-p", package]));
        run_program(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    features(&mut steps, &build, &can_build_all_features);

    let mut tally = Tally::default();
    steps.run("test", || {
        tally = all_tests(&mut build);
        if tally.has_failures() { Err(Failure::failed("")) } else { Ok(()) }
    });
    fuzz_http(&mut steps, fuzzer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    steps.run("a crate outside the workspace", || external::counts_words_on_kafka(&mut build));
    steps.run("chaos, a short run", || chaos::short(&mut build));
    steps.run("the same answers as Kafka Streams", || bench::compare_answers(&mut build));
    steps.print();
    let tests = tally.close();
    if steps.all_are_good() { tests } else { Err(Failure::failed("")) }
}

/// Checks the facade without features and with each one alone.
fn features(steps: &mut Steps, build: &Build, can_build_all: &Result<(), Failure>) {
    let features = match packages::facade_features() {
        Ok(features) => features,
        Err(failure) => return steps.run("features", || Err(failure)),
    };
    for feature in std::iter::once(String::new()).chain(features) {
        let name = if feature.is_empty() { "no feature".to_owned() } else { format!("feature {feature}") };
        if let (true, Err(failure)) = (["ssl", "sasl"].contains(&&*feature), can_build_all) {
            steps.skip(name, failure.message.lines().next().unwrap_or_default());
            continue;
        }
        steps.run(name, || {
            let check = ["check", "--locked", "-p", "millstream", "--no-default-features", "--features", &feature];
            run_program(&mut build.cargo(&check))
        });
    }
}

/// Checks the project's dependencies against `deny.toml`.
fn dependencies(steps: &mut Steps) {
    let program = match deny::find() {
        Ok(program) => program,
        Err(failure) if failure.exit_code == Failure::missing("").exit_code => {
            return steps.skip("cargo deny", &failure.message);
        }
        Err(failure) => return steps.run("cargo deny", || Err(failure)),
    };
    steps.run("cargo deny", || deny::check(&program));
    if deny::fetch_advisories(&program) {
        steps.run("advisories", || deny::advisories(&program));
    } else {
        // Without a network nothing is known, and that must not fail.
        steps.skip("advisories", "their database cannot be fetched");
    }
}

/// Fuzzes the HTTP API of an application.
fn fuzz_http(steps: &mut Steps, fuzzer: Result<PathBuf, Failure>) {
    const NAME: &str = "the HTTP API, fuzzed";
    match fuzzer {
        Ok(fuzzer) => steps.run(NAME, || http_fuzz::short(&fuzzer)),
        Err(failure) if failure.exit_code == Failure::missing("").exit_code => steps.skip(NAME, &failure.message),
        Err(failure) => steps.run(NAME, || Err(failure)),
    }
}

fn no_c_in_the_quick_start() -> Result<(), Failure> {
    for package in QUICK_START.map(|(package, _)| package).into_iter().chain(["streams-core", "streams-http"]) {
        let compilers = packages::c_compilers_of(package)?;
        if !compilers.is_empty() {
            let why = format!("see `cargo tree -p {package} -e normal,build -i {}`", compilers[0]);
            return Err(Failure::failed(format!("{package} compiles C through {}; {why}", compilers.join(", "))));
        }
    }
    Ok(())
}

fn few_crates_in_the_quick_start() -> Result<(), Failure> {
    let mut too_many = Vec::new();
    for (package, max) in QUICK_START {
        let count = packages::crates_of(package)?.len();
        println!("{package}: {count} crates of at most {max}");
        if count > max {
            too_many.push(format!("{package} needs {count} crates, more than {max}"));
        }
    }
    if too_many.is_empty() { Ok(()) } else { Err(Failure::failed(too_many.join("\n"))) }
}

/// The steps so far, with their results.
#[derive(Default)]
struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    outcome: Outcome,
    time: Duration,
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Good,
    Failed,
    Skipped(String),
}

impl Steps {
    fn run(&mut self, name: impl Into<String>, step: impl FnOnce() -> Result<(), Failure>) {
        let name = name.into();
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = match step() {
            Ok(()) => Outcome::Good,
            Err(failure) => {
                println!("{}", failure.message);
                Outcome::Failed
            }
        };
        self.done.push(Step { name, outcome, time: started.elapsed() });
    }

    fn skip(&mut self, name: impl Into<String>, why: &str) {
        self.done.push(Step { name: name.into(), outcome: Outcome::Skipped(why.to_owned()), time: Duration::ZERO });
    }

    fn all_are_good(&self) -> bool {
        self.done.iter().all(|step| step.outcome != Outcome::Failed)
    }

    fn print(&self) {
        println!();
        for line in self.table() {
            println!("{line}");
        }
    }

    fn table(&self) -> Vec<String> {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let lines = self.done.iter().map(|step| {
            let (outcome, time) = match &step.outcome {
                Outcome::Good => ("ok".to_owned(), minutes(step.time)),
                Outcome::Failed => ("FAILED".to_owned(), minutes(step.time)),
                Outcome::Skipped(why) => ("skipped".to_owned(), why.clone()),
            };
            format!("{:width$}  {outcome:7}  {time}", step.name)
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;
    use crate::process::Failure;

    #[test]
    fn one_failed_step_fails_the_whole_and_the_others_still_run() {
        let mut steps = Steps::default();
        steps.run("format", || Ok(()));
        steps.skip("cargo deny", "not installed");
        assert!(steps.all_are_good(), "what is skipped is told, and is no failure");
        steps.run("clippy", || Err(Failure::failed("a warning")));
        steps.run("docs", || Ok(()));
        assert!(!steps.all_are_good());
        assert_eq!(
            steps.table(),
            [
                "format      ok       0 s",
                "cargo deny  skipped  not installed",
                "clippy      FAILED   0 s",
                "docs        ok       0 s"
            ]
        );
    }
}
