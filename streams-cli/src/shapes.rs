//! Which topic somebody means, and what its records look like.

use bytes::Bytes;
use streams_core::log::TopicInfo;
use streams_core::topic::TopicRef;
use streams_core::topology::Topology;
use streams_core::wire::Shapes;

use crate::ask::Asking;
use crate::failure::Failure;
use crate::program::Program;

/// A name that is less like another one is not proposed.
const LIKENESS_MIN: f64 = 0.75;

/// A topic that exists.
pub(crate) struct Meant {
    pub(crate) info: TopicInfo,
    pub(crate) shapes: Shapes,
}

/// The topic of this name. Those of the application may be named without its id. What it does not know has bytes.
pub(crate) fn find(asking: &Asking, program: &Program<'_>, name: &str) -> Result<Meant, Failure> {
    let (full_name, shapes) = known(program.topology(), program.id(), name);
    match asking.topics(Some(vec![full_name.clone()]))?.pop() {
        Some(info) => Ok(Meant { info, shapes }),
        None => Err(missing(asking, program, &full_name)),
    }
}

/// A topic's full name, and what its records look like.
pub(crate) fn known(topology: &Topology, id: &str, name: &str) -> (String, Shapes) {
    match topology.topic(id, name) {
        Some((name, facts)) => (name, facts.shapes),
        None => (name.to_owned(), Shapes::of::<Option<Bytes>, Option<Bytes>>()),
    }
}

fn missing(asking: &Asking, program: &Program<'_>, name: &str) -> Failure {
    let topics = program.topology().topics();
    let of_program = topics.iter().filter(|facts| !matches!(facts.topic, TopicRef::Matching(_)));
    let of_program: Vec<_> = of_program.map(|facts| facts.topic.full_name(program.id()).to_string()).collect();
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let existing = asking.topics(None).unwrap_or_default().into_iter().map(|topic| topic.name);
    let best = existing.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let place = asking.place();
    Failure::because(match best.filter(|best| likeness(best) >= LIKENESS_MIN) {
        Some(best) if !of_program.iter().any(|known| known == name) => {
            format!("there is no topic `{name}` on {place}; did you mean `{best}`?")
        }
        _ if of_program.iter().any(|known| known == name) => format!(
            "topic `{name}` is not there yet on {place}; create it with `topics create`, or run the application"
        ),
        _ => format!("there is no topic `{name}` on {place}; the application has `{}`", of_program.join("`, `")),
    })
}
