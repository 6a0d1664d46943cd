//! `#[derive(Value)]` and `#[derive(Key)]`: wire formats for your own types.
//!
//! The formats and an example are on the page of [`derive(Value)`](macro@Value).

use proc_macro::TokenStream;

mod attributes;
mod expand;

/// Gives a type a wire format, so that it can be stored and sent.
///
/// An attribute chooses the format:
///
/// | attribute | format |
/// |---|---|
/// | none, on a struct around one field: `struct UserId(u64);` | the field's format |
/// | `#[streams(json)]` | [JSON](../millstream/wire/json/index.html): the type also derives `serde::Serialize` and `serde::Deserialize` |
/// | `#[streams(msgpack)]` | [MessagePack](../millstream/wire/msgpack/index.html) with named fields, with the same derives |
/// | `#[streams(codec = path::To)]` | your own, which implements [`Codec`](../millstream/wire/trait.Codec.html) |
///
/// `serde` with its feature `derive` has to be among your own dependencies. `#[streams(crate = path)]` gives the path to
/// the engine, if it is not `::millstream`.
///
/// A type that identifies records derives [`Key`](macro@Key) instead, which includes `Value`: **derive one or the other, not
/// both.**
///
/// ```
/// use millstream::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Key, Clone, PartialEq, Eq, Hash)]
/// struct UserId(u64);
///
/// #[derive(Value, Clone, Serialize, Deserialize)]
/// #[streams(json)]
/// struct Click {
///     page: String,
///     millis: u64,
/// }
///
/// const CLICKS: Topic<UserId, Click> = Topic::new("clicks");
///
/// let mut bytes = Vec::new();
/// UserId(7).encode(&mut bytes)?;
/// assert_eq!(bytes, 7_u64.to_be_bytes());
///
/// let click = Click::decode(br#"{"page":"/home","millis":3}"#)?;
/// assert_eq!(click.page, "/home");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_derive(Value, attributes(streams))]
pub fn derive_value(input: TokenStream) -> TokenStream {
    derive(input, expand::value)
}

/// Makes a type a record's key: gives it a wire format, as [`derive(Value)`](macro@Value) does, where the formats are, and
/// declares that it can be hashed and compared.
///
/// A key determines its record's partition and identifies a table's row, so the type also derives `PartialEq`, `Eq` and
/// `Hash`, besides `Clone`. It is not derived together with `Value`, which it includes.
///
/// ```
/// use millstream::prelude::*;
///
/// #[derive(Key, Clone, PartialEq, Eq, Hash)]
/// struct UserId(u64);
///
/// #[derive(Key, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
/// #[streams(json)]
/// struct PageInCountry {
///     country: String,
///     page: String,
/// }
///
/// const VIEWS: Topic<UserId, String> = Topic::new("views");
/// const PAGES: Topic<PageInCountry, i64> = Topic::new("views-per-page-and-country");
/// ```
#[proc_macro_derive(Key, attributes(streams))]
pub fn derive_key(input: TokenStream) -> TokenStream {
    derive(input, expand::key)
}

fn derive(input: TokenStream, expand: fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    syn::parse(input).and_then(|input| expand(&input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
