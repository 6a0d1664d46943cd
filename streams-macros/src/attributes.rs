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
                    return Err(meta.error(unknown_format(&meta.path)));
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

fn unknown_format(named: &Path) -> String {
    let name = named.get_ident().map(ToString::to_string).unwrap_or_default();
    let meant = ["json", "msgpack", "codec"].into_iter().find(|known| is_nearly(&name, known));
    let guess = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    format!("unknown format; {guess}there are `json`, `msgpack` and `codec = path::To::Codec`")
}

/// Whether the names differ in one letter: missing, too many or another one; or in upper and lower case.
fn is_nearly(typed: &str, known: &str) -> bool {
    let (typed, known) = (typed.to_lowercase().into_bytes(), known.as_bytes());
    let same_start = typed.iter().zip(known).take_while(|(typed, known)| typed == known).count();
    let same_end = typed.iter().rev().zip(known.iter().rev()).take_while(|(typed, known)| typed == known).count();
    typed.len().abs_diff(known.len()) <= 1 && same_start + same_end + 1 >= typed.len().max(known.len())
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
