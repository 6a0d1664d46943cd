//! An example of what a type looks like as JSON, found by letting it read one.
//!
//! serde's types say what they expect only while they are read. So here they read from somebody who gives them whatever
//! they ask for, zeros and empty lists above all, and writes down what it was.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value as Json};

use super::serde_value::SerdeValue;

/// How deep types may contain others. One that contains itself would go on for ever.
const DEPTH_MAX: u32 = 8;

/// What a `T` looks like. What could not be found out is null.
pub(super) fn example<T: SerdeValue>() -> Json {
    let found = RefCell::new(Json::Null);
    let depth = Cell::new(0);
    // A type that checks what it reads may refuse it. What it asked for is known all the same.
    let _ = T::deserialize(Asked { found: &found, depth: &depth });
    found.into_inner()
}

/// Why reading ended.
#[derive(Debug)]
struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended")
    }
}

impl std::error::Error for Ended {}

impl serde::de::Error for Ended {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

/// Gives what is asked for, and remembers it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    found: &'a RefCell<Json>,
    depth: &'a Cell<u32>,
}

impl Asked<'_> {
    fn found(&self, json: impl Into<Json>) {
        *self.found.borrow_mut() = json.into();
    }

    /// Lets something inside be read, and returns what it looks like.
    fn inside<'de, S: DeserializeSeed<'de>>(&self, seed: S) -> (Json, Result<S::Value, Ended>) {
        let found = RefCell::new(Json::Null);
        if self.depth.get() == DEPTH_MAX {
            return (Json::Null, Err(Ended));
        }
        self.depth.set(self.depth.get() + 1);
        let read = seed.deserialize(Asked { found: &found, depth: self.depth });
        self.depth.set(self.depth.get() - 1);
        (found.into_inner(), read)
    }
}

macro_rules! give {
    ($($ask:ident, $visit:ident: $given:expr;)*) => { $(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
            self.found($given);
            visitor.$visit($given)
        }
    )* };
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Ended;

    give! {
        deserialize_bool, visit_bool: false;
        deserialize_i8, visit_i8: 0;
        deserialize_i16, visit_i16: 0;
        deserialize_i32, visit_i32: 0;
        deserialize_i64, visit_i64: 0;
        deserialize_u8, visit_u8: 0;
        deserialize_u16, visit_u16: 0;
        deserialize_u32, visit_u32: 0;
        deserialize_u64, visit_u64: 0;
        deserialize_f32, visit_f32: 0.0;
        deserialize_f64, visit_f64: 0.0;
        deserialize_str, visit_str: "text";
        deserialize_string, visit_str: "text";
        deserialize_identifier, visit_str: "text";
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.found(0);
        visitor.visit_i128(0)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.found(0);
        visitor.visit_u128(0)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.found("c");
        visitor.visit_char('c')
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_unit()
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.found(Vec::<Json>::new());
        visitor.visit_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.deserialize_bytes(visitor)
    }

    /// As if it were there, because what is in it says more than null.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Ended> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.deserialize_tuple(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Ended> {
        self.found(Vec::<Json>::new());
        visitor.visit_seq(Parts { asked: self, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Ended> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Ended> {
        self.found(Map::new());
        visitor.visit_map(Fields { asked: self, names: &[], open: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        // Also if the first field ends it, all of them are shown.
        self.found(names.iter().map(|name| ((*name).to_owned(), Json::Null)).collect::<Map<_, _>>());
        visitor.visit_map(Fields { asked: self, names, open: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        let name = *variants.first().ok_or(Ended)?;
        self.found(name);
        visitor.visit_enum(Variant { asked: self, name })
    }
}

/// The elements of a list.
struct Parts<'a> {
    asked: Asked<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Ended;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Ended> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let (json, read) = self.asked.inside(seed);
        if let Json::Array(elements) = &mut *self.asked.found.borrow_mut() {
            elements.push(json);
        }
        read.map(Some)
    }
}

/// The fields of a struct.
struct Fields<'a> {
    asked: Asked<'a>,
    names: &'static [&'static str],
    open: Option<&'static str>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Ended;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Ended> {
        let Some((name, rest)) = self.names.split_first() else { return Ok(None) };
        (self.open, self.names) = (Some(*name), rest);
        let name: StrDeserializer<'_, Ended> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Ended> {
        let name = self.open.take().ok_or(Ended)?;
        let (json, read) = self.asked.inside(seed);
        if let Json::Object(fields) = &mut *self.asked.found.borrow_mut() {
            fields.insert(name.to_owned(), json);
        }
        read
    }
}

/// The first variant of an enum.
struct Variant<'a> {
    asked: Asked<'a>,
    name: &'static str,
}

impl Variant<'_> {
    /// Wraps what is in the variant, as serde does.
    fn wrap(&self) {
        let mut found = self.asked.found.borrow_mut();
        let inside = found.take();
        *found = Json::Object(Map::from_iter([(self.name.to_owned(), inside)]));
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Ended;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Ended> {
        let name: StrDeserializer<'_, Ended> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Ended;

    fn unit_variant(self) -> Result<(), Ended> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Ended> {
        let (json, read) = self.asked.inside(seed);
        self.asked.found(json);
        self.wrap();
        read
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Ended> {
        let read = self.asked.deserialize_tuple(length, visitor);
        self.wrap();
        read
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Ended> {
        let read = self.asked.deserialize_struct(self.name, names, visitor);
        self.wrap();
        read
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Click {
        page: String,
        millis: Option<u64>,
        tags: Vec<String>,
        by_country: BTreeMap<String, i64>,
        place: (f64, char),
    }

    #[derive(Serialize, Deserialize)]
    enum Event {
        Moved { to: Point },
        Closed,
    }

    #[derive(Serialize, Deserialize)]
    struct Point(i32, i32);

    #[derive(Serialize, Deserialize)]
    enum Color {
        Red,
    }

    #[derive(Serialize, Deserialize)]
    struct Tree {
        children: Vec<Tree>,
    }

    /// Refuses what it is given first.
    #[derive(Serialize, Deserialize)]
    struct Strict {
        only_yes: Yes,
        name: String,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(try_from = "String")]
    struct Yes;

    impl TryFrom<String> for Yes {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text == "yes" { Ok(Self) } else { Err(text) }
        }
    }

    #[test]
    fn a_type_shows_what_it_asks_for() {
        for (found, expected) in [
            (
                example::<Click>(),
                json!({ "page": "text", "millis": 0, "tags": ["text"], "by_country": {}, "place": [0.0, "c"] }),
            ),
            (example::<Event>(), json!({ "Moved": { "to": [0, 0] } })),
            (example::<Color>(), json!("Red")),
            (example::<Strict>(), json!({ "only_yes": "text", "name": null })),
            (example::<Option<bool>>(), json!(false)),
            (example::<u128>(), json!(0)),
            (example::<Json>(), json!(null)),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_example_is_read_by_its_type() {
        assert!(serde_json::from_value::<Click>(example::<Click>()).is_ok());
        assert!(serde_json::from_value::<Event>(example::<Event>()).is_ok());
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        assert!(example::<Tree>().to_string().len() < 500);
    }
}
