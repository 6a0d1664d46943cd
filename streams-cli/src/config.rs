//! `config`: the settings in effect.

use std::io::Write;

use serde_json::{Value as Json, json};
use streams_core::config::StreamsConfig;

use crate::failure::Failure;
use crate::output;

/// Prints all settings. Secrets are hidden.
pub(crate) fn print(out: &mut dyn Write, config: &StreamsConfig, json: bool) -> Result<(), Failure> {
    if !json {
        write!(out, "{config}")?;
        return Ok(());
    }
    let settings = config.shown().into_iter();
    let settings: Vec<Json> = settings
        .map(|setting| json!({ "name": setting.name, "value": setting.value, "origin": setting.origin }))
        .collect();
    output::pretty(out, &Json::from(settings))?;
    Ok(())
}
