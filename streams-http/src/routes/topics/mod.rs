//! `/api/topics`: the topics of the application, and the records in them.
//!
//! `list.rs` answers with all of them, `topic.rs` with one and its settings, `read.rs` with records; `write.rs` writes some,
//! and `create.rs` creates a topic.
//! `answer.rs` makes JSON of topics and records, and `from.rs` says where reading starts.
//!
//! These are the topics that the topology names, and that of the dead letters. Others of the same log are none of a reader's
//! business unless the program says so: the application may see more of a cluster than who asks it.

use axum::http::StatusCode;
use bytes::Bytes;
use streams_core::runtime::Handle;
use streams_core::topology::TopicFacts;
use streams_core::wire::Shapes;

use crate::refusal::Refusal;
use crate::served::Served;

mod answer;
pub(crate) mod create;
mod from;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod topic;
pub(crate) mod write;

/// What the topic of the dead letters is to the application.
const DEAD_LETTERS: &str = "dead letters";

/// A topic that somebody means.
#[derive(Debug, Clone)]
struct Meant {
    name: String,
    purpose: Option<&'static str>,
    shapes: Shapes,
    /// Whether only the application itself may write it.
    is_internal: bool,
}

impl Meant {
    fn known(name: String, facts: &TopicFacts) -> Self {
        let (purpose, is_internal) = (Some(facts.role()), facts.internal.is_some());
        Self { name, purpose, shapes: facts.shapes.clone(), is_internal }
    }

    /// A topic whose types nobody knows.
    fn of_bytes(name: String, purpose: Option<&'static str>) -> Self {
        Self { name, purpose, shapes: Shapes::of::<Option<Bytes>, Option<Bytes>>(), is_internal: false }
    }

    /// The topic of this name. Internal ones may be named without the application's id.
    fn find(served: &Served, name: &str) -> Result<Self, Refusal> {
        let about = served.app.about();
        if let Some((name, facts)) = about.topology().topic(about.application_id(), name) {
            return Ok(Self::known(name, &facts));
        }
        let is_dead_letters = dead_letters(&served.app).is_some_and(|topic| topic == name);
        if is_dead_letters || served.allows_all_topics {
            return Ok(Self::of_bytes(name.to_owned(), is_dead_letters.then_some(DEAD_LETTERS)));
        }
        let message = format!("the application has no topic `{name}`; `GET /api/topics` lists those that it has");
        Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_topic", message))
    }
}

/// Refuses what is about topics that the application does not use, unless the program allows that.
fn others_are_allowed(served: &Served) -> Result<(), Refusal> {
    if served.allows_all_topics {
        return Ok(());
    }
    let message = "only the application's topics may be asked for; the program allows others with `.all_topics(true)`";
    Err(Refusal::new(StatusCode::FORBIDDEN, "other_topics_off", message))
}

/// The topic of the application's dead letters.
fn dead_letters(app: &Handle) -> Option<&str> {
    app.about().config().errors.dead_letter_topic.as_deref()
}
