//! Where the parts of a topology are drawn: topics, processors and stores in layers, from inputs to outputs.
//!
//! A source or sink and its topic are drawn as one, because they say the same. The layers and their order come from
//! `rust-sugiyama`; where shapes are within a layer is decided by `columns.rs`.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use rust_sugiyama::configure::Config;
use rust_sugiyama::from_vertices_and_edges;
use serde::Serialize;
use streams_core::topic::TopicRef;
use streams_core::topology::{Graph, InternalTopicKind, NodeKind, Topology};
use utoipa::ToSchema;

mod columns;

use columns::{Member, columns};

/// The size of what is drawn, in units of a page's pixels.
const LETTER: f64 = 7.0;
const PADDING: f64 = 28.0;
const HEIGHT: f64 = 38.0;
const GAP: f64 = 22.0;
const LAYER: f64 = 86.0;

/// A topology as it is drawn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Drawing {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
    arrows: Vec<Arrow>,
}

/// A topic, a processor or a store.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Shape {
    /// Unique in the drawing.
    id: String,
    /// As in the topology's description.
    name: String,
    /// What is written on it: a name that was generated is shorter there.
    label: String,
    /// `topic`, `internal topic`, `processor` or `store`.
    kind: &'static str,
    /// The sub-topology; `null` for topics.
    subtopology: Option<u32>,
    /// The nodes of the topology that it stands for.
    nodes: Vec<String>,
    /// The full name of the topic; of a store, that of the topic to restore it from. `null` if there is none.
    topic: Option<String>,
    /// Its middle.
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// From one shape to another, by their places in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct Arrow {
    from: usize,
    to: usize,
    /// `records`, or `state` between a processor and its store.
    kind: &'static str,
    /// The node that writes a topic; `null` where that is not what it shows.
    sink: Option<String>,
}

/// Draws the topology of an application.
pub(crate) fn draw(topology: &Topology, application_id: &str) -> Drawing {
    let mut parts = Parts::default();
    parts.collect(topology, application_id);
    let Parts { mut shapes, mut arrows, .. } = parts;
    arrows.sort();
    arrows.dedup();
    let (width, height) = place(&mut shapes, &arrows);
    Drawing { width, height, shapes, arrows }
}

#[derive(Default)]
struct Parts {
    shapes: Vec<Shape>,
    arrows: Vec<Arrow>,
    by_id: BTreeMap<String, usize>,
}

impl Parts {
    fn collect(&mut self, topology: &Topology, application_id: &str) {
        let graph: &Graph = topology.graph();
        let internal: BTreeMap<&str, &InternalTopicKind> =
            topology.internal_topics().iter().map(|topic| (&*topic.name, &topic.kind)).collect();
        let logged = topology.stores().into_iter().filter_map(|store| Some((store.name.clone(), store.changelog?)));
        let changelogs: BTreeMap<_, _> =
            logged.map(|(store, topic)| (store, topic.full_name(application_id).to_string())).collect();
        let mut shape_of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for part in topology.subtopologies() {
            for id in &part.nodes {
                let Some(node) = graph.node(*id) else { continue };
                let names = |topic: &TopicRef| {
                    (topic.short_name().to_owned(), Some(topic.full_name(application_id).to_string()))
                };
                let topics = match &node.kind {
                    NodeKind::Source { topics, .. } => topics.iter().map(names).collect(),
                    NodeKind::Sink { topic } => vec![names(topic)],
                    NodeKind::ChosenSink { .. } => vec![("(chosen for each record)".to_owned(), None)],
                    NodeKind::Processor => Vec::new(),
                };
                let shapes: Vec<usize> = if topics.is_empty() {
                    vec![self.shape(format!("node {}", node.name), &node.name, "processor", Some(part.id), None)]
                } else {
                    let shape = |(topic, full_name): (String, Option<String>)| {
                        let kind = if internal.contains_key(&*topic) { "internal topic" } else { "topic" };
                        self.shape(format!("topic {topic}"), &topic, kind, None, full_name)
                    };
                    topics.into_iter().map(shape).collect()
                };
                for shape in &shapes {
                    if let Some(shape) = self.shapes.get_mut(*shape) {
                        shape.nodes.push(node.name.to_string());
                    }
                }
                for store in node.stores.iter().filter_map(|store| graph.store(*store)) {
                    let changelog = changelogs.get(&store.name).cloned();
                    let to =
                        self.shape(format!("store {}", store.name), &store.name, "store", Some(part.id), changelog);
                    self.arrows.extend(shapes.iter().map(|from| Arrow { from: *from, to, kind: "state", sink: None }));
                }
                for from in node.parents.iter().filter_map(|parent| shape_of.get(&parent.0)).flatten() {
                    let sink = matches!(node.kind, NodeKind::Sink { .. } | NodeKind::ChosenSink { .. })
                        .then(|| node.name.to_string());
                    let arrow = |to: &usize| Arrow { from: *from, to: *to, kind: "records", sink: sink.clone() };
                    self.arrows.extend(shapes.iter().map(arrow));
                }
                shape_of.insert(id.0, shapes);
            }
        }
    }

