//! Types that serde can write and read, for formats that are built on serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type with serde's `Serialize` and `Deserialize`, which JSON and MessagePack need. Every such type implements it
/// automatically.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs `#[derive(serde::Serialize, serde::Deserialize)]` for its JSON or MessagePack format",
    label = "serde cannot write and read it",
    note = "serde comes with `cargo add serde --features derive`"
)]
pub trait SerdeValue: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> SerdeValue for T {}
