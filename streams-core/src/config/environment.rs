//! Converts environment variables to settings.
//!
//! A variable is `KSTREAM_` and the setting's name in capitals, with `_` for `.`. It is looked up among the known names
//! rather than converted back letter by letter, because some names contain underscores.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use super::clients::{ClientScope, owned_names};
use super::error::{ConfigError, Origin};
use super::foreign_names::{CONSUMERS, EVERY_CLIENT, PRODUCERS, SECRETS, TOPICS};
use super::layers::{LayeredSetting, is_security};
use super::settings::SETTINGS;
use super::suggest::closest;
use super::{refused, topics};

const PREFIX: &str = "KSTREAM_";
const FROM_FILE: &str = "_FILE";

/// The setting in a variable; `None` if it does not have our prefix.
pub(super) fn read(variable: &OsStr, value: &OsString) -> Result<Option<LayeredSetting>, ConfigError> {
    let Some(variable) = variable.to_str().filter(|variable| variable.starts_with(PREFIX)) else {
        return Ok(None);
    };
    let origin = Origin::Environment(Arc::from(variable));
    let name = variable.strip_prefix(PREFIX).unwrap_or_default();
    let wrong = |problem: String| ConfigError::new(variable, origin.clone(), problem);
    let (key, from_file) = match (key_of(name), name.strip_suffix(FROM_FILE)) {
        (Some(key), _) => (key, false),
        (None, Some(name)) => (key_of(name).ok_or_else(|| wrong(unknown(name)))?, true),
        (None, None) => return Err(wrong(unknown(name))),
    };
    let value = if from_file {
        let path = PathBuf::from(value);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))?;
        // Editors and `echo` end a file with a line break, which is not part of the secret.
        text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text)).to_owned()
    } else {
        value.to_str().ok_or_else(|| wrong("its value is not UTF-8".to_owned()))?.to_owned()
    };
    Ok(Some(LayeredSetting { key, value, origin }))
}

/// The setting that a variable stands for; `name` is the variable without `KSTREAM_`.
fn key_of(name: &str) -> Option<String> {
    if let Some(key) = bare_names().find(|key| in_capitals(key) == name) {
        return Some(key.to_owned());
    }
    let (prefix, name) = name.split_once("__")?;
    let prefix = prefixes().find(|known| in_capitals(known.trim_end_matches('.')) == prefix)?;
    if name.is_empty() {
        return None;
    }
    let known = [EVERY_CLIENT, SECRETS, CONSUMERS, PRODUCERS, TOPICS].into_iter().flatten().copied();
    let known = known.chain(owned_names()).chain(refused::client_names()).find(|known| in_capitals(known) == name);
    Some(match known {
        Some(known) => format!("{prefix}{known}"),
        None => format!("{prefix}{}", name.to_lowercase().replace('_', ".")),
    })
}

/// Names without a prefix, including those that are refused, for which there are better answers than "unknown".
pub(super) fn bare_names() -> impl Iterator<Item = &'static str> {
    let security = EVERY_CLIENT.iter().chain(SECRETS).copied().filter(|name| is_security(name));
    SETTINGS
        .iter()
        .map(|setting| setting.name)
        .chain(security)
        .chain(refused::streams_names())
        .chain(refused::client_names())
        .chain(owned_names())
}

fn prefixes() -> impl Iterator<Item = &'static str> {
    ClientScope::PREFIXED.into_iter().map(ClientScope::prefix).chain([
        topics::PREFIX,
        "global.consumer.",
        "client.tag.",
    ])
}

pub(super) fn in_capitals(key: &str) -> String {
    key.to_uppercase().replace('.', "_")
}

fn unknown(name: &str) -> String {
    let known: Vec<String> = SETTINGS.iter().map(|setting| in_capitals(setting.name)).collect();
    match closest(name, known.iter().map(String::as_str)) {
        Some(known) => format!("there is no such setting; did you mean `{PREFIX}{known}`?"),
        None => format!(
            "there is no such setting; a client's is written `{PREFIX}CONSUMER__FETCH_MIN_BYTES`, with two underscores"
        ),
    }
}
