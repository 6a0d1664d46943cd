//! The topology as a Mermaid flowchart, which GitHub and many editors draw.

use super::graph::Topology;
use super::picture::Picture;

impl Topology {
    /// The topology as a Mermaid flowchart: topics are rounded, nodes are boxes, stores are cylinders.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Topic::<(), String>::new("lines")).to(Topic::<(), String>::new("copies"));
    /// assert_eq!(
    ///     builder.build()?.to_mermaid(),
    ///     r#"flowchart TD
    ///     topic0(["copies"])
    ///     topic1(["lines"])
    ///     subgraph part0["sub-topology 0"]
    ///         node0["KSTREAM-SOURCE-0000000000"]
    ///         node1["KSTREAM-SINK-0000000001"]
    ///     end
    ///     topic1 --> node0
    ///     node0 --> node1
    ///     node1 --> topic0
    /// "#
    /// );
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let picture = Picture::of(self);
        let mut lines = vec!["flowchart TD".to_owned()];
        let mut line = |line: std::fmt::Arguments<'_>| lines.push(format!("    {line}"));
        for (place, topic) in picture.topics() {
            line(format_args!("{place}([\"{}\"])", topic.short_name()));
        }
        for part in self.subtopologies() {
            line(format_args!("subgraph part{}[\"{}\"]", part.id, Picture::title(part)));
            for (place, node) in picture.nodes(part) {
                line(format_args!("    {place}[\"{}\"]", node.name));
            }
            for (place, store) in picture.stores(part) {
                line(format_args!("    {place}[(\"{}\")]", store.name));
            }
            line(format_args!("end"));
        }
        for arrow in picture.arrows() {
            let shaft = if arrow.state { "-.-" } else { "-->" };
            line(format_args!("{} {shaft} {}", arrow.from, arrow.to));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
