//! What the DSL's handles have in common: they are `Copy` whatever their types are, which a derive would
//! not say.

/// `Clone` and `Copy` for a handle of types `K` and `V`.
macro_rules! copy {
    ($handle:ident) => {
        impl<K, V> Clone for $handle<'_, K, V> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<K, V> Copy for $handle<'_, K, V> {}
    };
}

/// The same, `Debug` and `new` for a handle that is a builder, one of its steps and the types.
macro_rules! step {
    ($handle:ident) => {
        $crate::dsl::handle::copy!($handle);

        impl<K, V> std::fmt::Debug for $handle<'_, K, V> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($handle), "({})"), self.step.0)
            }
        }

        impl<'t, K, V> $handle<'t, K, V> {
            pub(in $crate::dsl) const fn new(
                builder: &'t $crate::dsl::StreamsBuilder,
                step: $crate::topology::plan::StepId,
            ) -> Self {
                Self { builder, step, types: std::marker::PhantomData }
            }
        }
    };
}

pub(super) use {copy, step};
