//! Where the parts of a topology are drawn: topics, processors and stores in layers, from inputs to outputs.
//!
//! A source or sink and its topic are drawn as one, because they say the same. The layers and their order come from
//! `rust-sugiyama`; what it leaves too close together in a layer is moved apart here.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use rust_sugiyama::configure::Config;
use rust_sugiyama::from_vertices_and_edges;
use serde::Serialize;
use streams_core::topology::{Graph, InternalTopicKind, NodeKind, Topology};
use utoipa::ToSchema;

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
    /// For people.
    name: String,
    /// `topic`, `internal topic`, `processor` or `store`.
    kind: &'static str,
    /// The sub-topology; `null` for topics.
    subtopology: Option<u32>,
    /// The nodes of the topology that it stands for.
    nodes: Vec<String>,
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
}

/// Draws a topology.
pub(crate) fn draw(topology: &Topology) -> Drawing {
    let mut parts = Parts::default();
    parts.collect(topology);
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
    fn collect(&mut self, topology: &Topology) {
        let graph: &Graph = topology.graph();
        let internal: BTreeMap<&str, &InternalTopicKind> =
            topology.internal_topics().iter().map(|topic| (&*topic.name, &topic.kind)).collect();
        let mut shape_of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for part in topology.subtopologies() {
            for id in &part.nodes {
                let Some(node) = graph.node(*id) else { continue };
                let topics = match &node.kind {
                    NodeKind::Source { topics, .. } => {
                        topics.iter().map(|topic| topic.short_name().to_owned()).collect()
                    }
                    NodeKind::Sink { topic } => vec![topic.short_name().to_owned()],
                    NodeKind::ChosenSink { .. } => vec!["(chosen for each record)".to_owned()],
                    NodeKind::Processor => Vec::new(),
                };
                let shapes: Vec<usize> = if topics.is_empty() {
                    vec![self.shape(format!("node {}", node.name), &node.name, "processor", Some(part.id))]
                } else {
                    let shape = |topic: String| {
                        let kind = if internal.contains_key(&*topic) { "internal topic" } else { "topic" };
                        self.shape(format!("topic {topic}"), &topic, kind, None)
                    };
                    topics.into_iter().map(shape).collect()
                };
                for shape in &shapes {
                    if let Some(shape) = self.shapes.get_mut(*shape) {
                        shape.nodes.push(node.name.to_string());
                    }
                }
                for store in node.stores.iter().filter_map(|store| graph.store(*store)) {
                    let to = self.shape(format!("store {}", store.name), &store.name, "store", Some(part.id));
                    self.arrows.extend(shapes.iter().map(|from| Arrow { from: *from, to, kind: "state" }));
                }
                for from in node.parents.iter().filter_map(|parent| shape_of.get(&parent.0)).flatten() {
                    self.arrows.extend(shapes.iter().map(|to| Arrow { from: *from, to: *to, kind: "records" }));
                }
                shape_of.insert(id.0, shapes);
            }
        }
    }

    fn shape(&mut self, id: String, name: &str, kind: &'static str, subtopology: Option<u32>) -> usize {
        if let Some(known) = self.by_id.get(&id) {
            return *known;
        }
        #[allow(clippy::cast_precision_loss, reason = "a name")]
        let width = (name.chars().count() as f64).mul_add(LETTER, PADDING);
        let shape = Shape {
            id: id.clone(),
            name: name.to_owned(),
            kind,
            subtopology,
            nodes: Vec::new(),
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
        let mut top = HEIGHT;
        let mut right = left;
        let edge = layers.values_mut().map(|layer| spread(shapes, layer)).fold(f64::INFINITY, f64::min);
        for layer in layers.into_values() {
            for (vertex, x) in layer {
                let Some(shape) = shapes.get_mut(vertex) else { continue };
                (shape.x, shape.y) = (x - edge + left, top);
                right = right.max(shape.x + shape.width / 2.0);
                if let Some(is_placed) = placed.get_mut(vertex) {
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

/// Moves the shapes of a layer apart that are too close, around the middle that they had. Returns where the layer begins.
fn spread(shapes: &[Shape], layer: &mut [(usize, f64)]) -> f64 {
    layer.sort_by(|one, other| one.1.total_cmp(&other.1));
    let width = |vertex: usize| shapes.get(vertex).map_or(0.0, |shape| shape.width);
    let middle = |layer: &[(usize, f64)]| match (layer.first(), layer.last()) {
        (Some(first), Some(last)) => f64::midpoint(first.1, last.1),
        _ => 0.0,
    };
    let before = middle(layer);
    let mut free = f64::NEG_INFINITY;
    for (vertex, x) in &mut *layer {
        *x = x.max(free + width(*vertex) / 2.0);
        free = *x + width(*vertex) / 2.0 + GAP;
    }
    let moved = middle(layer) - before;
    layer.iter_mut().for_each(|(_, x)| *x -= moved);
    layer.first().map_or(f64::INFINITY, |(vertex, x)| x - width(*vertex) / 2.0)
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
        let Drawing { width, height, shapes, arrows } = draw(&topology());
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
    }

    #[test]
    fn a_source_that_is_its_own_sink_is_drawn() {
        let builder = StreamsBuilder::new();
        let loops: Topic<u64, u64> = Topic::new("again");
        builder.stream(loops.clone()).to(loops);
        let Drawing { shapes, arrows, .. } = draw(&builder.build().expect("a topology"));
        assert_eq!((shapes.len(), arrows), (1, vec![Arrow { from: 0, to: 0, kind: "records" }]));
        assert!(shapes[0].y > 0.0);
    }
}
