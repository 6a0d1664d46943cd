//! The command line: compares many cases, or shows, shrinks or prints single ones.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use comfy_table::{Table, presets};
use millstream::record::Timestamp;
use millstream_oracle::answer::Answer;
use millstream_oracle::case::Case;
use millstream_oracle::compare::Place;
use millstream_oracle::contest::{Contest, Verdict};
use millstream_oracle::coverage::Coverage;
use millstream_oracle::generate::{FAMILIES, Family, case, family};
use millstream_oracle::java::JavaCommand;
use millstream_oracle::ledger::{self, Entry};
use millstream_oracle::progress::Progress;
use millstream_oracle::properties::{self, PROPERTIES};
use millstream_oracle::shrink::shrink;
use millstream_oracle::vectors::{self, Checked, Writer};

/// Compares the engine with Kafka Streams, record by record, on random topologies and inputs.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask oracle")]
struct Options {
    /// Any number; the same seed gives the same cases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases.
    #[arg(long, default_value_t = 1_000)]
    cases: u64,
    /// The first case's number.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only cases of this family.
    #[arg(long, value_parser = known_family)]
    family: Option<&'static Family>,
    /// With `--properties` and `--broker`, only cases with this operator, such as `fk_join`.
    #[arg(long, value_name = "OPERATOR")]
    with: Option<String>,
    /// How many differences are shrunk and shown before the run ends.
    #[arg(long, default_value_t = 5)]
    differences: u64,
    /// Shows differences as they are.
    #[arg(long)]
    no_shrinking: bool,
    /// Runs the case in a file, or of this seed with this number, on both sides and prints the answers.
    #[arg(long, value_name = "FILE|NUMBER")]
    case: Option<String>,
    /// Prints the generated cases, one a line, and runs nothing.
    #[arg(long)]
    print: bool,
    /// Adds the result to the ledger.
    #[arg(long)]
    record: bool,
    /// Writes the committed vectors again: this many cases of each family, or of the chosen one, with Java's answers.
    #[arg(long, value_name = "CASES", num_args = 0..=1, default_missing_value = "300")]
    record_vectors: Option<u64>,
    /// Checks what must stay the same however a topology is run, without Java: so many suitable cases of each property.
    #[arg(long)]
    properties: bool,
    /// With `--properties`, only the one with this name in the table.
    #[arg(long, value_name = "NAME")]
    property: Option<String>,
    /// Runs so many suitable topologies as real applications of both sides on the broker with this address, which
    /// `cargo xtask oracle --broker` starts.
    #[cfg(feature = "broker")]
    #[arg(long, value_name = "SERVERS")]
    broker: Option<String>,
    /// Compares with the recorded answers in a folder, without Java: the committed ones, or others.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1)]
    check_vectors: Option<Option<PathBuf>>,
    /// How many cases Java runs at once; all processors otherwise.
    #[arg(long)]
    java_threads: Option<usize>,
    /// The class path of the Java side; `cargo xtask oracle` sets it.
    #[arg(long, hide = true)]
    class_path: Option<String>,
}

fn known_family(name: &str) -> Result<&'static Family, String> {
    family(name).ok_or_else(|| {
        let names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        format!("the families are {}", names.join(", "))
    })
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Runs the command. Returns whether both sides did the same.
pub(crate) fn run() -> Outcome<bool> {
    let options = Options::parse();
    if options.print {
        for number in numbers(&options) {
            println!("{}", case(options.seed, number, options.family).to_line());
        }
        return Ok(true);
    }
    if let Some(folder) = &options.check_vectors {
        return check_vectors(&folder.clone().unwrap_or_else(vectors::folder));
    }
    if options.properties {
        return check_properties(&options);
    }
    let class_path = options.class_path.clone().ok_or("there is no class path; run `cargo xtask oracle`")?;
    #[cfg(feature = "broker")]
    if let Some(servers) = &options.broker {
        return on_broker(&options, class_path, servers);
    }
    let mut contest = Contest::start(JavaCommand { class_path, threads: options.java_threads, broker: None })?;
    if let Some(cases) = options.record_vectors {
        return record_vectors(&mut contest, cases, options.family);
    }
    match &options.case {
        Some(which) => show(&options, &mut contest, which),
        None => compare(&options, &mut contest),
    }
}

fn numbers(options: &Options) -> impl Iterator<Item = u64> + use<> {
    options.from..options.from.saturating_add(options.cases)
}

/// Shows both sides' answers to one case.
fn show(options: &Options, contest: &mut Contest, which: &str) -> Outcome<bool> {
    let case = match which.parse() {
        Ok(number) => case(options.seed, number, options.family),
        Err(_) => Case::read(&fs::read_to_string(which).map_err(|error| format!("{which}: {error}"))?)?,
    };
    let verdict = contest.one(&case)?;
    if let Verdict::Answered(answers) = &verdict {
        for (side, answer) in [("Kafka Streams", &answers.java), ("ours", &answers.ours)] {
            println!("=== {side}\n{}", shown(&case, answer));
        }
    }
    report(options, contest, &case, &verdict)?;
    if verdict.is_same() {
        println!("no difference");
    }
    Ok(verdict.is_same())
}

