//! `cargo xtask test`: every test of the workspace, and one line that sums them up.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{Failure, cargo_program, command, run as run_program, shown, workspace};
use crate::rocksdb::Library;
use crate::{cache, kafka, packages, postgres, setup};

/// Runs `cargo xtask test`.
pub(crate) fn run() -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    all_tests(&mut build).close()
}

/// The settings of every `cargo` that we start.
pub(crate) struct Build {
    target: PathBuf,
    pub(crate) rocksdb: Library,
    broker: Option<Broker>,
    database: Option<Database>,
}

impl Build {
    /// Fetches the dependencies and starts to compile RocksDB.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let target = cache::target_folder()?;
        // All at once, so that commands that run side by side later do not wait for each other's downloads.
        run_program(command(cargo_program()).args(["fetch", "--locked"]))?;
        Ok(Self { target, rocksdb: Library::find_or_compile()?, broker: None, database: None })
    }

    /// A `cargo` that builds in the common target folder.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = command(cargo_program());
        cargo.args(args).env("CARGO_TARGET_DIR", &self.target);
        cargo.envs(self.rocksdb.variables());
        if let Some(broker) = &self.broker {
            cargo.env(KAFKA, &broker.servers);
        }
        if let Some(database) = &self.database {
            cargo.env(POSTGRES, &database.address);
        }
        cargo
    }

    /// The common target folder.
    pub(crate) const fn target(&self) -> &PathBuf {
        &self.target
    }

    /// A PostgreSQL for every suite that needs one: the user's, or a server that runs until this value is dropped.
    fn postgres(&mut self) -> Result<(), Failure> {
        let is_set = std::env::var(POSTGRES).is_ok_and(|address| !address.is_empty());
        if self.database.is_none() && !is_set {
            self.database = Some(Database::start()?);
        }
        Ok(())
    }

    /// Builds programs of the packages that need C, without optimisation, and returns the folder that they are in. All these
    /// packages and their tests are named, because that decides which features the crates below have: so nothing that was
    /// compiled for the tests is compiled again.
    pub(crate) fn programs_beside_tests(&self, programs: &[&str]) -> Result<PathBuf, Failure> {
        let mut cargo = self.cargo(&["build", "--locked", "--features", FEATURES, "--tests"]);
        cargo.args(impure()?.iter().flat_map(|package| ["-p", package]));
        run_program(cargo.args(programs.iter().flat_map(|program| ["--bin", program])))?;
        Ok(self.target.join("debug"))
    }

    /// A Kafka for every suite that needs one: the user's, or a broker that runs until this value is dropped.
    pub(crate) fn kafka(&mut self) -> Result<String, Failure> {
        if let Some(servers) = std::env::var(KAFKA).ok().filter(|servers| !servers.is_empty()) {
            return Ok(servers);
        }
        let broker = match self.broker.take() {
            Some(broker) => broker,
            None => Broker::start()?,
        };
        Ok(self.broker.insert(broker).servers.clone())
    }
}

/// The variables in which suites look for the addresses of a running Kafka and PostgreSQL.
const KAFKA: &str = "MILLSTREAM_KAFKA";
const POSTGRES: &str = "MILLSTREAM_POSTGRES";

/// A PostgreSQL for this checkout alone.
struct Database {
    name: String,
    address: String,
}

impl Database {
    fn start() -> Result<Self, Failure> {
        let name = format!("test-{}", cache::fingerprint([&*workspace().to_string_lossy()]));
        let address = postgres::start(&name)?;
        Ok(Self { name, address })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(failure) = postgres::stop(&self.name) {
            eprintln!("PostgreSQL: the server of the tests cannot be stopped: {}", failure.message);
        }
    }
}

/// A broker for this checkout alone, so that two checkouts do not stop each other's. A broker that an interrupted run left
/// behind is reused.
struct Broker {
    name: String,
    servers: String,
}

impl Broker {
    fn start() -> Result<Self, Failure> {
        let name = format!("test-{}", cache::fingerprint([&*workspace().to_string_lossy()]));
        println!("Kafka: starting a broker for the tests");
        let servers = kafka::servers(&name).map_err(Failure::failed)?;
        Ok(Self { name, servers })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = kafka::stop(&self.name) {
            eprintln!("Kafka: the broker of the tests cannot be stopped: {error}");
        }
    }
}

/// Runs the tests that need no C++ while RocksDB is compiled, then the others. Anything that keeps tests from running
/// counts as a failure.
pub(crate) fn all_tests(build: &mut Build) -> Tally {
    let mut tally = Tally::default();
    if let Err(failure) = run_all_tests(build, &mut tally) {
        tally.add_failure(failure.message);
    }
    tally
}

/// The features that suites need: `secure` TLS, which needs OpenSSL's headers, and `read_models` an application on Kafka.
pub(crate) const FEATURES: &str = "millstream-tests/ssl,orders/kafka,orders/rocksdb";

/// The suites that mostly wait: for brokers, for sessions to end, for pages to change. The rows run beside each other, the
/// suites of a row one after the other.
const SIDE_BY_SIDE: [&[&str]; 3] =
    [&["kill"], &["kafka_contract", "secure"], &["real_kafka", "browser", "read_models"]];

