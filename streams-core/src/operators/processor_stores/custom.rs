//! Stores of the program's own data structures in processors.

use std::any::TypeId;
use std::cell::{Ref, RefCell};
use std::ops::{Bound, Deref};
use std::rc::Rc;
use std::sync::Arc;

use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse, late};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::state::key_value::KeyValue;
use crate::state::kinds::{Custom, CustomStore, Structure};
use crate::state::rows::RowError;
use crate::state::{KeyOrder, StoreError, StoreErrorKind};
use crate::windows::WindowSizes;
use crate::wire::{Shapes, Value as _, refuse_windows};

/// A store of a program's own data structure, borrowed while a record is processed; see [`CustomStore`]. Failures are as
/// those of a [`StoreRef`](super::StoreRef).
pub struct CustomStoreRef<'a, S: Structure> {
    store: &'a CustomRows<S>,
    use_: &'a StoreUse,
}

/// The rows in a task, with the structure that they are in.
pub struct CustomRows<S: Structure> {
    rows: Rc<RefCell<KeyValue<S::Key, S::Value>>>,
    structure: Rc<RefCell<Filled<S>>>,
}

/// A structure, and whether it has the rows that were there when the task was opened.
struct Filled<S> {
    structure: S,
    is_filled: bool,
}

impl<S: Default> Default for Filled<S> {
    fn default() -> Self {
        Self { structure: S::default(), is_filled: false }
    }
}

/// How many rows are read at once when a task is opened.
const PAGE: usize = 256;

impl<S: Structure> Filled<S> {
    fn fill(&mut self, rows: &KeyValue<S::Key, S::Value>) -> Result<(), RowError> {
        if std::mem::replace(&mut self.is_filled, true) {
            return Ok(());
        }
        let (mut next, end) = (Some(Bound::Unbounded), Bound::Unbounded);
        while let Some(from) = next {
            let (pairs, behind) = rows.page((&from, &end), KeyOrder::Ascending, PAGE)?;
            for (key, value) in pairs {
                self.structure.change(&key, None, Some(&value));
            }
            next = behind;
        }
        Ok(())
    }
}

impl<S: Structure> CustomStoreRef<'_, S> {
    /// The structure, to read it. Nothing can be put meanwhile.
    #[must_use]
    pub fn structure(&self) -> impl Deref<Target = S> {
        Ref::map(self.store.structure.borrow(), |filled| &filled.structure)
    }

    /// The row of a key.
    #[must_use]
    pub fn get(&self, key: &S::Key) -> Option<S::Value> {
        self.use_.attempt(&self.store.rows, |rows| rows.get(key)).flatten()
    }

    /// Sets the row of a key, and tells the structure.
    pub fn put(&mut self, key: &S::Key, value: S::Value) {
        self.set(key, Some(&value));
    }

    /// Deletes the row of a key, if it is there, and tells the structure.
    pub fn delete(&mut self, key: &S::Key) {
        self.set(key, None);
    }

    fn set(&self, key: &S::Key, value: Option<&S::Value>) {
        self.use_.attempt(&self.store.rows, |rows| {
            let Ok(mut filled) = self.store.structure.try_borrow_mut() else {
                let reason = format!("a row of the store {} is put while its structure is read", rows.name());
                return Err(StoreError::new(StoreErrorKind::Other, reason).into());
            };
            let before = rows.get(key)?;
            rows.put(key, value, (self.use_.timestamp, self.use_.stream_time))?;
            filled.structure.change(key, before.as_ref(), value);
            Ok(())
        });
    }
}

impl<S: Structure> ProcessorStore for CustomStore<S> {
    type Ref<'a> = CustomStoreRef<'a, S>;
    type Open = CustomRows<S>;

    fn spec(&self) -> StoreSpec {
        const {
            refuse_windows::<S::Value>();
            assert!(
                S::Key::WINDOWS == 0,
                "the keys of a structure have no windows; put their starts into keys or values"
            );
        }
        StoreSpec {
            name: self.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("the structure {}", std::any::type_name::<S>()),
            shapes: Shapes::of::<S::Key, S::Value>(),
            windows_in_keys: 0,
            windows: WindowSizes::NONE,
            origin: StoreOrigin::Processor(Arc::new(Custom)),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        let rows = late::store(builder, store, KeyValue::new)?;
        let structure = builder.beside::<Filled<S>>(store)?;
        let filled = structure.borrow_mut().fill(&rows.borrow());
        filled.map_err(|error| builder.error(error.to_string()))?;
        Ok(CustomRows { rows, structure })
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> CustomStoreRef<'a, S> {
        CustomStoreRef { store: open, use_ }
    }
}