    fn shape(
        &mut self,
        id: String,
        name: &str,
        kind: &'static str,
        subtopology: Option<u32>,
        topic: Option<String>,
    ) -> usize {
        if let Some(known) = self.by_id.get(&id) {
            return *known;
        }
        let label = label(name);
        #[allow(clippy::cast_precision_loss, reason = "a name")]
        let width = (label.chars().count() as f64).mul_add(LETTER, PADDING);
        let shape = Shape {
            id: id.clone(),
            name: name.to_owned(),
            label,
            kind,
            subtopology,
            nodes: Vec::new(),
            topic,
            x: 0.0,
            y: 0.0,
            width,
            height: HEIGHT,
        };
        self.shapes.push(shape);
        self.by_id.insert(id, self.shapes.len() - 1);
        self.shapes.len() - 1
    }
}

/// `KSTREAM-AGGREGATE-0000000010` is `AGGREGATE-10`, also within the name of a store or a topic.
fn label(name: &str) -> String {
    let mut label = String::new();
    for (number, part) in name.split('-').filter(|part| !matches!(*part, "KSTREAM" | "KTABLE")).enumerate() {
        let is_index = part.len() == 10 && part.bytes().all(|digit| digit.is_ascii_digit());
        let part = if is_index { part.trim_start_matches('0') } else { part };
        label.push_str(if number > 0 { "-" } else { "" });
        label.push_str(if is_index && part.is_empty() { "0" } else { part });
    }
    if label.is_empty() { name.to_owned() } else { label }
}

/// Gives each shape its place, one connected part of the drawing beside the other. Returns the size of all.
fn place(shapes: &mut [Shape], arrows: &[Arrow]) -> (f64, f64) {
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let vertices: Vec<_> = (0..).zip(&*shapes).map(|(place, shape)| (place, (shape.width, HEIGHT))).collect();
    // An arrow from a shape to itself has no layer.
    let edges = arrows.iter().filter(|arrow| arrow.from != arrow.to);
    let edges: Vec<_> = edges.map(|arrow| (number(arrow.from), number(arrow.to))).collect();
    let config = Config { vertex_spacing: GAP, dummy_size: GAP, ..Config::default() };
    // A drawing is not worth a request that fails.
    let layouts = catch_unwind(|| from_vertices_and_edges(&vertices, &edges, &config)).unwrap_or_default();
    let (mut left, mut bottom) = (GAP, 0.0_f64);
    let mut placed = vec![false; shapes.len()];
    for (layout, ..) in layouts {
        let mut layers: BTreeMap<i64, Vec<(usize, f64)>> = BTreeMap::new();
        for (vertex, (x, y)) in layout {
            #[allow(clippy::cast_possible_truncation, reason = "layers are far apart")]
            layers.entry(y as i64).or_default().push((vertex, x));
        }
        let layers: Vec<Vec<Member>> = layers.into_values().map(|layer| members(shapes, layer)).collect();
        let middles = columns(&layers, arrows);
        let middle = |member: &Member| middles.get(&member.shape).copied().unwrap_or_default();
        let begins = layers.iter().flatten().map(|member| middle(member) - member.width / 2.0);
        let edge = begins.fold(f64::INFINITY, f64::min);
        let (mut top, mut right) = (HEIGHT, left);
        for layer in layers {
            for member in layer {
                let Some(shape) = shapes.get_mut(member.shape) else { continue };
                (shape.x, shape.y) = (middle(&member) - edge + left, top);
                right = right.max(shape.x + shape.width / 2.0);
                if let Some(is_placed) = placed.get_mut(member.shape) {
                    *is_placed = true;
                }
            }
            bottom = bottom.max(top + HEIGHT);
            top += LAYER;
        }
        left = right + 2.0 * GAP;
    }
    // What has no place, if anything, is below.
    for (shape, _) in shapes.iter_mut().zip(placed).filter(|(_, is_placed)| !is_placed) {
        bottom += HEIGHT + GAP;
        (shape.x, shape.y) = (GAP + shape.width / 2.0, bottom);
    }
    (left.max(GAP), bottom + GAP)
}

