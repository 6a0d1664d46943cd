//! Questions and answers between instances, as JSON. All instances run the same topology, so rows are exchanged as the bytes
//! that they are in the store.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::record::{Partition, TaskId, Timestamp};
use crate::runtime::queries::{Freshness, Position};
use crate::state::KeyOrder;
use crate::state::selection::{Keys, Page, PageRow, Selection};
use crate::windows::Window;

/// What one instance asks another: some rows of some tasks.
#[derive(Debug, Clone)]
pub struct RemoteQuestion {
    pub(crate) tasks: Vec<TaskId>,
    pub(crate) patience: Duration,
    pub(crate) asked: Asked,
}

/// What is asked about each task.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) store: String,
    committed: bool,
    at_least: String,
    keys: KeysOnWire,
    times: Option<(i64, i64)>,
    descending: bool,
    after: Option<Bytes>,
    pub(crate) limit: usize,
    /// For those who follow: whether they want marks, and the mark from which they go on.
    #[serde(default)]
    pub(crate) marks: bool,
    #[serde(default)]
    pub(crate) mark: Option<String>,
}

/// Bytes as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes(Box<[u8]>);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeysOnWire {
    All,
    One(Bytes),
    Between(BoundOnWire, BoundOnWire),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BoundOnWire {
    Included(Bytes),
    Excluded(Bytes),
    Unbounded,
}

/// The envelope of a question.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionOnWire {
    tasks: Vec<(u32, i32)>,
    patience_ms: u64,
    asked: Asked,
}

/// What another instance has answered.
#[derive(Debug, Clone)]
pub struct RemoteAnswer {
    pub(crate) page: Page,
    pub(crate) position: Position,
}

#[derive(Serialize, Deserialize)]
struct AnswerOnWire {
    /// For a question for no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimate: Option<u64>,
    rows: Vec<RowOnWire>,
    next: Option<Bytes>,
    position: String,
}

#[derive(Serialize, Deserialize)]
struct RowOnWire {
    place: Bytes,
    key: Bytes,
    window: Option<(i64, i64)>,
    timestamp: Option<i64>,
    value: Bytes,
}

/// What somebody hears who follows a store in another instance.
#[derive(Debug, Clone)]
pub struct RemoteNews(pub(crate) News);

