//! What is sent from one user to another, with the JSON that the Go program has for it.

use std::io::Write as _;

use millstream::prelude::*;
use millstream::wire::{Codec, DecodeError, EncodeError};
use serde_json::{Map, Value as Json};

use crate::go;

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub name: String,
}

/// A notification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Value)]
#[streams(codec = GoJson)]
pub struct Notification {
    pub from: User,
    pub to: User,
    pub message: String,
}

/// The users. As in the original there are four, and nobody can join.
pub fn users() -> [User; 4] {
    [(1, "Emma"), (2, "Bruno"), (3, "Rick"), (4, "Lena")].map(|(id, name)| User { id, name: name.to_owned() })
}

/// The user with that number.
pub fn user(id: i64) -> Option<User> {
    users().into_iter().find(|user| user.id == id)
}

/// The JSON of a notification whose message may be any bytes: a browser's form may have sent what is no text.
pub fn to_json(from: &User, to: &User, message: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    for (name, User { id, name: of_user }) in [("{\"from\"", from), (",\"to\"", to)] {
        // Writing to a `Vec` does not fail.
        let _ = write!(json, "{name}:{{\"id\":{id},\"name\":");
        go::json::push_text(&mut json, of_user.as_bytes());
        json.push(b'}');
    }
    json.extend_from_slice(b",\"message\":");
    go::json::push_text(&mut json, message);
    json.push(b'}');
    json
}

/// JSON as Go reads and writes it. It is lenient: names in upper case, fields that are missing, null or unknown, and bytes
/// that belong to no character are no obstacle.
pub struct GoJson;

impl Codec<Notification> for GoJson {
    fn encode(value: &Notification, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend(to_json(&value.from, &value.to, value.message.as_bytes()));
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Notification, DecodeError> {
        let wrong = |reason: String| DecodeError::new::<Notification>(reason);
        let json: Json = serde_json::from_str(&go::text(bytes)).map_err(|error| wrong(error.to_string()))?;
        read(&json).map_err(|(field, wanted)| wrong(format!("{field} is not {wanted}")))
    }

    fn to_json(value: &Notification) -> Result<Json, EncodeError> {
        let json = to_json(&value.from, &value.to, value.message.as_bytes());
        serde_json::from_slice(&json).map_err(|error| EncodeError::new::<Notification>(error.to_string()))
    }

    fn from_json(json: &Json) -> Result<Notification, DecodeError> {
        Self::decode(json.to_string().as_bytes())
    }

    fn example_text() -> String {
        let [emma, bruno, ..] = users();
        let example = to_json(&bruno, &emma, b"Bruno started following you.");
        String::from_utf8_lossy(&example).into_owned()
    }
}

/// A field's name, and what it has to be.
type Wrong = (&'static str, &'static str);

fn read(json: &Json) -> Result<Notification, Wrong> {
    let Some(fields) = object(json, "it")? else { return Ok(Notification::default()) };
    Ok(Notification {
        from: read_user(field(fields, "from"), "`from`")?,
        to: read_user(field(fields, "to"), "`to`")?,
        message: read_text(field(fields, "message"), "`message`")?,
    })
}

fn read_user(json: &Json, name: &'static str) -> Result<User, Wrong> {
    let Some(fields) = object(json, name)? else { return Ok(User::default()) };
    let id = match field(fields, "id") {
        Json::Null => 0,
        id => id.as_i64().ok_or(("`id`", "a whole number of 64 bits"))?,
    };
    Ok(User { id, name: read_text(field(fields, "name"), "`name`")? })
}

fn read_text(json: &Json, name: &'static str) -> Result<String, Wrong> {
    match json {
        Json::Null => Ok(String::new()),
        Json::String(text) => Ok(text.clone()),
        _ => Err((name, "a text")),
    }
}

fn object<'a>(json: &'a Json, name: &'static str) -> Result<Option<&'a Map<String, Json>>, Wrong> {
    match json {
        Json::Null => Ok(None),
        Json::Object(fields) => Ok(Some(fields)),
        _ => Err((name, "an object")),
    }
}

fn field<'a>(fields: &'a Map<String, Json>, name: &str) -> &'a Json {
    let in_any_case = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    fields.get(name).or_else(in_any_case).unwrap_or(&Json::Null)
}
