//! A typo is answered with what was meant.

use millstream::prelude::*;

#[derive(Clone, serde::Serialize, serde::Deserialize, Value)]
#[streams(jsn)]
struct Click {
    page: String,
}

fn main() {}