/// As [`Live`](crate::query::Live), in bytes.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Reset,
    /// Nothing was missed since the mark that was given.
    Resumed,
    Row(PageRow),
    Gone(PageRow),
    Complete,
    /// What has been told until here.
    Mark(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NewsOnWire {
    Reset,
    Resumed,
    Row(RowOnWire),
    Gone(RowOnWire),
    Complete,
    Mark(String),
}

/// What came from another instance makes no sense; it may be of another version.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("what came from another instance cannot be read: {0}")]
pub struct RemoteError(String);

crate::debug_says_what_display_says!(RemoteError);

impl RemoteQuestion {
    /// About a store's rows in some tasks.
    pub(crate) fn new(
        (store, tasks): (&Arc<str>, Vec<TaskId>),
        (freshness, at_least, patience): (Freshness, &Position, Duration),
        selection: &Selection,
        limit: usize,
    ) -> Self {
        let asked = Asked {
            store: store.to_string(),
            committed: freshness == Freshness::Committed,
            at_least: at_least.to_string(),
            keys: keys_on_wire(&selection.keys),
            times: selection.times.map(|(from, to)| (from.0, to.0)),
            descending: selection.order == KeyOrder::Descending,
            after: selection.after.clone().map(Bytes),
            limit,
            marks: false,
            mark: None,
        };
        Self { tasks, patience, asked }
    }

    /// The same question of somebody who follows and may be cut off.
    pub(crate) fn marked(mut self, mark: Option<String>) -> Self {
        (self.asked.marks, self.asked.mark) = (true, mark);
        self
    }

    /// The store's name.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.asked.store
    }

    /// The tasks that it is about.
    #[must_use]
    pub fn tasks(&self) -> &[TaskId] {
        &self.tasks
    }

    /// How long what stands in the way is waited for.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// The same question about other tasks, with another patience.
    #[must_use]
    pub fn about(&self, tasks: Vec<TaskId>, patience: Duration) -> Self {
        Self { tasks, patience, asked: self.asked.clone() }
    }

    /// As text for another instance.
    #[must_use]
    pub fn to_json(&self) -> String {
        let question = QuestionOnWire {
            tasks: self.tasks.iter().map(|task| (task.subtopology, task.partition.0)).collect(),
            patience_ms: u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX),
            asked: self.asked.clone(),
        };
        json(&question)
    }

    /// From another instance's text.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(text: &[u8]) -> Result<Self, RemoteError> {
        let question: QuestionOnWire = parse(text)?;
        let task = |(subtopology, partition)| TaskId { subtopology, partition: Partition(partition) };
        Ok(Self {
            tasks: question.tasks.into_iter().map(task).collect(),
            patience: Duration::from_millis(question.patience_ms),
            asked: question.asked,
        })
    }

    /// Which changes are seen, and how far the store must be.
    pub(crate) fn freshness(&self) -> Result<(Freshness, Position), RemoteError> {
        let freshness = if self.asked.committed { Freshness::Committed } else { Freshness::Latest };
        let position = self.asked.at_least.parse().map_err(|error| RemoteError(format!("{error}")))?;
        Ok((freshness, position))
    }

    /// Which rows are wanted.
    pub(crate) fn selection(&self) -> Selection {
        let bound = |bound: &BoundOnWire| match bound {
            BoundOnWire::Included(key) => Bound::Included(key.0.to_vec()),
            BoundOnWire::Excluded(key) => Bound::Excluded(key.0.to_vec()),
            BoundOnWire::Unbounded => Bound::Unbounded,
        };
        Selection {
            keys: match &self.asked.keys {
                KeysOnWire::All => Keys::All,
                KeysOnWire::One(key) => Keys::One(key.0.clone()),
                KeysOnWire::Between(from, to) => Keys::Between(bound(from), bound(to)),
            },
            times: self.asked.times.map(|(from, to)| (Timestamp(from), Timestamp(to))),
            order: if self.asked.descending { KeyOrder::Descending } else { KeyOrder::Ascending },
            after: self.asked.after.clone().map(|after| after.0),
        }
    }
}

fn keys_on_wire(keys: &Keys) -> KeysOnWire {
    let bound = |bound: &Bound<Vec<u8>>| match bound {
        Bound::Included(key) => BoundOnWire::Included(Bytes(key.clone().into())),
        Bound::Excluded(key) => BoundOnWire::Excluded(Bytes(key.clone().into())),
        Bound::Unbounded => BoundOnWire::Unbounded,
    };
    match keys {
        Keys::All => KeysOnWire::All,
        Keys::One(key) => KeysOnWire::One(Bytes(key.clone())),
        Keys::Between(from, to) => KeysOnWire::Between(bound(from), bound(to)),
    }
}

impl RemoteAnswer {
    /// As text for the instance that has asked.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(&AnswerOnWire {
            estimate: self.page.estimate,
            rows: self.page.rows.iter().map(RowOnWire::from).collect(),
            next: self.page.next.clone().map(Bytes),
            position: self.position.to_string(),
        })
    }

    /// From another instance's text.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(text: &[u8]) -> Result<Self, RemoteError> {
        let answer: AnswerOnWire = parse(text)?;
        let rows = answer.rows.into_iter().map(PageRow::from).collect();
        let page = Page { estimate: answer.estimate, rows, next: answer.next.map(|next| next.0) };
        let position = answer.position.parse().map_err(|error| RemoteError(format!("{error}")))?;
        Ok(Self { page, position })
    }
}

impl RemoteNews {
    /// As a line for the instance that follows.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(&match &self.0 {
            News::Reset => NewsOnWire::Reset,
            News::Row(row) => NewsOnWire::Row(row.into()),
            News::Gone(row) => NewsOnWire::Gone(row.into()),
            News::Complete => NewsOnWire::Complete,
            News::Resumed => NewsOnWire::Resumed,
            News::Mark(mark) => NewsOnWire::Mark(mark.clone()),
        })
    }

    /// From another instance's line.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(line: &[u8]) -> Result<Self, RemoteError> {
        Ok(Self(match parse(line)? {
            NewsOnWire::Reset => News::Reset,
            NewsOnWire::Row(row) => News::Row(row.into()),
            NewsOnWire::Gone(row) => News::Gone(row.into()),
            NewsOnWire::Complete => News::Complete,
            NewsOnWire::Resumed => News::Resumed,
            NewsOnWire::Mark(mark) => News::Mark(mark),
        }))
    }
}

