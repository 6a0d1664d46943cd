//! Generates the code of the derives.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Type, WherePredicate, parse_quote};

use crate::attributes::{Attributes, Format};

/// The expansion of `#[derive(Value)]`.
pub(crate) fn value(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attributes = Attributes::of(input)?;
    refuse_what_cannot_be_a_value(input)?;
    implement_value(input, &attributes)
}

/// The expansion of `#[derive(Key)]`.
pub(crate) fn key(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attributes = Attributes::of(input)?;
    refuse_what_cannot_be_a_value(input)?;
    let value = implement_value(input, &attributes)?;
    let engine = &attributes.engine;
    let name = &input.ident;
    let bound = parse_quote! {
        Self: #engine::__private::Value + ::core::hash::Hash + ::core::cmp::Eq
    };
    let generics = with_bound(input, bound);
    let (implemented, types, bounds) = generics.split_for_impl();
    Ok(quote! {
        #value

        #[automatically_derived]
        impl #implemented #engine::__private::Key for #name #types #bounds {}
    })
}

fn refuse_what_cannot_be_a_value(input: &DeriveInput) -> syn::Result<()> {
    if let Data::Union(data) = &input.data {
        return Err(Error::new_spanned(data.union_token, "a union has no wire format; use a struct or an enum"));
    }
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let name = &input.ident;
        let message = format!(
            "`{name}` borrows (`{}`), but values that are stored or sent must own their data; \
             use `String` instead of `&str`, `Vec<u8>` instead of `&[u8]`",
            lifetime.lifetime
        );
        return Err(Error::new_spanned(lifetime, message));
    }
    Ok(())
}

