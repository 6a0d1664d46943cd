//! `GET /api/topics/{topic}/records`: records of a topic, some at a time, and those that are still to come.
//!
//! What is there is read first. Only if that is nothing, and if the request says so, is the next record waited for; that needs
//! no thread, and ends with the request and with the application.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, ClientError, Newest, PartitionOffsets, Received, StartAt, TailStream};
use streams_core::record::{Offset, Partition, TopicPartition};
use streams_core::topic::Topic;
use tokio::time::{Instant, timeout};
use utoipa::{IntoParams, ToSchema};

use super::Meant;
use super::answer::RecordAnswer;
use super::from;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::asked::patience;
use crate::routes::parameters::{Parameters, PathParts};
use crate::served::Served;

/// How many records an answer has unless it is said, and at most.
const RECORDS: usize = 100;
const RECORDS_MAX: usize = 10_000;

/// How many bytes of records an answer has at most; a single record may have more.
const BYTES_MAX: usize = 4 << 20;

/// How long an answer reads what is there. Deleted records and traces of transactions take time, too.
const READING_MAX: Duration = Duration::from_secs(5);

type Field = Option<Bytes>;

/// Which records are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordsParameters {
    /// Only those of this partition, or of several: `0,2`.
    #[param(pattern = "^[0-9]{1,9}(,[0-9]{1,9})*$")]
    partition: Option<String>,
    /// Where to start: `beginning`, which is what holds unless it is said, `end`, an offset, the `next` of another answer, or a
    /// time such as `2026-01-31T12:00:00Z` or `1700000000000ms`.
    from: Option<String>,
    /// The newest first, from the end to the beginning. `from` is then the `next` of such an answer, and nothing is waited for.
    #[serde(default)]
    newest: bool,
    /// How many records: 100 unless said, at most 10,000. There are fewer if they are large.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// How long to wait for a record if there is none, such as `10s`; at most 30 s.
    wait: Option<String>,
    /// Keys, values and headers as bytes in base64 instead of JSON.
    #[serde(default)]
    raw: bool,
}

/// Some records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordsAnswer {
    /// The topic's full name.
    topic: String,
    /// In order within each partition, or the newest first.
    records: Vec<RecordAnswer>,
    /// The parameter `from` for what comes behind these records, also if there is nothing yet. Of the newest first, for those
    /// before them; `null` if there are none.
    next: Option<String>,
    /// Whether there was nothing behind these records; of the newest first, nothing before them.
    is_end: bool,
}

/// Records of a topic as JSON of its types. Only committed ones; in order within each partition, while those of different
/// partitions come as they are read.
#[utoipa::path(get, path = "/api/topics/{topic}/records", tag = "topics",
    params(("topic" = String, Path, description = "Its name; internal ones may be named without the application's id"),
        RecordsParameters),
    responses(
        (status = 200, description = "Records", body = RecordsAnswer),
        (status = 400, description = "A parameter cannot be understood, or names a place that is not there", body = ErrorBody),
        (status = 403, description = "The log does not allow it", body = ErrorBody),
        (status = 404, description = "The application has no such topic, or it is not there yet", body = ErrorBody),
        (status = 500, description = "The log has failed", body = ErrorBody),
        (status = 503, description = "The log does not answer, the application has ended, or too many wait", body = ErrorBody),
    ))]
pub(crate) async fn records(
    State(served): State<Served>,
    PathParts(name): PathParts<String>,
    Parameters(parameters): Parameters<RecordsParameters>,
) -> Result<Json<RecordsAnswer>, Refusal> {
    let limit = parameters.limit.unwrap_or(RECORDS);
    if !(1..=RECORDS_MAX).contains(&limit) {
        return Err(Refusal::bad_request(format!("`limit` is from 1 to {RECORDS_MAX}; read on with `from`")));
    }
    let wait = parameters.wait.as_deref().map(patience).transpose()?;
    let wanted = parameters.partition.as_deref().map(partitions).transpose()?;
    let meant = Meant::find(&served, &name)?;
    if parameters.newest {
        return newest(&served, meant, &parameters, (wanted, limit)).await;
    }
    let start = match (from::start(parameters.from.as_deref().unwrap_or("beginning"))?, &wanted) {
        // It is one of the partitions that are wanted; others may have no such offset.
        (StartAt::Offset(offset), Some(wanted)) => {
            wanted.iter().map(|wanted| (*wanted, offset)).collect::<BTreeMap<_, _>>().into()
        }
        (start, _) => start,
    };
    let reading = meant.name.clone();
    let mut page = served.log.ask(move |client| Page::read(client, &reading, start, wanted.as_ref(), limit)).await?;
    if let (true, Some(wait)) = (page.records.is_empty() && page.is_end, wait) {
        let Ok(_place) = served.waits.try_acquire() else {
            let message = "as many requests wait for records as may do so at once; ask again later, or without `wait`";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
        };
        let (topic, positions) = (meant.name.clone(), page.positions());
        let tail =
            served.log.ask(move |client| Ok::<_, Refusal>(client.tail_of(&topic_of(&topic)?, positions)?.stream()));
        let tail = tail.await?;
        tokio::select! {
            waited = timeout(wait, page.wait(tail, limit)) => waited.unwrap_or(Ok(()))?,
            _ = served.app.ended() => {}
        }
    }
    let records = page.records.iter().map(|record| RecordAnswer::new(record, &meant.shapes, parameters.raw)).collect();
    let Page { topic, next, is_end, .. } = page;
    Ok(Json(RecordsAnswer { topic, records, next: Some(next.to_string()), is_end }))
}

