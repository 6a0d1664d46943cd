//! The topology in the DOT language of Graphviz.

use super::graph::Topology;
use super::picture::Picture;

impl Topology {
    /// The topology in the DOT language of Graphviz; `dot -Tsvg` draws it.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Topic::<(), String>::new("lines")).to(Topic::<(), String>::new("copies"));
    /// assert_eq!(
    ///     builder.build()?.to_dot(),
    ///     r#"digraph topology {
    ///     node [shape=box];
    ///     topic0 [shape=oval, label="copies"];
    ///     topic1 [shape=oval, label="lines"];
    ///     subgraph cluster0 {
    ///         label="sub-topology 0";
    ///         node0 [label="KSTREAM-SOURCE-0000000000"];
    ///         node1 [label="KSTREAM-SINK-0000000001"];
    ///     }
    ///     topic1 -> node0;
    ///     node0 -> node1;
    ///     node1 -> topic0;
    /// }
    /// "#
    /// );
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn to_dot(&self) -> String {
        let picture = Picture::of(self);
        let mut lines = vec!["digraph topology {".to_owned()];
        let mut line = |line: std::fmt::Arguments<'_>| lines.push(format!("    {line}"));
        line(format_args!("node [shape=box];"));
        for (place, topic) in picture.topics() {
            line(format_args!("{place} [shape=oval, label=\"{}\"];", topic.short_name()));
        }
        for part in self.subtopologies() {
            line(format_args!("subgraph cluster{} {{", part.id));
            line(format_args!("    label=\"{}\";", Picture::title(part)));
            for (place, node) in picture.nodes(part) {
                line(format_args!("    {place} [label=\"{}\"];", node.name));
            }
            for (place, store) in picture.stores(part) {
                line(format_args!("    {place} [shape=cylinder, label=\"{}\"];", store.name));
            }
            line(format_args!("}}"));
        }
        for arrow in picture.arrows() {
            let style = if arrow.state { " [dir=none, style=dashed]" } else { "" };
            line(format_args!("{} -> {}{style};", arrow.from, arrow.to));
        }
        lines.push("}\n".to_owned());
        lines.join("\n")
    }
}
