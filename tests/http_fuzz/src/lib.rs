//! A fuzzer of HTTP APIs (Schemathesis) against an application that runs, and whether every operation that the server
//! describes has been seen to work.
//!
//! `application.rs` is what is fuzzed, `operations.rs` reads what its server describes, `fuzzer.rs` runs the fuzzer and
//! `report.rs` counts what it has sent. What a fuzzer cannot ask, because an answer has no end or nothing comes after it, is
//! asked with `plain.rs`. `verdict.rs` says what is wrong.
//!
//! `cargo xtask http-fuzz` finds or installs the fuzzer and starts this.

mod application;
mod fuzzer;
mod operations;
mod plain;
mod report;
mod verdict;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use application::Shop;
use fuzzer::Fuzzer;
use operations::Operation;
use verdict::Verdict;

/// What has to be sent where there is a token.
const TOKEN: &str = "s3cret";

/// Ends an application, so it comes last.
const STOP: &str = "/api/app/stop";
/// What comes after it waits.
const PAUSE: &str = "/api/app/pause";
const RESUME: &str = "/api/app/resume";

/// Fuzzes the HTTP API of an application.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask http-fuzz")]
struct Arguments {
    /// How long to fuzz
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What requests depend on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only serve the application, to look at it by hand
    #[arg(long)]
    serve: bool,
    /// The fuzzer's program
    #[arg(long, hide = true)]
    fuzzer: PathBuf,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let again = format!("cargo xtask http-fuzz --seconds {} --seed {}", arguments.seconds, arguments.seed);
    let verdict = match run(&arguments) {
        Ok(verdict) => verdict,
        Err(error) => {
            eprintln!("{error}\nrepeat it with: {again}");
            return ExitCode::FAILURE;
        }
    };
    print!("{verdict}");
    if verdict.is_good() {
        return ExitCode::SUCCESS;
    }
    println!("repeat it with: {again}");
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> Result<Verdict, Box<dyn Error>> {
    let shop = Shop::open()?;
    if arguments.serve {
        println!("{}; press Ctrl-C to end it", shop.url());
        loop {
            std::thread::park();
        }
    }
    let operations = operations::described(&plain::get_json(shop.address(), "/api/openapi.json")?)?;
    let (asked, fuzzed): (Vec<_>, Vec<_>) = operations.iter().partition(|operation| is_asked_once(operation));
    let fuzzer = Fuzzer { program: &arguments.fuzzer, seconds: arguments.seconds, seed: arguments.seed };
    let mut verdict = Verdict::new(&operations);
    let outcome = fuzzer.run(&shop.url(), &asked)?;
    verdict.count(&outcome.counts);
    if !outcome.is_good {
        verdict.fault("the fuzzer has found what is printed above".to_owned());
    }
    for operation in fuzzed.into_iter().filter(|operation| !outcome.counts.has(operation)) {
        verdict.fault(format!("the fuzzer has not asked for {operation}"));
    }
    if let Err(reason) = shop.is_well() {
        verdict.fault(format!("after the fuzzer, {reason}"));
    }

    let end = |operation: &&&Operation| operation.path == STOP;
    for operation in asked.iter().filter(|operation| !end(operation)) {
        verdict.answered(operation, plain::status(shop.address(), operation, None)?);
    }
    if let Some(resume) = operations.iter().find(|operation| operation.path == RESUME) {
        verdict.answered(resume, plain::status(shop.address(), resume, None)?);
    }
    without_the_token(&shop, &operations, &mut verdict)?;
    if let Err(reason) = shop.is_well() {
        verdict.fault(format!("in the end, {reason}"));
    }
    for operation in asked.iter().filter(end) {
        verdict.answered(operation, plain::status(shop.address(), operation, None)?);
        shop.has_stopped()?;
    }
    Ok(verdict)
}

/// Whether a fuzzer has no use for it: its answer goes on for ever, nothing works after it, or it has been asked already.
fn is_asked_once(operation: &Operation) -> bool {
    operation.is_stream || [STOP, PAUSE, "/api/openapi.json"].contains(&operation.path.as_str())
}

/// Asks for everything without the token, and with another one, where there is one.
fn without_the_token(shop: &Shop, operations: &[Operation], verdict: &mut Verdict) -> Result<(), Box<dyn Error>> {
    let closed = shop.serve(Some(TOKEN))?;
    let address = closed.address();
    let described = operations::described(&plain::get_json_with(address, "/api/openapi.json", TOKEN)?)?;
    if described.len() != operations.len() {
        verdict.fault("with a token, other operations are described than without".to_owned());
    }
    for operation in &described {
        for token in [None, Some("another")] {
            let status = plain::status(address, operation, token)?;
            if (status == 401) != operation.needs_token {
                let needs = if operation.needs_token { "needs a token" } else { "needs no token" };
                let sent = token.map_or("without one", |_| "with another one");
                verdict.fault(format!("{operation} {needs}, and was answered with {status} {sent}"));
            }
        }
    }
    Ok(())
}
