//! What Kafka Streams' low-level topology says, said with the DSL.

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{Forward, Processor, Refs};
use streams_core::record::{Record, Timestamp};
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;

use crate::{A, B, OUT, topology};

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// Counts by key, and sends the count to one child or the other.
struct Count {
    to: [&'static str; 2],
}

impl Processor<String, String, String, String> for Count {
    type Stores = KeyValueStore<String, i64>;

    fn process(
        &mut self,
        mut counts: Refs<'_, Self::Stores>,
        record: Record<String, String>,
        out: &mut Forward<'_, String, String>,
    ) {
        let count = counts.get(&record.key).unwrap_or(0) + 1;
        counts.put(&record.key, count);
        let value = format!("{}{count}", record.value);
        out.send_to(self.to[usize::from(count % 2 == 0)], Record { value, ..record });
    }
}

/// What Java prints for `new Topology().addSource("source-a", "a").addSource("source-b", "b").addProcessor("odd-or-even", ..,
/// "source-a").addProcessor("other", .., "source-b").addStateStore(counts, "odd-or-even", "other").addProcessor("last", ..,
/// "odd-or-even").addSink("sink", "out", "odd-or-even").addSink("last-sink", "out", "last").addSink("other-sink", "out",
/// "other")`; the oracle compares many more.
const DESCRIBED: &str = "Topologies:
   Sub-topology: 0
    Source: source-a (topics: [a])
      --> odd-or-even
    Processor: odd-or-even (stores: [counts])
      --> last, sink
      <-- source-a
    Source: source-b (topics: [b])
      --> other
    Processor: last (stores: [])
      --> last-sink
      <-- odd-or-even
    Processor: other (stores: [counts])
      --> other-sink
      <-- source-b
    Sink: last-sink (topic: out)
      <-- last
    Sink: other-sink (topic: out)
      <-- other
    Sink: sink (topic: out)
      <-- odd-or-even

";

#[test]
fn what_the_low_level_topology_says_the_dsl_says_with_names() {
    let built = topology(|builder: &StreamsBuilder| {
        let (a, b) = (builder.stream(A).named("source-a"), builder.stream(B).named("source-b"));
        let counted = a.process_with(COUNTS, || Count { to: ["last", "sink"] }).named("odd-or-even");
        let other = b.process(COUNTS, |counts, key, _: String, out| {
            out.send(key.clone(), format!("{:?}", counts.get(key)));
        });
        let other = other.named("other");
        let last = counted.process((), |(), key, value: String, out| out.send(key.clone(), format!("last {value}")));
        let last = last.named("last");
        counted.to(OUT).named("sink");
        last.to(OUT).named("last-sink");
        other.to(OUT).named("other-sink");
    });
    assert_eq!(built.describe(), DESCRIBED);
    let mut driver = TestDriver::new(built);
    for (time, topic, value) in [(1, &A, "x"), (2, &B, ""), (3, &A, "y"), (4, &A, "z"), (5, &B, "")] {
        driver.pipe_at(topic, "k", value, Timestamp(time));
    }
    let values: Vec<_> = driver.read(&OUT).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["last x1", "Some(1)", "y2", "last z3", "Some(3)"]);
}