impl From<&PageRow> for RowOnWire {
    fn from(row: &PageRow) -> Self {
        Self {
            place: Bytes(row.place.clone()),
            key: Bytes(row.key.clone()),
            window: row.window.map(|window| (window.start.0, window.end.0)),
            timestamp: row.timestamp.map(|time| time.0),
            value: Bytes(row.value.clone()),
        }
    }
}

impl From<RowOnWire> for PageRow {
    fn from(row: RowOnWire) -> Self {
        Self {
            place: row.place.0,
            key: row.key.0,
            window: row.window.map(|(start, end)| Window { start: Timestamp(start), end: Timestamp(end) }),
            timestamp: row.timestamp.map(Timestamp),
            value: row.value.0,
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(&*text).map(|bytes| Self(bytes.into())).map_err(de::Error::custom)
    }
}

/// These types have no part that JSON cannot tell.
fn json(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, RemoteError> {
    serde_json::from_slice(text).map_err(|error| RemoteError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(place: &str) -> PageRow {
        PageRow {
            place: place.as_bytes().into(),
            key: [0xff, 0].into(),
            window: Some(Window { start: Timestamp(-1), end: Timestamp(i64::MAX) }),
            timestamp: Some(Timestamp(5)),
            value: [].into(),
        }
    }

    #[test]
    fn a_question_and_its_answers_arrive_as_they_were_sent() {
        let task = |partition| TaskId { subtopology: 3, partition: Partition(partition) };
        let at_least: Position = "in-0:7".parse().expect("a position");
        for (keys, order) in [
            (Keys::All, KeyOrder::Descending),
            (Keys::One([1, 2].into()), KeyOrder::Ascending),
            (Keys::Between(Bound::Included(vec![0]), Bound::Excluded(vec![255])), KeyOrder::Ascending),
            (Keys::Between(Bound::Unbounded, Bound::Included(vec![])), KeyOrder::Ascending),
        ] {
            let times = Some((Timestamp(i64::MIN), Timestamp(9)));
            let selection = Selection { keys, times, order, after: Some([7].into()) };
            let how = (Freshness::Committed, &at_least, Duration::from_secs(2));
            let sent = RemoteQuestion::new((&"counts".into(), vec![task(0), task(2)]), how, &selection, 10);
            let got = RemoteQuestion::from_json(sent.to_json().as_bytes()).expect("a question");
            assert_eq!((got.store(), got.tasks(), got.patience()), ("counts", &[task(0), task(2)][..], how.2));
            assert_eq!(got.freshness(), Ok((Freshness::Committed, at_least.clone())));
            assert_eq!(got.asked.limit, 10);
            assert_eq!(format!("{:?}", got.selection()), format!("{selection:?}"));
        }
        let page = Page { estimate: Some(7), rows: vec![row("a"), row("b")], next: Some([9].into()) };
        let answer = RemoteAnswer { page: page.clone(), position: at_least.clone() };
        let got = RemoteAnswer::from_json(answer.to_json().as_bytes()).expect("an answer");
        assert_eq!((got.page, got.position), (page, at_least));
        let told = [News::Reset, News::Resumed, News::Row(row("a")), News::Gone(row("b")), News::Complete];
        for news in told.into_iter().chain([News::Mark("a-1".to_owned())]) {
            let sent = RemoteNews(news);
            let got = RemoteNews::from_json(sent.to_json().as_bytes()).expect("news");
            assert_eq!(format!("{got:?}"), format!("{sent:?}"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for text in ["", "{}", "[]", r#"{"tasks":[[0,1]],"patience_ms":0}"#, "\u{0}"] {
            assert!(RemoteQuestion::from_json(text.as_bytes()).is_err(), "{text}");
            assert!(RemoteAnswer::from_json(text.as_bytes()).is_err(), "{text}");
            assert!(RemoteNews::from_json(text.as_bytes()).is_err(), "{text}");
        }
        let row = r#"{"row":{"place":"?","key":"","window":null,"timestamp":null,"value":""}}"#;
        assert!(RemoteNews::from_json(row.as_bytes()).is_err(), "not base64");
    }
}