/// The shapes of a layer in their order.
fn members(shapes: &[Shape], mut layer: Vec<(usize, f64)>) -> Vec<Member> {
    layer.sort_by(|one, other| one.1.total_cmp(&other.1));
    let width = |shape: usize| shapes.get(shape).map_or(0.0, |shape| shape.width);
    layer.into_iter().map(|(shape, _)| Member { shape, width: width(shape) }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streams_core::prelude::*;

    use super::*;

    /// Topics with names of very different lengths, joins, windows, a repartition, a topic that is read again, and two parts.
    fn topology() -> Topology {
        const SHORT: Topic<String, String> = Topic::new("a");
        const LONG: Topic<String, String> = Topic::new("a-topic-with-a-name-that-is-as-long-as-names-of-topics-get");
        const OUT: Topic<String, i64> = Topic::new("counts");
        let builder = StreamsBuilder::new();
        let table = builder.table(LONG);
        let joined = builder.stream(SHORT).left_join(table, |left, right| format!("{left}{right:?}"));
        let pages = joined.group_by(|_, page| page.clone()).named("by-page");
        pages.count().stored_as(KeyValueStore::new("n")).to_stream().to(OUT);
        let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
        pages.windowed_by(windows).count().stored_as(WindowStore::new("a-store-with-a-long-name-for-windows"));
        joined.filter(|_, page| page.is_empty()).to(LONG);
        builder.stream(Topic::<u64, u64>::new("x")).to(Topic::<u64, u64>::new("y"));
        builder.build().expect("a topology")
    }

    #[test]
    fn nothing_lies_on_anything_else() {
        let Drawing { width, height, shapes, arrows } = draw(&topology(), "app");
        let wide = shapes.iter().map(|shape| shape.width).fold(0.0, f64::max);
        let narrow = shapes.iter().map(|shape| shape.width).fold(f64::INFINITY, f64::min);
        assert!(wide > 10.0 * narrow, "widths are mixed: {narrow} and {wide}");
        for (place, one) in shapes.iter().enumerate() {
            let (left, right) = (one.x - one.width / 2.0, one.x + one.width / 2.0);
            assert!(left >= 0.0 && right <= width && one.y <= height, "{one:?} is outside of {width} x {height}");
            for other in &shapes[..place] {
                let is_beside = (one.x - other.x).abs() >= f64::midpoint(one.width, other.width);
                assert!(is_beside || (one.y - other.y).abs() >= HEIGHT, "{one:?} and {other:?}");
            }
        }
        let is_drawn = |from: &str, to: &str| {
            arrows.iter().any(|arrow| (&*shapes[arrow.from].name, &*shapes[arrow.to].name) == (from, to))
        };
        assert!(is_drawn("x", "y"), "a source and a sink are their topics");
        let readers = arrows.iter().filter(|arrow| shapes[arrow.from].name == "by-page-repartition");
        assert_eq!(readers.count(), 2, "both aggregations read what one writes");
        assert_eq!(shapes.iter().filter(|shape| shape.kind == "store").count(), 3);
        assert_eq!(shapes.iter().filter(|shape| shape.kind == "internal topic").count(), 1);
        let topic =
            |name: &str| shapes.iter().find(|shape| shape.name == name).and_then(|shape| shape.topic.as_deref());
        let topics = ["a", "by-page-repartition", "n"].map(topic);
        assert_eq!(topics, [Some("a"), Some("app-by-page-repartition"), Some("app-n-changelog")]);
        assert!(shapes.iter().all(|shape| shape.kind != "processor" || shape.topic.is_none()));
    }

    #[test]
    fn generated_names_are_short() {
        for (name, expected) in [
            ("KSTREAM-AGGREGATE-0000000010", "AGGREGATE-10"),
            ("KTABLE-TOSTREAM-0000000000", "TOSTREAM-0"),
            ("pulse-users-STATE-STORE-0000000002", "pulse-users-STATE-STORE-2"),
            ("KSTREAM-JOINTHIS-0000000040-store", "JOINTHIS-40-store"),
            ("by-page-repartition", "by-page-repartition"),
            ("orders-2026", "orders-2026"),
            ("KSTREAM", "KSTREAM"),
            ("", ""),
        ] {
            assert_eq!(label(name), expected);
        }
    }

    #[test]
    fn a_source_that_is_its_own_sink_is_drawn() {
        let builder = StreamsBuilder::new();
        let loops: Topic<u64, u64> = Topic::new("again");
        builder.stream(loops.clone()).to(loops);
        let Drawing { shapes, arrows, .. } = draw(&builder.build().expect("a topology"), "app");
        let sink = Some("KSTREAM-SINK-0000000001".to_owned());
        assert_eq!((shapes.len(), arrows), (1, vec![Arrow { from: 0, to: 0, kind: "records", sink }]));
        assert!(shapes[0].y > 0.0);
    }
}
