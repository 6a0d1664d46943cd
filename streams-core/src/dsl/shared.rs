//! What a closure of a topology must be, besides a function.

/// A closure that all tasks share: each calls it on its own thread, for as long as the application runs.
///
/// So it must be `Send + Sync + 'static`, it is an `Fn`, and it cannot change what it captures. A counter, a cache or a
/// list of what has been seen belongs in a store: it is kept per task, moves with the task, and is restored after a
/// crash. [`KStream::process`](super::KStream::process) and
/// [`process_values`](super::KStream::process_values) hand stores to a closure, and aggregations such as
/// [`count`](super::KGroupedStream::count) need no closure that remembers anything:
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const LINES: Topic<u64, String> = Topic::new("lines");
/// const NUMBERED: Topic<u64, String> = Topic::new("numbered-lines");
/// const NUMBERS: KeyValueStore<u64, u64> = KeyValueStore::new("numbers");
///
/// let builder = StreamsBuilder::new();
/// // Not `let mut number = 0;` outside of the closure.
/// builder
///     .stream(LINES)
///     .process_values(NUMBERS, |mut numbers, file, line, out| {
///         let number = numbers.get(file).unwrap_or(0) + 1;
///         numbers.put(file, number);
///         out.send(format!("{number}: {line}"));
///     })
///     .to(NUMBERED);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// driver.pipe(&LINES, 7_u64, "to be");
/// driver.pipe(&LINES, 7_u64, "or not");
/// assert_eq!(driver.read(&NUMBERED), [(7, "1: to be".to_owned()), (7, "2: or not".to_owned())]);
/// # Ok::<(), TopologyError>(())
/// ```
///
/// What is not state, such as a client of another service or figures for a monitor, is captured by `move` behind an
/// `Arc`, with an atomic or a `Mutex` inside if it changes.
///
/// Every type that is `Send + Sync + 'static` implements this trait.
#[diagnostic::on_unimplemented(
    message = "a closure is shared by all tasks, each on its own thread, but this one captures what threads cannot \
               share, such as an `Rc`, a `Cell` or a `RefCell`",
    label = "not `Send + Sync`: keep state in a store, with `.process(STORE, ..)` or an aggregation",
    note = "a store is kept per task, moves with it and survives crashes; what is no state can be an `Arc` with an \
            atomic or a `Mutex` in it"
)]
pub trait Shared: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Shared for T {}
