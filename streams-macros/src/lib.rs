//! `#[derive(Value)]` and `#[derive(Key)]`: wire formats for your own types.
//!
//! A `Value` can be stored and sent. A `Key` is a `Value` that can also determine a partition and identify a row, so it
//! needs `PartialEq`, `Eq` and `Hash` besides `Clone`. **`Key` includes `Value`: derive one or the other, not both.**
//!
//! An attribute chooses the format:
//!
//! | attribute | format |
//! |---|---|
//! | none, on a struct around one field: `struct UserId(u64);` | the field's format |
//! | `#[streams(json)]` | JSON, through serde: the type also needs `serde::Serialize` and `serde::Deserialize` |
//! | `#[streams(msgpack)]` | MessagePack with named fields, through serde as well |
//! | `#[streams(codec = path::To)]` | your own, which implements `wire::Codec` |
//!
//! `#[streams(crate = path)]` gives the path to the engine, if it is not `::millstream`.
//!
//! ```
//! use millstream::wire::Value as _;
//! use millstream::{Key, Value};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Key, Clone, PartialEq, Eq, Hash)]
//! struct UserId(u64);
//!
//! #[derive(Value, Clone, Serialize, Deserialize)]
//! #[streams(json)]
//! struct Click {
//!     page: String,
//!     millis: u64,
//! }
//!
//! let mut bytes = Vec::new();
//! UserId(7).encode(&mut bytes)?;
//! assert_eq!(bytes, 7_u64.to_be_bytes());
//!
//! let click = Click::decode(br#"{"page":"/home","millis":3}"#)?;
//! assert_eq!(click.page, "/home");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use proc_macro::TokenStream;

mod attributes;
mod expand;

/// Gives a type a wire format, so that it can be stored and sent. See the [crate's page](crate) for
/// the formats.
#[proc_macro_derive(Value, attributes(streams))]
pub fn derive_value(input: TokenStream) -> TokenStream {
    derive(input, expand::value)
}

/// Makes a type a record key: gives it a wire format, as [`derive(Value)`](macro@Value) does, and declares that it can be
/// hashed and compared. See the [crate's page](crate) for the formats.
#[proc_macro_derive(Key, attributes(streams))]
pub fn derive_key(input: TokenStream) -> TokenStream {
    derive(input, expand::key)
}

fn derive(input: TokenStream, expand: fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    syn::parse(input).and_then(|input| expand(&input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
