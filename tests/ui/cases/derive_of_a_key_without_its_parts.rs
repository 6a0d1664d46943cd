//! A key is hashed and compared.

use millstream::prelude::*;

#[derive(Clone, Key)]
struct User(u64);

fn main() {}