fn implement_value(input: &DeriveInput, attributes: &Attributes) -> syn::Result<TokenStream> {
    match &attributes.format {
        Format::Inner => delegate_to(only_field(input)?, input, attributes),
        Format::Provided(codec, span) => {
            let engine = &attributes.engine;
            let codec = Ident::new(codec, *span);
            through_codec(quote_spanned!(*span=> #engine::__private::#codec), *span, input, attributes)
        }
        Format::Codec(path) => {
            let span = path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span());
            through_codec(path.to_token_stream(), span, input, attributes)
        }
    }
}

/// The type of the only field of a `struct Name(Type);`.
fn only_field(input: &DeriveInput) -> syn::Result<&Type> {
    if let Data::Struct(data) = &input.data
        && let Fields::Unnamed(fields) = &data.fields
        && let (Some(field), 1) = (fields.unnamed.first(), fields.unnamed.len())
    {
        return Ok(&field.ty);
    }
    let name = &input.ident;
    Err(Error::new_spanned(
        name,
        format!(
            "`{name}` has no wire format yet: choose `#[streams(json)]` or `#[streams(msgpack)]` \
             (only a struct around one field, such as `struct {name}(u64);`, has that field's format)"
        ),
    ))
}

/// Implements `Value` with the `Value` of the only field.
fn delegate_to(inner: &Type, input: &DeriveInput, attributes: &Attributes) -> syn::Result<TokenStream> {
    let engine = &attributes.engine;
    let private = quote!(#engine::__private);
    let name = &input.ident;
    let mut generics = with_bound(input, owned_bound());
    if has_types(input) {
        generics.make_where_clause().predicates.push(parse_quote!(#inner: #private::Value));
    }
    let (implemented, types, bounds) = generics.split_for_impl();
    // Errors about the field's type should point at it.
    let span = inner.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let inner = quote_spanned!(span.resolved_at(Span::call_site())=> <#inner as #private::Value>);
    Ok(quote! {
        #[automatically_derived]
        impl #implemented #private::Value for #name #types #bounds {
            const FIXED_SIZE: ::core::option::Option<::core::num::NonZeroUsize> = #inner::FIXED_SIZE;
            const WINDOWS: usize = #inner::WINDOWS;

            fn set_window_sizes(&mut self, sizes: &[#private::WindowSize]) {
                #inner::set_window_sizes(&mut self.0, sizes);
            }

            fn encode(
                &self,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                #inner::encode(&self.0, out)
            }

            fn decode(bytes: &[u8]) -> ::core::result::Result<Self, #private::DecodeError> {
                #inner::decode(bytes).map(Self)
            }

            fn partition_bytes(encoded: &[u8]) -> &[u8] {
                #inner::partition_bytes(encoded)
            }

            fn to_json(&self) -> ::core::result::Result<#private::JsonValue, #private::EncodeError> {
                #inner::to_json(&self.0)
            }

            fn from_json(json: &#private::JsonValue) -> ::core::result::Result<Self, #private::DecodeError> {
                #inner::from_json(json).map(Self)
            }

            fn from_text(text: &str) -> ::core::result::Result<Self, #private::DecodeError> {
                #inner::from_text(text).map(Self)
            }

            fn example_text() -> ::std::string::String {
                #inner::example_text()
            }
        }
    })
}

/// Implements `Value` with a codec.
fn through_codec(
    codec: TokenStream,
    span: Span,
    input: &DeriveInput,
    attributes: &Attributes,
) -> syn::Result<TokenStream> {
    let engine = &attributes.engine;
    let private = quote!(#engine::__private);
    let name = &input.ident;
    let mut generics = with_bound(input, owned_bound());
    if has_types(input) {
        generics.make_where_clause().predicates.push(parse_quote!(#codec: #private::Codec<Self>));
    }
    let (implemented, types, bounds) = generics.split_for_impl();
    // Errors about the codec should point at the place where the user chose it.
    let codec = quote_spanned!(span=> <#codec as #private::Codec<Self>>);
    Ok(quote! {
        #[automatically_derived]
        impl #implemented #private::Value for #name #types #bounds {
            fn encode(
                &self,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                #codec::encode(self, out)
            }

            fn decode(bytes: &[u8]) -> ::core::result::Result<Self, #private::DecodeError> {
                #codec::decode(bytes)
            }

            fn to_json(&self) -> ::core::result::Result<#private::JsonValue, #private::EncodeError> {
                #codec::to_json(self)
            }

            fn from_json(json: &#private::JsonValue) -> ::core::result::Result<Self, #private::DecodeError> {
                #codec::from_json(json)
            }

            fn from_text(text: &str) -> ::core::result::Result<Self, #private::DecodeError> {
                #codec::from_text(text)
            }

            fn example_text() -> ::std::string::String {
                #codec::example_text()
            }
        }
    })
}

fn has_types(input: &DeriveInput) -> bool {
    input.generics.params.iter().any(|parameter| matches!(parameter, GenericParam::Type(_)))
}

/// The bound that all values must satisfy. It is written only if it depends on a type parameter: otherwise the compiler
/// checks it by itself, with a better message.
fn owned_bound() -> WherePredicate {
    parse_quote! {
        Self: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
    }
}

fn with_bound(input: &DeriveInput, bound: WherePredicate) -> syn::Generics {
    let mut generics = input.generics.clone();
    if has_types(input) {
        generics.make_where_clause().predicates.push(bound);
    }
    generics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_answered_with_a_sentence() {
        for (item, expected) in [
            (
                "struct Click { page: String }",
                "`Click` has no wire format yet: choose `#[streams(json)]` or `#[streams(msgpack)]` (only a struct \
                 around one field, such as `struct Click(u64);`, has that field's format)",
            ),
            (
                "enum Event { Opened, Closed }",
                "`Event` has no wire format yet: choose `#[streams(json)]` or `#[streams(msgpack)]` (only a struct \
                 around one field, such as `struct Event(u64);`, has that field's format)",
            ),
            (
                "struct Pair(u64, u64);",
                "`Pair` has no wire format yet: choose `#[streams(json)]` or `#[streams(msgpack)]` (only a struct \
                 around one field, such as `struct Pair(u64);`, has that field's format)",
            ),
            (
                "#[streams(yaml)] struct Click;",
                "unknown format; there are `json`, `msgpack` and `codec = path::To::Codec`",
            ),
            (
                "#[streams(Msgpak)] struct Click;",
                "unknown format; did you mean `msgpack`? there are `json`, `msgpack` and `codec = path::To::Codec`",
            ),
            ("#[streams(json, msgpack)] struct Click;", "a type has one format; choose one of them"),
            ("#[streams(json)] #[streams(codec = Mine)] struct Click;", "a type has one format; choose one of them"),
            (
                "#[streams(json)] struct Click { #[streams(msgpack)] page: String }",
                "`#[streams(..)]` chooses the format of a whole type; put it on the type, not inside it",
            ),
            (
                "#[streams(json)] enum Event { #[streams(json)] Opened }",
                "`#[streams(..)]` chooses the format of a whole type; put it on the type, not inside it",
            ),
            (
                "#[streams(json)] struct Click<'a> { page: &'a str }",
                "`Click` borrows (`'a`), but values that are stored or sent must own their data; use `String` instead \
                 of `&str`, `Vec<u8>` instead of `&[u8]`",
            ),
            ("union Bits { a: u32, b: f32 }", "a union has no wire format; use a struct or an enum"),
        ] {
            let item: DeriveInput = syn::parse_str(item).unwrap();
            for derive in [value, key] {
                assert_eq!(derive(&item).unwrap_err().to_string(), expected);
            }
        }
    }
}
