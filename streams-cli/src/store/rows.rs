//! Asks for stores and their rows, and prints them.

use std::io::Write;

use serde_json::{Value as Json, json};
use streams_core::record::Timestamp;

use super::{Get, Scan, Wanted};
use crate::failure::Failure;
use crate::output::{self, plain, readable};
use crate::running::{Caller, escaped};

/// How many rows are asked for at once.
const PAGE: usize = 1_000;

/// How long to wait for a store that is being restored.
const WAIT: &str = "10s";

/// Stores in which a key may have several rows.
const SEVERAL_ROWS_PER_KEY: [&str; 5] = ["window", "windows", "windows-with-duplicates", "session", "sliding-window"];

pub(super) fn list(out: &mut dyn Write, server: &Caller, json: bool) -> Result<(), Failure> {
    let stores = stores(server)?;
    if json {
        return Ok(output::pretty(out, &Json::from(stores))?);
    }
    let cell = |store: &Json, name: &str| match store.get(name) {
        // Nobody knows it at the moment.
        None | Some(Json::Null) => "?".to_owned(),
        Some(cell) => plain(cell),
    };
    let row = |store: &Json| {
        ["name", "kind", "key_type", "value_type", "entries", "example_key"].map(|name| cell(store, name))
    };
    let header = ["STORE", "KIND", "KEY", "VALUE", "ENTRIES", "A KEY SUCH AS"];
    output::table(out, &header, &[4], stores.iter().map(|store| row(store).to_vec()).collect())?;
    Ok(())
}

fn stores(server: &Caller) -> Result<Vec<Json>, Failure> {
    let mut answer = server.get("/api/stores")?;
    match answer.get_mut("stores").map(Json::take) {
        Some(Json::Array(stores)) => Ok(stores),
        _ => Err(Failure::because(format!("{} does not say which stores it has", server.url()))),
    }
}

pub(super) fn get(out: &mut dyn Write, server: &Caller, command: &Get) -> Result<(), Failure> {
    let (store, key, committed) = (escaped(&command.store), escaped(&command.key), command.committed);
    let stores = stores(server)?;
    let found = stores.iter().find(|found| found.get("name") == Some(&Json::from(command.store.as_str())));
    let kind = found.and_then(|found| found.get("kind")?.as_str());
    if kind.is_none_or(|kind| !SEVERAL_ROWS_PER_KEY.contains(&kind)) {
        let row = server.get(&format!("/api/stores/{store}/{key}?committed={committed}&wait={WAIT}"))?;
        return print(out, &row, command.server.json);
    }
    let key = Some(command.key.clone());
    let none = Wanted {
        key,
        prefix: None,
        from: None,
        to: None,
        window_from: None,
        window_to: None,
        reverse: false,
        committed,
        limit: None,
    };
    let mut rows = Rows::new(server, &command.store, &none);
    let mut is_empty = true;
    while let Some(page) = rows.next_page()? {
        is_empty &= page.is_empty();
        page.iter().try_for_each(|row| print(out, row, command.server.json))?;
    }
    if is_empty {
        return Err(Failure::because(format!(
            "the store `{}` has no row with the key `{}`",
            command.store, command.key
        )));
    }
    Ok(())
}

pub(super) fn scan(out: &mut dyn Write, server: &Caller, command: &Scan) -> Result<(), Failure> {
    let mut rows = Rows::new(server, &command.store, &command.wanted);
    while let Some(page) = rows.next_page()? {
        page.iter().try_for_each(|row| print(out, row, command.server.json))?;
    }
    Ok(())
}

/// A row: as it is for programs, and its key, value and time for people.
fn print(out: &mut dyn Write, row: &Json, json: bool) -> Result<(), Failure> {
    if json {
        writeln!(out, "{row}")?;
        return Ok(());
    }
    let field = |name: &str| row.get(name).unwrap_or(&Json::Null);
    let time = field("timestamp").as_i64().map_or_else(|| "-".to_owned(), |time| readable(Timestamp(time)));
    writeln!(out, "{}\t{}\t{time}", plain(&for_people(field("key"))), plain(field("value")))?;
    Ok(())
}

/// A key with its window, whose times are readable.
fn for_people(key: &Json) -> Json {
    let window = |name: &str| key.get(name).and_then(Json::as_i64).map(|time| readable(Timestamp(time)));
    match (key.get("key"), window("start"), key.as_object().map(serde_json::Map::len)) {
        (Some(inner), Some(start), Some(3)) => {
            let end = window("end").unwrap_or_else(|| "ever".to_owned());
            json!(format!("{} [{start}, {end})", plain(inner)))
        }
        _ => key.clone(),
    }
}

/// The rows of a store, page by page.
pub(super) struct Rows<'a> {
    server: &'a Caller,
    path: String,
    cursor: Option<String>,
    left: usize,
    is_over: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(server: &'a Caller, store: &str, wanted: &Wanted) -> Self {
        let Wanted { key, prefix, from, to, window_from, window_to, reverse, committed, limit } = wanted;
        let mut path = format!("/api/stores/{}?reverse={reverse}&committed={committed}&wait={WAIT}", escaped(store));
        for (name, value) in [("key", key), ("prefix", prefix), ("from", from), ("to", to)] {
            if let Some(value) = value {
                path += &format!("&{name}={}", escaped(value));
            }
        }
        for (name, value) in [("window_from", window_from), ("window_to", window_to)] {
            if let Some(value) = value {
                path += &format!("&{name}={value}");
            }
        }
        Self { server, path, cursor: None, left: limit.unwrap_or(usize::MAX), is_over: false }
    }

    /// Some more rows; `None` if there are no more.
    pub(super) fn next_page(&mut self) -> Result<Option<Vec<Json>>, Failure> {
        if self.is_over || self.left == 0 {
            return Ok(None);
        }
        let limit = self.left.min(PAGE);
        let cursor = self.cursor.as_deref().map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
        let mut answer = self.server.get(&format!("{}&limit={limit}{cursor}", self.path))?;
        let Some(Json::Array(rows)) = answer.get_mut("rows").map(Json::take) else {
            return Err(Failure::because(format!("{} does not say which rows there are", self.server.url())));
        };
        self.cursor = answer.get("next").and_then(Json::as_str).map(ToOwned::to_owned);
        self.is_over = self.cursor.is_none();
        self.left = self.left.saturating_sub(rows.len());
        Ok(Some(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_window_is_readable() {
        let window = |end: Json| json!({ "key": "ada", "start": 0, "end": end });
        for (key, expected) in [
            (json!("ada"), "ada"),
            (json!(7), "7"),
            (window(json!(60_000)), "ada [1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z)"),
            (window(Json::Null), "ada [1970-01-01T00:00:00.000Z, ever)"),
            (json!({ "key": "ada" }), r#"{"key":"ada"}"#),
        ] {
            assert_eq!(plain(&for_people(&key)), expected);
        }
    }
}
