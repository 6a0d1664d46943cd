//! `topics`: what the application needs, and what is there.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use streams_core::log::{Log, NewTopic, TopicInfo};
use streams_core::topic::TopicRef;
use streams_core::topology::TopicFacts;
use streams_core::wire::Shapes;

use crate::arguments::Place;
use crate::ask::{Asking, partitions_of};
use crate::failure::Failure;
use crate::place::Need;
use crate::program::Program;
use crate::{output, shapes};

/// `topics`.
#[derive(Debug, Args)]
pub struct Topics {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the topics that the application reads and writes, and whether they are there
    List(List),
    /// Create a topic, or those of the application that others have to create: all but its internal ones
    Create(Create),
    /// Print a topic's types, partitions and settings
    Describe(DescribeTopic),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Create {
    /// The topic; without it, all that are missing
    topic: Option<String>,

    /// The number of partitions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    partitions: u32,

    /// The number of replicas; otherwise the log's own setting applies
    #[arg(long, value_name = "N")]
    replication: Option<u16>,

    /// A setting of the topic, such as `retention.ms=86400000`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    topic_settings: Vec<(String, String)>,

    /// Print what would be created, and create nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DescribeTopic {
    /// The topic; internal ones may be named without the application's id
    topic: String,

    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Topics {
    pub(crate) const fn place(&self) -> &Place {
        match &self.action {
            Action::List(command) => &command.place,
            Action::Create(command) => &command.place,
            Action::Describe(command) => &command.place,
        }
    }
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Topics) -> Result<(), Failure> {
    match &command.action {
        Action::List(command) => list(out, program, command),
        Action::Create(command) => create(out, program, command),
        Action::Describe(command) => describe(out, program, command),
    }
}

/// A topic of the application, and what is there of it.
struct Row {
    name: String,
    facts: TopicFacts,
    found: Option<TopicInfo>,
}

fn rows(asking: &Asking, program: &Program<'_>) -> Result<Vec<Row>, Failure> {
    let there = asking.topics(None)?.into_iter().map(|topic| (topic.name.clone(), topic));
    let there: BTreeMap<String, TopicInfo> = there.collect();
    let mut rows = Vec::new();
    for facts in program.topology().topics() {
        let name = facts.topic.full_name(program.id()).to_string();
        match &facts.topic {
            TopicRef::Matching(pattern) => {
                let is_meant = pattern.matcher();
                let matching = there.values().filter(|topic| is_meant(&topic.name));
                let matching = matching.map(|topic| (topic.name.clone(), Some(topic.clone())));
                rows.extend(matching.map(|(name, found)| Row { name, facts: facts.clone(), found }));
            }
            _ => rows.push(Row { found: there.get(&name).cloned(), name, facts }),
        }
    }
    Ok(rows)
}

fn list(out: &mut dyn Write, program: &Program<'_>, command: &List) -> Result<(), Failure> {
    let rows = rows(&Asking::of(&program.log(Need::Existing)?)?, program)?;
    if command.json {
        let json: Vec<Json> = rows.iter().map(json_of).collect();
        return Ok(output::pretty(out, &Json::from(json))?);
    }
    let rows = rows.iter().map(|row| {
        let Shapes { key, value } = &row.facts.shapes;
        let partitions = row.found.as_ref().map_or_else(|| "missing".to_owned(), |topic| topic.partitions.to_string());
        vec![row.name.clone(), row.facts.role().to_owned(), partitions, key.type_name(), value.type_name()]
    });
    output::table(out, &["TOPIC", "ROLE", "PARTITIONS", "KEY", "VALUE"], &[2], rows.collect())?;
    Ok(())
}

fn json_of(row: &Row) -> Json {
    let Shapes { key, value } = &row.facts.shapes;
    json!({
        "topic": row.name,
        "role": row.facts.role(),
        "partitions": row.found.as_ref().map(|topic| topic.partitions),
        "key": key.type_name(),
        "value": value.type_name(),
    })
}

fn create(out: &mut dyn Write, program: &Program<'_>, command: &Create) -> Result<(), Failure> {
    let need = if command.dry_run { Need::Existing } else { Need::New };
    let asking = Asking::of(&program.log(need)?)?;
    let names = match &command.topic {
        Some(topic) => vec![topic.clone()],
        None => missing(&asking, program)?,
    };
    let topic = |name: &String| NewTopic {
        name: name.clone(),
        partitions: command.partitions,
        replication: command.replication,
        configs: command.topic_settings.clone(),
    };
    let topics: Vec<NewTopic> = names.iter().map(topic).collect();
    if !command.dry_run && !topics.is_empty() {
        let created = asking.ask("creating topics", |admin| admin.create_topics(topics.clone()))?;
        created.into_iter().collect::<Result<Vec<()>, _>>()?;
    }
    if command.json {
        return Ok(output::pretty(out, &json!({ "created": names, "dry_run": command.dry_run }))?);
    }
    let verb = if command.dry_run { "would create" } else { "created" };
    if names.is_empty() {
        writeln!(out, "nothing to create: all topics are there")?;
    }
    names.iter().try_for_each(|name| writeln!(out, "{verb} {name} ({} partitions)", command.partitions))?;
    Ok(())
}

/// The topics that others have to create, and have not.
fn missing(asking: &Asking, program: &Program<'_>) -> Result<Vec<String>, Failure> {
    let is_missing = |row: &Row| row.facts.internal.is_none() && row.found.is_none();
    Ok(rows(asking, program)?.into_iter().filter(is_missing).map(|row| row.name).collect())
}

/// Creates the topics that others have to create, and have not.
pub(crate) fn create_missing(log: &Arc<dyn Log>, program: &Program<'_>, partitions: u32) -> Result<(), Failure> {
    let asking = Asking::of(log)?;
    let topic = |name| NewTopic { name, partitions, replication: None, configs: Vec::new() };
    let topics: Vec<NewTopic> = missing(&asking, program)?.into_iter().map(topic).collect();
    if !topics.is_empty() {
        let created = asking.ask("creating topics", |admin| admin.create_topics(topics.clone()))?;
        created.into_iter().collect::<Result<Vec<()>, _>>()?;
    }
    Ok(())
}

fn describe(out: &mut dyn Write, program: &Program<'_>, command: &DescribeTopic) -> Result<(), Failure> {
    let asking = Asking::of(&program.log(Need::Existing)?)?;
    let meant = shapes::find(&asking, program, &command.topic)?;
    let partitions: Vec<_> = partitions_of(&meant.info).collect();
    let (starts, ends) = (asking.starts(&partitions)?, asking.ends(&partitions)?);
    let name = &meant.info.name;
    let settings = asking.ask("looking up the topic's settings", |admin| admin.topic_configs(name))?;
    let Shapes { key, value } = &meant.shapes;
    let bounds: Vec<_> = partitions.iter().zip(starts).zip(ends).collect();
    if command.json {
        let partitions = bounds.iter().map(
            |((partition, start), end)| json!({ "partition": partition.partition.0, "start": start.0, "end": end.0 }),
        );
        let json = json!({
            "topic": name,
            "key": { "type": key.type_name(), "example": key.example() },
            "value": { "type": value.type_name(), "example": value.example() },
            "replicas": meant.info.replicas,
            "partitions": partitions.collect::<Vec<_>>(),
            "settings": settings.into_iter().collect::<BTreeMap<_, _>>(),
        });
        return Ok(output::pretty(out, &json)?);
    }
    writeln!(out, "{name}")?;
    writeln!(out, "key: {}, such as {}", key.type_name(), key.example())?;
    writeln!(out, "value: {}, such as {}", value.type_name(), value.example())?;
    let row =
        |((partition, start), end): &((&streams_core::record::TopicPartition, _), streams_core::record::Offset)| {
            let start: &streams_core::record::Offset = start;
            vec![partition.partition.to_string(), start.to_string(), end.to_string()]
        };
    output::table(out, &["PARTITION", "START", "END"], &[0, 1, 2], bounds.iter().map(row).collect())?;
    settings.iter().try_for_each(|(name, value)| writeln!(out, "{name} = {value}"))?;
    Ok(())
}
