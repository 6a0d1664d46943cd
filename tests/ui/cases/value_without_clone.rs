//! A value is cloned where a stream forks.

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Value)]
#[streams(json)]
struct Click {
    page: String,
}

fn main() {}