/// The packages that need RocksDB, librdkafka or a browser.
fn impure() -> Result<BTreeSet<String>, Failure> {
    Ok(packages::all()?.difference(&packages::pure()?).cloned().collect())
}

fn run_all_tests(build: &mut Build, tally: &mut Tally) -> Result<(), Failure> {
    let pure = packages::pure()?;
    let rest = impure()?;
    tally.add(tests_of(build, &pure, &[], "")?);
    build.rocksdb.wait()?;
    if let Err(failure) = build.kafka() {
        // The suites that need it will fail; the others can run.
        tally.add_failure(format!("no Kafka: {}", failure.message));
    }
    if let Err(failure) = build.postgres() {
        tally.add_failure(format!("no PostgreSQL: {}", failure.message));
    }
    let suites = packages::suites_of(&rest)?;
    let alone = suites.iter().filter(|suite| !SIDE_BY_SIDE.iter().any(|row| row.contains(&suite.as_str())));
    let alone = alone.flat_map(|suite| ["--test", suite]);
    let alone = ["--lib", "--bins", "--examples"].into_iter().chain(alone).collect::<Vec<_>>();
    // The packages and features are the same every time, so that nothing is compiled twice.
    let rest =
        |args: &[&str], prefix: &str| tests_of(build, &rest, &[&["--features", FEATURES], args].concat(), prefix);
    tally.add(rest(&alone, "")?);
    tally.add(rest(&["--doc"], "")?);
    // Compiled now, so that no suite waits for another's compiler.
    rest(&["--tests", "--no-run"], "")?;
    let in_a_row = |suites: &[&str]| {
        let results = suites.iter().map(|suite| rest(&["--test", suite], &format!("{suite}: ")));
        results.collect::<Result<Vec<_>, _>>()
    };
    let rows = std::thread::scope(|scope| {
        let rows = SIDE_BY_SIDE.map(|suites| scope.spawn(move || in_a_row(suites)));
        rows.map(|row| row.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    for row in rows {
        row?.into_iter().for_each(|suite| tally.add(suite));
    }
    Ok(())
}

/// Runs tests of these packages, and prints each line of their output behind the prefix.
fn tests_of(build: &Build, packages: &BTreeSet<String>, args: &[&str], prefix: &str) -> Result<Tally, Failure> {
    let mut cargo = build.cargo(&["test", "--locked", "--no-fail-fast"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package])).args(args);
    let shown = shown(&cargo);
    let cannot = |error: std::io::Error| Failure::failed(format!("`{shown}`: {error}"));
    println!("{shown}");
    let mut child = cargo.stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let mut tally = Tally::default();
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).split(b'\n')) {
        let line = line.map_err(cannot)?;
        let line = String::from_utf8_lossy(&line);
        println!("{prefix}{line}");
        tally.read(&line);
    }
    let status = child.wait().map_err(cannot)?;
    if !status.success() && !tally.has_failures() {
        // Something did not compile, or a test crashed its whole process.
        tally.add_failure(format!("`{shown}` ended with {status}"));
    }
    Ok(tally)
}

/// The results of the tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Reads one line of a test binary's output.
    fn read(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let result = line.strip_prefix("test result: ok. ").or_else(|| line.strip_prefix("test result: FAILED. "));
        let Some(result) = result else { return };
        let count = |what: &str| {
            let counts = result.split("; ").filter_map(|part| part.split_once(' '));
            counts.filter(|(_, name)| *name == what).find_map(|(count, _)| count.parse().ok()).unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        self.skipped += count("ignored");
    }

    /// Adds the results of other tests.
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }

    /// Counts something that kept tests from running.
    fn add_failure(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }

    /// Prints the failures and the last line. It is also a failure if there were no tests at all.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{self}");
        let is_good = self.failed == 0 && self.passed > 0;
        if is_good { Ok(()) } else { Err(Failure::failed("")) }
    }

    pub(crate) const fn has_failures(&self) -> bool {
        self.failed > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn results_of_all_binaries_and_doctests_are_summed() {
        let tally = tally(
            "running 2 tests\ntest a ... ok\ntest b::c ... FAILED\n\nfailures:\n    b::c\n\ntest result: FAILED. 1 passed; \
             1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   Doc-tests x\ntest result: ok. 41 \
             passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 9.97s\n",
        );
        assert_eq!(tally.to_string(), "42 passed, 1 failed, 3 skipped");
        assert_eq!(tally.failures, ["b::c"]);
        assert!(tally.close().is_err());
    }

    #[test]
    fn what_only_looks_like_a_result_counts_nothing() {
        let tally = tally("  test result: ok. 5 passed; 0 failed\ntest result: unknown. 5 passed; 1 failed\n");
        assert_eq!(tally.to_string(), "0 passed, 0 failed");
        assert!(tally.close().is_err(), "no test at all is no success");
    }

    #[test]
    fn a_run_closes_well_until_something_fails() {
        let mut tally =
            tally("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s");
        assert_eq!(tally.to_string(), "3 passed, 0 failed");
        assert!(tally.close().is_ok());
        tally.add_failure("something does not compile".to_owned());
        assert_eq!(tally.to_string(), "3 passed, 1 failed");
        assert!(tally.close().is_err());
    }
}
