//! A processor within a task.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::forward::{NamedOutputs, Place};
use super::schedule::TOO_OFTEN;
use super::{Forward, Processor, PunctuationId, Schedule};
use crate::operators::processor_stores::{Refs, StoreTuple, StoreUse};
use crate::operators::{
    BuildError, BuiltNode, Close, Context, Next, NodeBuilder, OperatorError, Punctuate, Recipe, StoreId,
};
use crate::record::{Headers, Record, Timestamp};

/// A node that runs a [`Processor`]. `ids` are the numbers of its stores, in order.
pub(crate) fn processor_recipe<P, K, V, K2, V2>(
    ids: Vec<StoreId>,
    make: impl Fn() -> P + Send + Sync + 'static,
) -> Recipe
where
    P: Processor<K, V, K2, V2>,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    Recipe::new(move |builder| build(builder, &ids, make()))
}

/// A processor within a task.
struct ProcessorNode<P, S: StoreTuple, K, V, K2, V2> {
    node: Arc<str>,
    processor: P,
    stores: S::Open,
    outputs: NamedOutputs<K2, V2>,
    schedule: Schedule,
    input: PhantomData<fn(K, V)>,
}

fn build<P, K, V, K2, V2>(
    builder: &mut NodeBuilder<'_>,
    ids: &[StoreId],
    mut processor: P,
) -> Result<BuiltNode, BuildError>
where
    P: Processor<K, V, K2, V2>,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    let mut schedule = Schedule::new(builder.schedule_book());
    processor.init(&mut schedule);
    if schedule.take_too_often() {
        return Err(builder.error(TOO_OFTEN));
    }
    let outputs = NamedOutputs { outputs: builder.outputs()?, names: builder.child_names() };
    let (node, stores) = (Arc::clone(builder.name()), P::Stores::open(builder, ids)?);
    let node = ProcessorNode { node, processor, stores, outputs, schedule, input: PhantomData };
    let node = Rc::new(RefCell::new(node));
    let scheduled = node.borrow_mut().schedule.connect(&(Rc::clone(&node) as Rc<RefCell<dyn Punctuate>>));
    scheduled.into_iter().for_each(|punctuation| builder.punctuate(punctuation));
    builder.close_with_task(Rc::clone(&node) as Rc<RefCell<dyn Close>>);
    Ok(BuiltNode::shared::<K, V, _>(&node))
}

impl<P, S: StoreTuple, K, V, K2: Clone, V2: Clone> ProcessorNode<P, S, K, V, K2, V2> {
    /// Runs the program's code. What it sends is delivered while it runs.
    fn run(
        &mut self,
        context: &mut Context,
        timestamp: Timestamp,
        headers: &Headers,
        code: impl FnOnce(&mut P, Refs<'_, S>, &mut Forward<'_, K2, V2>),
    ) -> Result<(), OperatorError> {
        let use_ = StoreUse::new(timestamp, context.stream_time);
        let (node, schedule) = (&self.node, &mut self.schedule);
        let place = Place { node, context, schedule, use_: &use_, timestamp, headers };
        let mut out = Forward { place, outputs: &self.outputs };
        code(&mut self.processor, S::lend(&self.stores, &use_), &mut out);
        if self.schedule.take_too_often() {
            let reason = TOO_OFTEN.to_owned();
            use_.fail_with(OperatorError::Schedule { node: self.node.to_string(), reason });
        }
        use_.finish(&self.node, context)
    }
}

impl<P, K, V, K2, V2> Next<K, V> for ProcessorNode<P, P::Stores, K, V, K2, V2>
where
    P: Processor<K, V, K2, V2>,
    K2: Clone,
    V2: Clone,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        self.run(context, timestamp, &headers, |processor, stores, out| processor.process(stores, record, out))
    }
}

impl<P, K, V, K2, V2> Punctuate for ProcessorNode<P, P::Stores, K, V, K2, V2>
where
    P: Processor<K, V, K2, V2>,
    K2: Clone,
    V2: Clone,
{
    fn punctuate(
        &mut self,
        context: &mut Context,
        punctuation: PunctuationId,
        now: Timestamp,
    ) -> Result<(), OperatorError> {
        self.run(context, now, &Headers::new(), |processor, stores, out| {
            processor.punctuate(punctuation, now, stores, out);
        })
    }
}

impl<P, K, V, K2, V2> Close for ProcessorNode<P, P::Stores, K, V, K2, V2>
where
    P: Processor<K, V, K2, V2>,
{
    fn close(&mut self) {
        self.processor.close();
    }
}