/// The newest records first.
async fn newest(
    served: &Served,
    meant: Meant,
    parameters: &RecordsParameters,
    (wanted, limit): (Option<BTreeSet<Partition>>, usize),
) -> Result<Json<RecordsAnswer>, Refusal> {
    if parameters.wait.is_some() {
        return Err(Refusal::bad_request(
            "nothing is waited for where the newest records come first: leave out `wait`",
        ));
    }
    let before = parameters.from.as_deref().map(str::parse::<PartitionOffsets>).transpose();
    let before = before.map_err(|error| Refusal::bad_request(format!("`from` is the `next` of an answer: {error}")))?;
    let wanted = Newest { limit, partitions: wanted.into_iter().flatten().collect(), before };
    let is_raw = parameters.raw;
    let read = move |client: &Client| {
        let page = client.newest(&meant.name, &wanted)?;
        let records = page.records.iter().map(|record| RecordAnswer::new(record, &meant.shapes, is_raw)).collect();
        let (next, is_end) = (page.next.as_ref().map(PartitionOffsets::to_string), page.next.is_none());
        Ok::<_, ClientError>(Json(RecordsAnswer { topic: meant.name, records, next, is_end }))
    };
    served.log.ask(read).await
}

/// What is read.
struct Page {
    topic: String,
    records: Vec<Received<Field, Field>>,
    bytes: usize,
    next: PartitionOffsets,
    is_end: bool,
}

impl Page {
    /// Reads what is there.
    fn read(
        client: &Client,
        topic: &str,
        start: StartAt,
        wanted: Option<&BTreeSet<Partition>>,
        limit: usize,
    ) -> Result<Self, Refusal> {
        let mut positions = client.positions(topic, start)?;
        if let Some(wanted) = wanted {
            let is_there = |wanted: &&Partition| positions.iter().any(|(at, _)| at.partition == **wanted);
            if let Some(missing) = wanted.iter().find(|wanted| !is_there(wanted)) {
                let count = positions.len();
                let message = format!("topic `{topic}` has {count} partitions, numbered from 0: not {missing}");
                return Err(Refusal::bad_request(message));
            }
            positions.retain(|(at, _)| wanted.contains(&at.partition));
        }
        let partitions: Vec<TopicPartition> = positions.iter().map(|(at, _)| at.clone()).collect();
        let ends: Vec<Offset> = client.bounds(&partitions)?.into_iter().map(|(_, end)| end).collect();
        let next = PartitionOffsets(positions.iter().map(|(at, offset)| (at.partition, *offset)).collect());
        let mut page = Self { topic: topic.to_owned(), records: Vec::new(), bytes: 0, next, is_end: false };
        let ranges = positions.into_iter().zip(&ends).map(|((at, start), end)| (at, start..*end));
        let mut records = client.records_in(&topic_of(topic)?, ranges)?;
        let began = Instant::now();
        while !page.is_full(limit) && began.elapsed() < READING_MAX {
            let Some(record) = records.next() else {
                // Behind the last records there may be traces of transactions.
                let passed = partitions.iter().zip(ends).map(|(at, end)| (at.partition, end));
                passed.for_each(|(partition, end)| page.move_to(partition, end));
                page.is_end = true;
                break;
            };
            page.add(record?);
        }
        Ok(page)
    }

    /// Waits for a record, and takes what comes with it.
    async fn wait(&mut self, mut tail: TailStream<Field, Field>, limit: usize) -> Result<(), ClientError> {
        let mut next = tail.next().await;
        while let Some(record) = next {
            self.add(record?);
            if self.is_full(limit) {
                break;
            }
            next = tail.next().now_or_never().flatten();
        }
        Ok(())
    }

    fn add(&mut self, record: Received<Field, Field>) {
        self.move_to(record.partition.partition, record.offset.next());
        self.bytes += RecordAnswer::bytes(&record);
        self.records.push(record);
        self.is_end = false;
    }

    fn move_to(&mut self, partition: Partition, offset: Offset) {
        let next = self.next.0.entry(partition).or_insert(offset);
        *next = offset.max(*next);
    }

    fn is_full(&self, limit: usize) -> bool {
        self.records.len() >= limit || self.bytes >= BYTES_MAX
    }

    fn positions(&self) -> BTreeMap<TopicPartition, Offset> {
        let at = |partition: &Partition| TopicPartition::new(self.topic.as_str(), partition.0);
        self.next.0.iter().map(|(partition, offset)| (at(partition), *offset)).collect()
    }
}

fn partitions(text: &str) -> Result<BTreeSet<Partition>, Refusal> {
    let wrong =
        |_| Refusal::bad_request(format!("`partition` is a number, or several such as `0,2`, and not `{text}`"));
    text.split(',').map(|number| number.parse().map(Partition).map_err(wrong)).collect()
}

fn topic_of(name: &str) -> Result<Topic<Field, Field>, Refusal> {
    Topic::named(name).map_err(|error| Refusal::bad_request(error.to_string()))
}
