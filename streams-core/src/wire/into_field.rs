//! What a program may pass as a record's key or value.
//!
//! For each topic's type, there is one implementation that takes a number, so the compiler infers the type of `1` or `0.5`
//! from the topic. With `Into`, it could not: an `i64` can be made from eight types.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::Value;

/// What can be passed where a topic has keys or values of type `T`: a `T`, a `&T`, and forms that are commonly at hand,
/// such as a `&str` for a `String`.
///
/// ```
/// use millstream::log::Embedded;
/// use millstream::topic::Topic;
///
/// const PRICES: Topic<String, f64> = Topic::new("prices");
/// const STOCK: Topic<i32, Option<i64>> = Topic::new("stock");
/// let log = Embedded::in_memory();
/// log.send(&PRICES, "tea", 2.5)?;
/// log.send(&STOCK, 7, 12)?;
/// log.send(&STOCK, 7, None)?;
/// # Ok::<_, millstream::log::LogError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed where the topic or store has `{T}`",
    label = "expected `{T}`, found `{Self}`",
    note = "numbers are not converted: write `i64::from(..)`, or `.into()`, where the types differ",
    note = "a type of your own is passed as it is, or by reference",
    note = "`None` is a null, which a topic has if its type is an `Option`: `Topic<u64, Option<String>>`"
)]
pub trait IntoField<T> {
    /// The key or value.
    fn into_field(self) -> T;
}

impl<T> IntoField<T> for T {
    fn into_field(self) -> T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> IntoField<T> for &T {
    fn into_field(self) -> T {
        self.clone()
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value> IntoField<Option<V>> for V {
    fn into_field(self) -> Option<V> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value> IntoField<Option<V>> for &V {
    fn into_field(self) -> Option<V> {
        Some(self.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value> IntoField<Arc<V>> for V {
    fn into_field(self) -> Arc<V> {
        Arc::new(self)
    }
}

/// Forms of text and bytes, for a type and for an `Option` of it.
macro_rules! forms {
    ($($target:ty: $from:ty $(where [$($generic:tt)*])?, $value:ident => $into:expr;)*) => { $(
        #[diagnostic::do_not_recommend]
        impl $(<$($generic)*>)? IntoField<$target> for $from {
            fn into_field(self) -> $target {
                let $value = self;
                $into
            }
        }

        #[diagnostic::do_not_recommend]
        impl $(<$($generic)*>)? IntoField<Option<$target>> for $from {
            fn into_field(self) -> Option<$target> {
                let $value = self;
                Some($into)
            }
        }
    )* };
}

forms! {
    String: &str, text => text.to_owned();
    String: &&str, text => (*text).to_owned();
    String: Box<str>, text => text.into();
    String: Cow<'_, str>, text => text.into_owned();
    String: char, text => text.into();
    Arc<str>: &str, text => text.into();
    Arc<str>: String, text => text.into();
    Arc<str>: &String, text => text.as_str().into();
    Vec<u8>: &[u8], bytes => bytes.to_vec();
    Vec<u8>: [u8; N] where [const N: usize], bytes => bytes.to_vec();
    Vec<u8>: &[u8; N] where [const N: usize], bytes => bytes.to_vec();
    Vec<u8>: &str, text => text.into();
    Vec<u8>: String, text => text.into();
    Bytes: &[u8], bytes => Bytes::copy_from_slice(bytes);
    Bytes: [u8; N] where [const N: usize], bytes => Bytes::copy_from_slice(&bytes);
    Bytes: &[u8; N] where [const N: usize], bytes => Bytes::copy_from_slice(bytes);
    Bytes: Vec<u8>, bytes => bytes.into();
    Bytes: &str, text => Bytes::copy_from_slice(text.as_bytes());
    Bytes: String, text => text.into();
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::wire::Field;

    /// As a function that has a topic: `T` is known, the argument's type is not.
    fn passed<T: Field>(value: impl IntoField<T>) -> T {
        value.into_field()
    }

    #[test]
    fn literals_become_the_topics_type() {
        assert_eq!((passed::<u8>(1), passed::<i16>(-1), passed::<i32>(1), passed::<i64>(1)), (1, -1, 1, 1));
        assert_eq!((passed::<f32>(0.5), passed::<f64>(0.5)), (0.5, 0.5));
        assert_eq!((passed::<Option<i64>>(1), passed::<Option<u64>>(Some(1))), (Some(1), Some(1)));
        assert_eq!((passed::<Option<i64>>(None), passed::<Option<String>>(None)), (None, None));
        assert_eq!((passed::<Vec<u8>>([1, 2]), passed::<Vec<u8>>(vec![1, 2])), (vec![1, 2], vec![1, 2]));
        assert_eq!((passed::<Arc<i64>>(7), passed::<i64>(&7)), (Arc::new(7), 7));
        passed::<()>(());
    }

    #[test]
    #[expect(clippy::needless_borrows_for_generic_args, reason = "references are what is tested")]
    fn text_and_bytes_are_taken_as_they_are_at_hand() {
        let owned = "tea".to_owned();
        let strings: [String; 7] = [
            passed("tea"),
            passed(&"tea"),
            passed(&owned),
            passed(owned.clone()),
            passed(Cow::Borrowed("tea")),
            passed(Box::<str>::from("tea")),
            passed::<Option<String>>("tea").unwrap_or_default(),
        ];
        assert_eq!(strings, ["tea"; 7]);
        assert_eq!(passed::<String>('t'), "t");
        let shared: [Arc<str>; 3] = [passed("tea"), passed(&owned), passed(owned.clone())];
        assert_eq!(shared.map(|text| text.to_string()), ["tea"; 3]);
        let slice = &b"tea"[..];
        let bytes: [Vec<u8>; 5] =
            [passed(b"tea"), passed(slice), passed("tea"), passed(owned.clone()), passed(*b"tea")];
        assert_eq!(bytes, [slice; 5]);
        let bytes: [Bytes; 4] = [passed(b"tea"), passed(slice), passed(slice.to_vec()), passed(owned)];
        assert_eq!(bytes, [slice; 4]);
        assert_eq!(passed::<Option<Uuid>>(Uuid::nil()), Some(Uuid::nil()));
    }

    /// In generic code, the topic's own type is what is passed.
    #[test]
    fn a_type_parameter_is_passed_as_it_is() {
        fn generic<V: Field>(value: V) -> (V, V) {
            (passed::<V>(&value), passed::<V>(value))
        }
        assert_eq!(generic("a".to_owned()), ("a".to_owned(), "a".to_owned()));
        assert_eq!(generic(Some(1_i64)), (Some(1), Some(1)));
    }
}
