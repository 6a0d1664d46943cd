//! Types that serde can write and read, for formats that are built on serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type with serde's `Serialize` and `Deserialize`, which JSON and MessagePack need. Every such type implements it
/// automatically.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no serde derives, which its JSON or MessagePack format is made from",
    label = "serde cannot write and read it",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait SerdeValue: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> SerdeValue for T {}
