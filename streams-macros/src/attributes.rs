//! Parses `#[streams(..)]`.

use proc_macro2::Span;
use syn::{Attribute, Data, DeriveInput, Error, Path};

/// The format chosen for a type.
pub(crate) enum Format {
    /// The format of its only field.
    Inner,
    /// A format of the engine, by its type; the span is where the user named it.
    Provided(&'static str, Span),
    /// A format of the user, by its type.
    Codec(Path),
}

/// All of `#[streams(..)]` on one type.
pub(crate) struct Attributes {
    pub(crate) format: Format,
    /// The path to the engine's crate.
    pub(crate) engine: Path,
}

impl Attributes {
    pub(crate) fn of(input: &DeriveInput) -> syn::Result<Self> {
        refuse_inside(input)?;
        let mut format: Option<Format> = None;
        let mut engine: Option<Path> = None;
        for attribute in streams(&input.attrs) {
            attribute.parse_nested_meta(|meta| {
                let chosen = if meta.path.is_ident("crate") {
                    engine = Some(meta.value()?.parse()?);
                    return Ok(());
                } else if meta.path.is_ident("json") {
                    Format::Provided("Json", meta.path.get_ident().map_or_else(Span::call_site, syn::Ident::span))
                } else if meta.path.is_ident("msgpack") {
                    Format::Provided(
                        "MessagePack",
                        meta.path.get_ident().map_or_else(Span::call_site, syn::Ident::span),
                    )
                } else if meta.path.is_ident("codec") {
                    Format::Codec(meta.value()?.parse()?)
                } else {
                    return Err(meta.error("unknown format; there are `json`, `msgpack` and `codec = path::To::Codec`"));
                };
                match format.replace(chosen) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("a type has one format; choose one of them")),
                }
            })?;
        }
        let engine = match engine {
            Some(engine) => engine,
            None => syn::parse_str("::millstream")?,
        };
        Ok(Self { format: format.unwrap_or(Format::Inner), engine })
    }
}

fn streams(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("streams"))
}

/// The compiler allows a derive's attribute anywhere inside the type, where it would have no effect.
fn refuse_inside(input: &DeriveInput) -> syn::Result<()> {
    let inside: Vec<&Attribute> = match &input.data {
        Data::Struct(data) => data.fields.iter().flat_map(|field| streams(&field.attrs)).collect(),
        Data::Enum(data) => data
            .variants
            .iter()
            .flat_map(|variant| {
                streams(&variant.attrs).chain(variant.fields.iter().flat_map(|field| streams(&field.attrs)))
            })
            .collect(),
        Data::Union(_) => Vec::new(),
    };
    match inside.first() {
        None => Ok(()),
        Some(attribute) => Err(Error::new_spanned(
            attribute,
            "`#[streams(..)]` chooses the format of a whole type; put it on the type, not inside it",
        )),
    }
}
