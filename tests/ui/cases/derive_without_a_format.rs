//! A type with several fields must choose its format.

use millstream::prelude::*;

#[derive(Clone, Value)]
struct Click {
    page: String,
}

fn main() {}
