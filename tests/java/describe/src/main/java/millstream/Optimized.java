package millstream;

import java.time.Duration;
import java.util.Properties;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;

/** Topologies that are built with optimisations, in the order and with the names of streams-core/tests/describe/optimized.rs. */
final class Optimized {
    /** What the names of all of them begin with. */
    private static final String PREFIX = "optimized: ";

    private static final JoinWindows WITHIN = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(10));
    private static final TimeWindows TUMBLING = TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(5));

    static Topology build(final String name, final StreamsBuilder builder) {
        if (!name.startsWith(PREFIX)) {
            return builder.build();
        }
        final Properties properties = new Properties();
        properties.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        return builder.build(properties);
    }

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> to) {
        final BiConsumer<String, Consumer<StreamsBuilder>> add = (name, build) -> to.accept(PREFIX + name, build);
        add.accept("two aggregations of a changed key", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.groupByKey().count().toStream().to("out");
            keyed.groupByKey().reduce((x, y) -> y).toStream().to("out-1");
        });
        add.accept("two aggregations with names", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.groupByKey(Grouped.as("first")).count(Named.as("counting"));
            keyed.groupByKey(Grouped.as("second")).reduce((x, y) -> y);
        });
        add.accept("a repartition moves up", b -> keyed(b, "a").filter((k, v) -> true).peek((k, v) -> { }).groupByKey().count());
        add.accept("filters between", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.filter((k, v) -> true).groupByKey().count();
            keyed.peek((k, v) -> { }).groupByKey().count();
            keyed.to("out");
        });
        add.accept("a mapped value between", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.mapValues(v -> v).groupByKey().count();
            keyed.groupByKey().count();
            keyed.groupByKey().reduce((x, y) -> y);
        });
        add.accept("two joins of a changed key", b -> {
            final KTable<String, String> t = b.table("t");
            final KTable<String, String> u = b.table("u");
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.join(t, (l, r) -> l).to("out");
            keyed.leftJoin(u, (l, r) -> l, Joined.as("joined")).to("out-1");
        });
        add.accept("a join, a table and an aggregation", b -> {
            final KTable<String, String> t = b.table("t");
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.leftJoin(t, (l, r) -> l).to("out");
            keyed.toTable().toStream().to("out-1");
            keyed.groupByKey().windowedBy(TUMBLING).count();
        });
        add.accept("two aggregations of a group", b -> {
            final KGroupedStream<String, String> group = b.<String, String>stream("a").groupBy((k, v) -> v);
            group.count();
            group.reduce((x, y) -> y);
        });
        add.accept("a merge of changed keys", b -> {
            final KStream<String, String> merged = keyed(b, "a").merge(keyed(b, "b"));
            merged.groupByKey().count();
            merged.groupByKey().reduce((x, y) -> y);
        });
        add.accept("a merge of which one key changed", b -> {
            final KStream<String, String> merged = keyed(b, "a").merge(b.stream("b"));
            merged.filter((k, v) -> true).groupByKey().count();
            merged.groupByKey().reduce((x, y) -> y);
        });
        add.accept("a key that changes twice", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            final KStream<String, String> again = keyed.selectKey((k, v) -> v);
            keyed.groupByKey().count();
            again.groupByKey().count();
            again.groupByKey().reduce((x, y) -> y);
        });
        add.accept("an explicit repartition", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.repartition().groupByKey().count();
            keyed.groupByKey().count();
            keyed.groupByKey().reduce((x, y) -> y);
        });
        add.accept("a join of streams and an aggregation", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.join(b.<String, String>stream("b"), (l, r) -> l, WITHIN).to("out");
            keyed.groupByKey().count();
        });
        add.accept("a cogroup and a count", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.groupByKey().<String>cogroup((k, v, a) -> a + v)
                .cogroup(b.<String, String>stream("b").groupByKey(), (k, v, a) -> a + v).aggregate(() -> "");
            keyed.groupByKey().count();
        });
        add.accept("a table is its changelog", b ->
            b.table("t", Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("kept")).toStream().to("out"));
        add.accept("a table that is not kept", b -> b.<String, String>table("t").toStream().to("out"));
        add.accept("a table of a stream has a changelog", b ->
            b.<String, String>stream("t").toTable(Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("kept"))
                .toStream().to("out"));
        add.accept("a filtered table and a group", b ->
            b.<String, String>table("t").filter((k, v) -> true).groupBy(KeyValue::pair).count().toStream().to("out"));
        add.accept("a table's changes under another key", b -> {
            final KStream<String, String> keyed = b.<String, String>table("t").toStream((k, v) -> v);
            keyed.groupByKey().count();
            keyed.groupByKey().count().toStream().to("out");
        });
        add.accept("self-join", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(a, (l, r) -> l, WITHIN).to("out");
        });
        add.accept("self-join with names", b -> {
            final KStream<String, String> a = b.stream("a");
            final StreamJoined<String, String, String> joined = StreamJoined.as("kept");
            a.join(a, (l, r) -> l, WITHIN, joined.withName("joined")).to("out");
        });
        add.accept("self-join of a changed key", b -> {
            final KStream<String, String> keyed = keyed(b, "a");
            keyed.join(keyed, (l, r) -> l, WITHIN).to("out");
            keyed.groupByKey().count();
        });
        add.accept("self-join of a topic that is read twice", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(b.<String, String>stream("a"), (l, r) -> l, WITHIN).to("out");
        });
        add.accept("two self-joins and a join", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(a, (l, r) -> l, WITHIN).to("out");
            a.join(b.<String, String>stream("b"), (l, r) -> l, WITHIN).to("out-1");
            a.join(a, (l, r) -> l, WITHIN).groupByKey().count();
        });
    }

    private static KStream<String, String> keyed(final StreamsBuilder b, final String topic) {
        return b.<String, String>stream(topic).selectKey((k, v) -> v);
    }

    private Optimized() { }
}
