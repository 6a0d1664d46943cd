//! Interprets a case's steps: each becomes a call of the public DSL.
//!
//! One file per family of operators. What a step makes is a [`Handle`], which later steps use by the step's number.

use millstream::dsl::{GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, StreamsBuilder};
use millstream::topology::Topology;
use millstream::windows::{Session, Windowed};

use crate::case::Case;
use crate::functions::Nullable;
use crate::seen::Seen;
use crate::step::{Step, StepId};
use crate::text::Text;

mod aggregations;
mod cogroups;
mod joins;
mod low_level;
mod options;
mod processors;
mod sessions;
mod sources;
mod streams;
mod suppress;
mod table_joins;
mod tables;
mod windows;

use streams::Look;

/// What a step makes.
#[derive(Clone)]
enum Handle<'t> {
    Stream(Stream<'t>),
    WindowedStream(WindowedStream<'t>),
    SessionStream(SessionStream<'t>),
    Table(Table<'t>),
    WindowedTable(WindowedTable<'t>),
    SessionTable(SessionTable<'t>),
    GlobalTable(GlobalKTable<'t, Text, Text>),
    Group(Group<'t>),
    TableGroup(TableGroup<'t>),
    Split(Vec<Stream<'t>>),
    Nothing,
}

type Stream<'t> = KStream<'t, Nullable, Nullable>;
type WindowedStream<'t> = KStream<'t, Windowed<Text>, Nullable>;
type SessionStream<'t> = KStream<'t, Windowed<Text, Session>, Nullable>;
type Table<'t> = KTable<'t, Text, Text>;
type WindowedTable<'t> = KTable<'t, Windowed<Text>, Text>;
type SessionTable<'t> = KTable<'t, Windowed<Text, Session>, Text>;
type Group<'t> = KGroupedStream<'t, Nullable, Nullable>;
type TableGroup<'t> = KGroupedTable<'t, Text, Text>;

/// Why a case cannot be interpreted.
#[derive(thiserror::Error)]
pub enum Problem {
    /// A step is wrong, or uses what is not there yet.
    #[error("step {step}: {what}")]
    Step {
        /// The step's number.
        step: StepId,
        /// What is wrong.
        what: String,
    },
    /// The topology is refused.
    #[error("the topology is refused: {0}")]
    Refused(String),
}

impl std::fmt::Debug for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What is wrong with a step.
type What = String;

/// Builds a case's topology from its steps. What operators without output are given goes to `seen`.
///
/// # Errors
/// When a step makes no sense, is not there yet, or the topology is refused.
pub fn topology(case: &Case, seen: &Seen) -> Result<Topology, Problem> {
    let steps = case.steps.as_slice();
    let builder = StreamsBuilder::new();
    let mut interpreter = Interpreter { builder: &builder, seen: seen.clone(), steps, made: Vec::new() };
    for (number, step) in steps.iter().enumerate() {
        let made = interpreter.interpret(step).map_err(|what| Problem::Step { step: number, what })?;
        interpreter.made.push(made);
    }
    let optimizations = if case.optimize.is_empty() { "none".to_owned() } else { case.optimize.join(",") };
    let optimizations = optimizations.parse().map_err(Problem::Refused)?;
    let topology = builder.build_with(optimizations).map_err(|error| Problem::Refused(error.to_string()))?;
    if !case.wrapper {
        return Ok(topology);
    }
    let seen = seen.clone();
    Ok(topology.around_processors(move |call| {
        seen.entered(call.node());
        call.process();
    }))
}

/// The steps so far.
struct Interpreter<'t> {
    builder: &'t StreamsBuilder,
    seen: Seen,
    /// All of them.
    steps: &'t [Step],
    made: Vec<Handle<'t>>,
}

impl<'t> Interpreter<'t> {
    fn interpret(&self, step: &Step) -> Result<Handle<'t>, What> {
        match step {
            Step::Stream { .. } | Step::Table { .. } | Step::GlobalTable { .. } => self.source(step),
            Step::Filter { input, .. }
            | Step::FilterNot { input, .. }
            | Step::MapValues { input, .. }
            | Step::TransformValues { input, .. } => match self.get(*input)? {
                Handle::Table(table) => tables::values(table, step).map(Handle::Table),
                Handle::WindowedTable(table) => tables::values(table, step).map(Handle::WindowedTable),
                Handle::SessionTable(table) => tables::values(table, step).map(Handle::SessionTable),
                stream => self.keeping(stream, step),
            },
            Step::FlatMapValues { input, .. } | Step::Peek { input, .. } => self.keeping(self.get(*input)?, step),
            Step::Map { input, .. } | Step::FlatMap { input, .. } | Step::SelectKey { input, .. } => {
                let keyed = match self.get(*input)? {
                    Handle::Stream(stream) => streams::keyed(stream, step),
                    Handle::WindowedStream(stream) => streams::keyed(stream, step),
                    Handle::SessionStream(stream) => streams::keyed(stream, step),
                    _ => not_a("stream"),
                };
                keyed.map(Handle::Stream)
            }
            Step::ForEach { input, .. }
            | Step::Print { input, .. }
            | Step::To { input, .. }
            | Step::ToChosen { input, .. } => {
                let end = match self.get(*input)? {
                    Handle::Stream(stream) => streams::end(stream, step, self.look()),
                    Handle::WindowedStream(stream) => streams::end(stream, step, self.look()),
                    Handle::SessionStream(stream) => streams::end(stream, step, self.look()),
                    _ => not_a("stream"),
                };
                end.map(|()| Handle::Nothing)
            }
            Step::Merge { .. }
            | Step::Split { .. }
            | Step::Branch { .. }
            | Step::Repartition { .. }
            | Step::ToTable { .. } => self.stream_step(step),
            Step::GroupByKey { .. } | Step::GroupBy { .. } | Step::GroupTable { .. } => self.group(step),
            Step::Count { input, options }
            | Step::Reduce { input, options, .. }
            | Step::Aggregate { input, options, .. } => match (self.get(*input)?, &options.windows) {
                (Handle::Group(group), None) => aggregations::of_stream(group, step),
                (Handle::Group(group), Some(windows)) => windows::aggregation(group, *windows, step),
                (Handle::TableGroup(group), None) => aggregations::of_table(group, step),
                _ => Err(format!("step {input} is no group")),
            },
            Step::Join { .. } | Step::JoinTable { .. } | Step::JoinGlobal { .. } => self.join(step),
            Step::TableJoin { .. } | Step::FkJoin { .. } => self.table_join(step),
            Step::Cogroup { .. } => self.cogroup(step),
            Step::ToStream { .. } => self.to_stream(step),
            Step::Suppress { input, .. } => match self.get(*input)? {
                Handle::Table(table) => suppress::rows(table, step).map(Handle::Table),
                Handle::WindowedTable(table) => suppress::windowed(table, step).map(Handle::WindowedTable),
                Handle::SessionTable(table) => suppress::windowed(table, step).map(Handle::SessionTable),
                _ => not_a("table"),
            },
            Step::Process { .. } | Step::ProcessValues { .. } => self.process(step),
            Step::Store { .. } => self.store(step),
            Step::GlobalStore { .. } => self.global_store(step),
            Step::AddSource { .. }
            | Step::AddProcessor { .. }
            | Step::AddSink { .. }
            | Step::AddStore { .. }
            | Step::ConnectStore { .. } => self.low_level(step),
        }
    }

    fn keeping(&self, stream: Handle<'t>, step: &Step) -> Result<Handle<'t>, What> {
        match stream {
            Handle::Stream(stream) => streams::keeping(stream, step, self.look()).map(Handle::Stream),
            Handle::WindowedStream(stream) => streams::keeping(stream, step, self.look()).map(Handle::WindowedStream),
            Handle::SessionStream(stream) => streams::keeping(stream, step, self.look()).map(Handle::SessionStream),
            _ => not_a("stream"),
        }
    }

    fn look(&self) -> Look {
        Look { seen: self.seen.clone(), step: self.number() }
    }

    /// The number of the step that is being interpreted.
    fn number(&self) -> StepId {
        self.made.len()
    }

    fn get(&self, step: StepId) -> Result<Handle<'t>, What> {
        self.made.get(step).cloned().ok_or_else(|| format!("there is no step {step} before it"))
    }

    fn stream(&self, step: StepId) -> Result<Stream<'t>, What> {
        match self.get(step)? {
            Handle::Stream(stream) => Ok(stream),
            _ => Err(format!("step {step} is no stream")),
        }
    }

    fn table(&self, step: StepId) -> Result<Table<'t>, What> {
        match self.get(step)? {
            Handle::Table(table) => Ok(table),
            _ => Err(format!("step {step} is no table")),
        }
    }
}

/// The key that functions see where there is none.
const NO_KEY: Nullable = None;

fn not_a<T>(what: &str) -> Result<T, What> {
    Err(format!("its input is no {what}"))
}

/// For a field that a step does not have, or that does not fit.
fn unfit<T>(step: &Step) -> Result<T, What> {
    Err(format!("not like this: {step:?}"))
}