fn shown(case: &Case, answer: &Answer) -> String {
    let mut lines = vec![answer.describe.clone().unwrap_or_default()];
    for (number, (input, step)) in case.inputs.iter().zip(&answer.steps).enumerate() {
        lines.push(format!("{number}: {}", serde_json::to_string(input).unwrap_or_default()));
        let seen = step.seen.iter().map(|line| format!("    seen {line}"));
        lines.extend(step.out.iter().map(|line| format!("    {line}")).chain(seen));
        lines.extend(step.stores.iter().map(|line| format!("    {line}")));
        if step.dropped > 0 {
            lines.push(format!("    dropped {}", step.dropped));
        }
    }
    if let Some(failure) = &answer.error {
        lines.push(format!("failed with input {}: {}", failure.at, failure.text));
    }
    lines.join("\n")
}

/// Compares many cases.
fn compare(options: &Options, contest: &mut Contest) -> Outcome<bool> {
    let mut progress = Progress::of(options.cases);
    let mut coverage = Coverage::default();
    let (mut passed, mut failed) = (0, 0);
    let cases = numbers(options).map(|number| case(options.seed, number, options.family));
    contest.all(cases, |contest, case, verdict| {
        if let Verdict::Answered(answers) = &verdict {
            coverage.add(&case, answers);
        }
        if verdict.is_same() {
            passed += 1;
        } else {
            failed += 1;
            progress.clear();
            report(options, contest, &case, &verdict)?;
        }
        progress.tell(passed + failed, failed);
        Ok(failed < options.differences)
    })?;
    progress.clear();
    println!("{}\n", coverage.shown());
    println!("{} cases a second", progress.rate(passed + failed));
    if options.record {
        record(options, passed, failed)?;
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

/// Shows what is wrong with a case, if anything is: the difference in the smallest case that still has it.
fn report(
    options: &Options,
    contest: &mut Contest,
    case: &Case,
    verdict: &Verdict,
) -> Result<(), millstream_oracle::java::JavaError> {
    if let Verdict::Unanswered(error) = verdict {
        println!("case {}: {error}\n{}\n", case.id, case.to_line());
    }
    let (Some(difference), Some(kind)) = (verdict.difference(), Kind::of(verdict)) else { return Ok(()) };
    println!("case {} ({}): {difference}", case.id, case.family);
    if options.no_shrinking {
        println!("{}\n", case.to_line());
        return Ok(());
    }
    let small = shrink(case, difference.place, |smaller| {
        contest.one(smaller).is_ok_and(|verdict| Kind::of(&verdict).is_some_and(|found| found.is_like(kind)))
    });
    if let Verdict::Answered(answers) = contest.one(&small)?
        && let Some(difference) = answers.comparison.difference
    {
        println!("The smallest case with such a difference: {difference}\n{}", as_test(&small, &answers.java));
    }
    Ok(())
}

/// What a smaller case must have in common with the one that it comes from.
#[derive(Clone, Copy)]
struct Kind {
    place: Place,
    /// Whether Java and we could start.
    started: (bool, bool),
}

impl Kind {
    fn of(verdict: &Verdict) -> Option<Self> {
        let Verdict::Answered(answers) = verdict else { return None };
        let started = |answer: &Answer| answer.error.as_ref().is_none_or(|failure| failure.at >= 0);
        let place = answers.comparison.difference.as_ref()?.place;
        Some(Self { place, started: (started(&answers.java), started(&answers.ours)) })
    }

    fn is_like(self, other: Self) -> bool {
        self.place.is_like(other.place) && self.started == other.started
    }
}

/// A test that runs without Java.
fn as_test(case: &Case, java: &Answer) -> String {
    let name = case.id.replace('/', "_");
    let (case, java) = (case.to_line(), serde_json::to_string(java).unwrap_or_default());
    format!(
        "#[test]\nfn case_{name}() {{\n    millstream_oracle::check(\n        r##\"{case}\"##,\n        r##\"{java}\"##,\n    );\n}}\n"
    )
}

/// The seed of the vectors.
const VECTORS: u64 = 1;

/// Writes the committed vectors. What differs now is no vector.
fn record_vectors(contest: &mut Contest, cases: u64, only: Option<&Family>) -> Outcome<bool> {
    let mut are_same = true;
    for family in FAMILIES.iter().filter(|family| only.is_none_or(|only| only.name == family.name)) {
        let mut file = Writer::create(family.name)?;
        let mut outcome = Ok(());
        contest.all((0..cases).map(|number| case(VECTORS, number, Some(family))), |_, case, verdict| {
            match &verdict {
                Verdict::Answered(answers) if verdict.is_same() => outcome = file.add(&case, &answers.java),
                _ => {
                    are_same = false;
                    println!("case {} ({}) differs and is left out", case.id, case.family);
                }
            }
            Ok(outcome.is_ok())
        })?;
        outcome?;
        file.finish()?;
        println!("{}: written", family.name);
    }
    Ok(are_same)
}

/// Runs topologies on a real broker.
#[cfg(feature = "broker")]
fn on_broker(options: &Options, class_path: String, servers: &str) -> Outcome<bool> {
    use millstream_oracle::broker::{self, Contest};

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let wanted = usize::try_from(options.cases)?;
    let (mut contests, mut in_place) = (Vec::new(), 0);
    let tried_max = 10 * TRIED_MAX * options.cases;
    for number in (options.from..).take(usize::try_from(tried_max)?) {
        if contests.len() == wanted {
            break;
        }
        let case = case(options.seed, number, options.family);
        if !is_with(options, &case) {
            continue;
        }
        let Some(contest) = Contest::of(&case, format!("oracle-{now}-{number}")) else { continue };
        // At most half of them are such that nothing meets, unless an operator is asked for.
        if contest.keeps_partitions() && options.with.is_none() {
            if 2 * in_place >= wanted {
                continue;
            }
            in_place += 1;
        }
        contests.push(contest);
    }
    let threads = options.java_threads.or(Some(4));
    let java = JavaCommand { class_path, threads, broker: Some(servers.to_owned()) };
    let outcomes = broker::run(&java, servers, &contests)?;
    outcomes.iter().for_each(|outcome| println!("{}", outcome.line));
    let passed = outcomes.iter().filter(|outcome| outcome.is_same).count();
    println!("{passed} passed, {} failed", outcomes.len() - passed);
    Ok(passed == outcomes.len())
}

/// Whether a case has the operator that it is to have.
fn is_with(options: &Options, case: &Case) -> bool {
    let is_it = |operator: &String| case.steps.iter().any(|step| step.operator() == *operator);
    options.with.as_ref().is_none_or(is_it)
}

/// Checks each property with so many cases that it speaks about.
fn check_properties(options: &Options) -> Outcome<bool> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["property", "cases", "tried", "compared", "differ"]);
    // An application that fails, as some cases' do, panics in the test driver.
    std::panic::set_hook(Box::new(|_| {}));
    let mut differ_in_all = 0;
    for property in PROPERTIES {
        if options.property.as_ref().is_some_and(|only| only != property.name()) {
            continue;
        }
        let mut progress = Progress::of(options.cases);
        let (mut suitable, mut tried, mut compared, mut differ) = (0, 0, 0, 0);
        for number in options.from.. {
            if suitable == options.cases || tried > TRIED_MAX * options.cases {
                break;
            }
            tried += 1;
            let case = case(options.seed, number, options.family);
            if !is_with(options, &case) {
                continue;
            }
            match properties::check(property, &case, number) {
                properties::Outcome::Unsuitable => continue,
                properties::Outcome::Same(count) => compared += count,
                properties::Outcome::Different(difference) => {
                    differ += 1;
                    progress.clear();
                    if differ <= options.differences {
                        println!("{}: case {}: {difference}\n{}\n", property.name(), case.id, case.to_line());
                    }
                }
            }
            suitable += 1;
            progress.tell(suitable, differ);
        }
        progress.clear();
        differ_in_all += differ;
        let numbers = [suitable, tried, compared as u64, differ].map(|number| number.to_string());
        table.add_row(std::iter::once(property.name().to_owned()).chain(numbers));
    }
    println!("{table}");
    Ok(differ_in_all == 0)
}

/// A property that speaks about fewer cases than one in so many is not looked into for ever.
const TRIED_MAX: u64 = 200;

/// Compares with recorded answers.
fn check_vectors(folder: &Path) -> Outcome<bool> {
    let Checked { differing, all } = vectors::check_all(&vectors::files(folder)?)?;
    for (case, difference) in differing.iter().take(1) {
        println!("case {} ({}): {difference}\n{}\n", case.id, case.family, case.to_line());
    }
    println!("{} passed, {} failed", all - differing.len(), differing.len());
    Ok(differing.is_empty())
}

fn record(options: &Options, passed: u64, failed: u64) -> Outcome<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let date: String = Timestamp(i64::try_from(now)?).to_string().chars().take(10).collect();
    let family = options.family.map(|family| family.name.to_owned());
    let file = ledger_file();
    ledger::add(&file, &Entry { date, seed: options.seed, cases: options.cases, family, passed, failed })?;
    let (passed, failed) = ledger::totals(&file)?;
    println!("in all runs of {}: {passed} passed, {failed} failed", file.display());
    Ok(())
}

fn ledger_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledger.jsonl")
}
