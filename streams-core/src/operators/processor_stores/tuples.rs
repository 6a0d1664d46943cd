//! Several stores of a processor at once.

use super::{ProcessorStore, StoreSpec, StoreTuple, StoreUse};
use crate::operators::{BuildError, NodeBuilder, StoreId};

fn missing(builder: &NodeBuilder<'_>) -> BuildError {
    builder.error("it was not given as many stores as it asked for")
}

macro_rules! store_tuples {
    ($(($($name:ident $position:tt),*))*) => {$(
        impl<$($name: ProcessorStore),*> StoreTuple for ($($name,)*) {
            type Refs<'a> = ($($name::Ref<'a>,)*);
            type Open = ($($name::Open,)*);

            fn specs(&self) -> Vec<StoreSpec> {
                vec![$(self.$position.spec()),*]
            }

            #[allow(unused_variables, reason = "there may be no stores")]
            fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<Self::Open, BuildError> {
                Ok(($($name::open(builder, *stores.get($position).ok_or_else(|| missing(builder))?)?,)*))
            }

            #[allow(clippy::unused_unit, unused_variables, reason = "there may be no stores")]
            fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Refs<'a> {
                ($($name::lend(&open.$position, use_),)*)
            }
        }
    )*};
}

store_tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

/// One store alone.
impl<S: ProcessorStore> StoreTuple for S {
    type Refs<'a> = S::Ref<'a>;
    type Open = <S as ProcessorStore>::Open;

    fn specs(&self) -> Vec<StoreSpec> {
        vec![self.spec()]
    }

    fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<<S as ProcessorStore>::Open, BuildError> {
        <S as ProcessorStore>::open(builder, *stores.first().ok_or_else(|| missing(builder))?)
    }

    fn lend<'a>(open: &'a <S as ProcessorStore>::Open, use_: &'a StoreUse) -> S::Ref<'a> {
        <S as ProcessorStore>::lend(open, use_)
    }
}
