//! What the compiler says about types that are tried first and have no wire format: for each kind of type one sentence
//! that names what to use instead.
//!
//! The compiler prints the message of the innermost trait that is missing, and a message can tell types apart only by
//! their trait. So each kind has a trait of its own, which nothing implements: its types would be a [`Value`] and a
//! [`Key`](super::Key) if Java could write them. No type gains or loses anything by this, because the bounds never hold.
//!
//! `do_not_recommend` keeps the types out of the lists of types that do have a format.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant, SystemTime};

use super::{DecodeError, EncodeError, Key, Value};

/// What a part of a type has, so that the type can be a [`Value`] by all but its format.
pub trait Part: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Part for T {}

/// A type without a wire format, and the kind of types it belongs to.
pub trait WireFormat: Part {
    /// The kind.
    type Kind;
}

/// As [`WireFormat`], for types that are tried as keys.
pub trait KeyFormat: WireFormat + Hash + Eq {}

/// A kind of types whose `T` can be written. None can.
pub trait Writes<T> {}

#[doc(hidden)]
impl<T: WireFormat<Kind: Writes<T>>> Value for T {
    fn encode(&self, _out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Err(EncodeError::new::<T>("it has no wire format"))
    }

    fn decode(_bytes: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::new::<T>("it has no wire format"))
    }
}

#[doc(hidden)]
impl<T: KeyFormat> Key for T where T::Kind: Writes<T> {}

/// Kafka Streams' serdes, which determine the formats of types without a derive.
#[derive(Debug)]
pub struct Java;

/// A kind of types, the trait with its message, and the types with their parts, if they have any.
macro_rules! refused {
    ($(#[$message:meta] $kind:ident, $format:ident: $([$($part:ident)*] $type:ty),* $(; values: $([$($of:ident)*] $value:ty),+)?;)+) => { $(
        #[derive(Debug)]
        pub struct $kind;

        #[$message]
        pub trait $format<T> {}

        impl<T> Writes<T> for $kind where Java: $format<T> {}

        $(
            #[diagnostic::do_not_recommend]
            impl<$($part: Part),*> WireFormat for $type {
                type Kind = $kind;
            }

            #[diagnostic::do_not_recommend]
            impl<$($part: Part + Hash + Eq),*> KeyFormat for $type {}
        )*

        $($(
            #[diagnostic::do_not_recommend]
            impl<$($of: Part),*> WireFormat for $value {
                type Kind = $kind;
            }
        )+)?
    )+ };
}

/// Arrays of any length, which a macro's list of parts cannot say.
#[diagnostic::do_not_recommend]
impl<T: Part, const N: usize> WireFormat for [T; N] {
    type Kind = Elements;
}

#[diagnostic::do_not_recommend]
impl<T: Part + Hash + Eq, const N: usize> KeyFormat for [T; N] {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Sync + 'static> WireFormat for &'static T {
    type Kind = Borrowed;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Sync + Hash + Eq + 'static> KeyFormat for &'static T {}

refused! {
    #[diagnostic::on_unimplemented(
        message = "`{T}` is larger on some machines than on others, so it has no wire format: use `u64` or `i64`",
        label = "use `u64` or `i64`",
        note = "`length as u64` converts a `usize`; Java reads both as a `Long`"
    )]
    MachineSized, MachineSizedFormat: [] usize, [] isize;

    #[diagnostic::on_unimplemented(
        message = "`{T}` has no wire format, because Java has no numbers of 128 bits: use `i64` or `u64`",
        label = "use `i64` or `u64`",
        note = "if 64 bits are not enough, use `Uuid` for an id, and a `String` or `Vec<u8>` for anything else"
    )]
    Wide, WideFormat: [] u128, [] i128;

    #[diagnostic::on_unimplemented(
        message = "`{T}` has no wire format: use `String`",
        label = "use `String`",
        note = "`letter.to_string()` converts it"
    )]
    Letter, LetterFormat: [] char;

    #[diagnostic::on_unimplemented(
        message = "the tuple `{T}` has no wire format, because Java has none for tuples: use a struct of your own",
        label = "a tuple can be neither stored nor sent",
        note = "`#[derive(Clone, Serialize, Deserialize, Value)] #[streams(json)] struct Pair {{ .. }}` is a value; \
                a key derives `Key` in place of `Value`, and also `PartialEq, Eq, Hash`",
        note = "values between two operators may be tuples"
    )]
    Tuple, TupleFormat:
        [A] (A,), [A B] (A, B), [A B C] (A, B, C), [A B C D] (A, B, C, D), [A B C D E] (A, B, C, D, E),
        [A B C D E F] (A, B, C, D, E, F);

    #[diagnostic::on_unimplemented(
        message = "`{T}` borrows, but what is stored or sent must own its data: \
                   use `String` instead of `&str`, `Vec<u8>` instead of `&[u8]`",
        label = "use a type that owns its data",
        note = "`.to_owned()` makes an owned value from a borrowed one"
    )]
    Borrowed, BorrowedFormat: ;

    #[diagnostic::on_unimplemented(
        message = "`{T}` has no wire format: use `List<..>` for a list, or `Vec<u8>` for bytes",
        label = "use `List<..>`, or `Vec<u8>` for bytes",
        note = "`millstream::wire::List(elements)` wraps a `Vec` and is written like Java's `Serdes.ListSerde`"
    )]
    Elements, ElementsFormat: [T] Vec<T>, [T] VecDeque<T>;

    #[diagnostic::on_unimplemented(
        message = "`{T}` has no wire format of its own: put it into a struct with `#[derive(Value)] #[streams(json)]`",
        label = "put it into a struct of your own",
        note = "`#[derive(Clone, Serialize, Deserialize, Value)] #[streams(json)] struct Mine({T});`"
    )]
    Collection, CollectionFormat:
        [K V] BTreeMap<K, V>, [T] BTreeSet<T>; values: [K V S] HashMap<K, V, S>, [T S] HashSet<T, S>;

    #[diagnostic::on_unimplemented(
        message = "`{T}` has no wire format: use milliseconds, as an `i64`",
        label = "use milliseconds, as an `i64`",
        note = "`duration.as_millis() as i64` converts a duration; a record's own time is its timestamp"
    )]
    Time, TimeFormat: [] Duration, [] SystemTime, [] Instant;

    #[diagnostic::on_unimplemented(
        message = "`{T}` may be null, but a row of a table or a store cannot be null: use the type inside the `Option`",
        label = "a row is either there or not",
        note = "`None` deletes a table's row where a closure may return it, as in `map_values`, `reduce` and `aggregate_with`; \
                only the values of streams and topics may be an `Option`"
    )]
    MaybeAbsent, MaybeAbsentFormat: [V] Option<V>;

    #[diagnostic::on_unimplemented(
        message = "`{T}` means that records have no key or no value: give them a key first, with `.select_key(..)` or \
                   `.group_by(..)`",
        label = "there is nothing to group, join or store by",
        note = "a table's rows and a store's entries have a key and a value"
    )]
    Nothing, NothingFormat: [] ();
}
