//! `config`: the settings in effect.
//!
//! If the application runs on the embedded log that is named, they are its settings, with what was decided when it started;
//! otherwise those with which it would start.

use std::io::Write;

use serde_json::{Value as Json, json};

use crate::arguments::Config;
use crate::failure::Failure;
use crate::output;
use crate::program::Program;

/// Prints all settings. Secrets are hidden.
pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Config) -> Result<(), Failure> {
    #[cfg(feature = "http")]
    if let Some(running) = command.place.embedded.as_deref().and_then(crate::running::find) {
        return of_running(out, &running, command.json);
    }
    if !command.json {
        write!(out, "{}", program.config)?;
        return Ok(());
    }
    let settings = program.config.shown().into_iter();
    let settings: Vec<Json> = settings
        .map(|setting| json!({ "name": setting.name, "value": setting.value, "origin": setting.origin }))
        .collect();
    output::pretty(out, &Json::from(settings))?;
    Ok(())
}

#[cfg(feature = "http")]
fn of_running(out: &mut dyn Write, running: &crate::running::Found, json: bool) -> Result<(), Failure> {
    let answer = running.caller.get("/api/config").map_err(Failure::because)?;
    let settings = answer.get("settings").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if json {
        return Ok(output::pretty(out, &Json::from(settings))?);
    }
    let text = |setting: &Json, name: &str| setting.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    for setting in settings {
        let [name, value, origin] = ["name", "value", "origin"].map(|field| text(setting, field));
        writeln!(out, "{name} = {value} ({origin})")?;
    }
    Ok(())
}
