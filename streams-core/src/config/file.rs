//! Settings from files: `.properties` and `.toml`.
//!
//! Errors name the line but never quote it, because it may contain a secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use java_properties::{LineContent, PropertiesIter};
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::layers::LayeredSetting;

/// All settings in a file.
pub(super) fn read(path: &Path) -> Result<Vec<LayeredSetting>, ConfigError> {
    let path = Arc::new(path.to_owned());
    let at = |line| Origin::File { path: Arc::clone(&path), line };
    let wrong = |line, problem: String| ConfigError::new("the file", at(line), problem);
    let text =
        std::fs::read_to_string(path.as_path()).map_err(|error| wrong(0, format!("it cannot be read: {error}")))?;
    let parsed = match path.extension().and_then(|extension| extension.to_str()) {
        Some("properties") => properties(&text),
        Some("toml") => toml(&text),
        _ => Err((0, "its name should end in `.properties` or `.toml`".to_owned())),
    };
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries = Vec::new();
    for (key, value, line) in parsed.map_err(|(line, problem)| wrong(line, problem))? {
        if let Some(first) = lines.insert(key.clone(), line) {
            return Err(ConfigError::new(key, at(line), format!("it is already set in line {first}")));
        }
        entries.push(LayeredSetting { key, value, origin: at(line) });
    }
    Ok(entries)
}

/// Names, values and line numbers, or the number of a line and what is wrong with it.
type Lines = Result<Vec<(String, String, usize)>, (usize, String)>;

pub(super) fn properties(text: &str) -> Lines {
    let mut entries = Vec::new();
    for line in PropertiesIter::new_with_encoding(text.as_bytes(), encoding_rs::UTF_8) {
        let line = line.map_err(|error| (error.line_number().unwrap_or(0), properties_problem(&error)))?;
        let number = line.line_number();
        if let LineContent::KVPair(key, value) = line.consume_content() {
            entries.push((key, value, number));
        }
    }
    Ok(entries)
}

/// The error's text without the line number at its end.
fn properties_problem(error: &java_properties::PropertiesError) -> String {
    let text = error.to_string();
    text.split(" (line_number").next().unwrap_or(&text).to_owned()
}

pub(super) fn toml(text: &str) -> Lines {
    let table = DeTable::parse(text)
        .map_err(|error| (error.span().map_or(0, |span| line_of(text, span.start)), error.message().to_owned()))?;
    let mut entries = Vec::new();
    flatten(text, "", table.get_ref(), &mut entries)?;
    Ok(entries)
}

/// Turns nested tables into dotted names.
fn flatten(
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    entries: &mut Vec<(String, String, usize)>,
) -> Result<(), (usize, String)> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let line = line_of(text, name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => flatten(text, &format!("{key}."), inner, entries)?,
            DeValue::Array(elements) => {
                let texts = elements.iter().map(|element| scalar(element.get_ref()));
                let texts: Vec<String> = texts
                    .collect::<Option<_>>()
                    .ok_or_else(|| (line, format!("`{key}` is a list of something other than plain values")))?;
                entries.push((key, texts.join(","), line));
            }
            value => {
                let text = scalar(value)
                    .ok_or_else(|| (line, format!("`{key}` is a {}; write it as text", value.type_str())))?;
                entries.push((key, text, line));
            }
        }
    }
    Ok(())
}

/// A plain value as text.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The number of the line that a byte is in, from 1.
fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}
