//! A struct around one field has that field's format.

use std::time::Duration;

use millstream::prelude::*;

#[derive(Clone, Value)]
struct Waited(Duration);

#[derive(Clone, Value)]
struct Page<'a>(&'a str);

#[derive(Clone, Copy, Value)]
union Bits {
    number: u32,
    float: f32,
}

fn main() {}
