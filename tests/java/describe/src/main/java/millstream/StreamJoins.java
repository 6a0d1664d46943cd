package millstream;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.Windowed;

/** Joins of two streams, in the order and with the names of streams-core/tests/describe/stream_joins.rs. */
final class StreamJoins {
    private static final JoinWindows SPAN = JoinWindows
        .ofTimeDifferenceAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(30)).before(Duration.ofSeconds(5));
    private static final ValueJoiner<String, String, String> LEFT = (left, right) -> left;
    private static final Map<String, Consumer<StreamsBuilder>> ALL = new LinkedHashMap<>();

    static Map<String, Consumer<StreamsBuilder>> all() {
        if (ALL.isEmpty()) {
            names();
            stores();
            keys();
            others();
        }
        return ALL;
    }

    private static void add(final String name, final Consumer<StreamsBuilder> topology) {
        if (ALL.put(name, topology) != null) {
            throw new IllegalArgumentException(name + " is there already");
        }
    }

    private static KStream<String, String> keyed(final KStream<String, String> stream) {
        return stream.selectKey((key, value) -> value);
    }

    private static StreamJoined<String, String, String> stored() {
        return StreamJoined.as("both");
    }

    private static StreamJoined<String, String, String> named() {
        return StreamJoined.<String, String, String>with(null, null, null).withName("joining");
    }

    private static void names() {
        add("stream join", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(b.<String, String>stream("b"), LEFT, SPAN).to("out");
        });
        add("stream left join", b -> {
            final KStream<String, String> a = b.stream("a");
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN).to("out");
        });
        add("stream outer join", b -> {
            final KStream<String, String> a = b.stream("a");
            a.outerJoin(b.<String, String>stream("b"), LEFT, SPAN).to("out");
        });
        add("stream join named", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(b.<String, String>stream("b"), LEFT, SPAN, named()).to("out");
        });
        add("stream left join named", b -> {
            final KStream<String, String> a = b.stream("a");
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN, named()).to("out");
        });
        add("stream outer join named", b -> {
            final KStream<String, String> a = b.stream("a");
            a.outerJoin(b.<String, String>stream("b"), LEFT, SPAN, named()).to("out");
        });
    }

    private static void stores() {
        add("stream join with named stores", b -> {
            final KStream<String, String> a = b.stream("a");
            a.join(b.<String, String>stream("b"), LEFT, SPAN, stored()).to("out");
        });
        add("stream left join with named stores", b -> {
            final KStream<String, String> a = b.stream("a");
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN, stored()).to("out");
        });
        add("stream outer join with named stores and a name", b -> {
            final KStream<String, String> a = b.stream("a");
            a.outerJoin(b.<String, String>stream("b"), LEFT, SPAN, stored().withName("joining")).to("out");
        });
        add("stream outer join that is not logged", b -> {
            final KStream<String, String> a = b.stream("a");
            a.outerJoin(b.<String, String>stream("b"), LEFT, SPAN,
                StreamJoined.<String, String, String>with(null, null, null).withLoggingDisabled()).to("out");
        });
        add("stream left join with topic settings", b -> {
            final KStream<String, String> a = b.stream("a");
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN,
                StreamJoined.<String, String, String>with(null, null, null)
                    .withLoggingEnabled(Map.of("segment.bytes", "1048576"))).to("out");
        });
    }

    private static void keys() {
        add("stream join of changed keys", b -> {
            final KStream<String, String> a = keyed(b.stream("a"));
            a.join(keyed(b.stream("b")), LEFT, SPAN).to("out");
        });
        add("stream left join of a changed key on the left", b -> {
            final KStream<String, String> a = keyed(b.stream("a"));
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN).to("out");
        });
        add("stream left join of a changed key on the right named", b -> {
            final KStream<String, String> second = keyed(b.stream("b"));
            b.<String, String>stream("a").leftJoin(second, LEFT, SPAN, named()).to("out");
        });
        add("stream outer join of changed keys named", b -> {
            final KStream<String, String> first = keyed(b.stream("a"));
            final KStream<String, String> second =
                b.<String, String>stream("b").selectKey((key, value) -> value, Named.as("keyed"));
            first.outerJoin(second, LEFT, SPAN, named()).to("out");
        });
        add("self join", b -> {
            final KStream<String, String> stream = b.stream("a");
            stream.join(stream, LEFT, SPAN).to("out");
        });
        add("self join of a topic that is read twice", b -> {
            final KStream<String, String> first = b.stream("a");
            first.leftJoin(b.<String, String>stream("a"), LEFT, SPAN).to("out");
        });
        add("self join of a changed key", b -> {
            final KStream<String, String> stream = keyed(b.stream("a"));
            stream.outerJoin(stream, LEFT, SPAN).to("out");
        });
        add("self join of a changed key named", b -> {
            final KStream<String, String> stream = keyed(b.stream("a"));
            stream.join(stream, LEFT, SPAN, named()).to("out");
        });
    }

    private static void others() {
        add("chained stream joins", b -> {
            final KStream<String, String> first = b.stream("a");
            final KStream<String, String> third = b.stream("c");
            first.join(b.<String, String>stream("b"), LEFT, SPAN).leftJoin(third, LEFT, SPAN)
                .mapValues(value -> value).outerJoin(first, LEFT, SPAN).to("out");
        });
        add("chained stream joins of changed keys", b -> {
            final KStream<String, String> third = b.stream("c");
            keyed(keyed(b.stream("a")).join(b.<String, String>stream("b"), LEFT, SPAN))
                .leftJoin(third, LEFT, SPAN).to("out");
        });
        add("a stream join that is aggregated", b -> {
            final KStream<String, String> a = b.stream("a");
            a.leftJoin(b.<String, String>stream("b"), LEFT, SPAN).groupBy((key, value) -> value).count()
                .toStream().to("out");
        });
        add("a stream join of partitioned streams", b -> {
            final KStream<String, String> second = b.<String, String>stream("b")
                .repartition(Repartitioned.<String, String>as("right").withNumberOfPartitions(4));
            b.<String, String>stream("a").repartition(Repartitioned.<String, String>as("left").withNumberOfPartitions(4))
                .join(second, LEFT, SPAN).to("out");
        });
        add("two stream joins of a changed key", b -> {
            final KStream<String, String> stream = keyed(b.stream("a"));
            final KStream<String, String> third = b.stream("c");
            stream.join(b.<String, String>stream("b"), LEFT, SPAN).to("out-1");
            stream.leftJoin(third, LEFT, SPAN).to("out-2");
        });
        add("stream joins that share a changed key on the right", b -> {
            final KStream<String, String> second = keyed(b.stream("b"));
            b.<String, String>stream("a").join(second, LEFT, SPAN).to("out-1");
            b.<String, String>stream("c").outerJoin(second, LEFT, SPAN).to("out-2");
        });
        add("a stream join and table joins", b -> {
            final KTable<String, String> table = b.table("t");
            final KStream<String, String> a = b.stream("a");
            a.join(b.<String, String>stream("b"), LEFT, SPAN).join(table, LEFT).to("out-1");
            keyed(b.stream("c")).leftJoin(table, LEFT).to("out-2");
        });
        add("a stream join of merged streams", b -> {
            final KStream<String, String> third = b.stream("c");
            final KStream<String, String> first = b.stream("a");
            first.merge(b.<String, String>stream("b")).join(third, LEFT, SPAN).to("out");
        });
        add("a stream join of windowed keys", b -> {
            final KStream<Windowed<String>, Long> counts = counts(b, "a");
            final KStream<Windowed<String>, Long> others = counts(b, "b");
            counts.join(others, (left, right) -> left, SPAN).selectKey((key, value) -> key.key()).to("out");
        });
        add("stream joins between other parts", b -> {
            b.<String, String>stream("c").to("out-1");
            final KStream<String, String> first = b.stream("a");
            final KStream<String, String> second = b.stream("b");
            second.join(first, LEFT, SPAN).to("out-2");
            b.<String, String>stream("t").groupByKey().count().toStream().to("out");
        });
    }

    private static KStream<Windowed<String>, Long> counts(final StreamsBuilder b, final String topic) {
        final TimeWindows windows = TimeWindows.ofSizeAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));
        return b.<String, String>stream(topic).groupByKey().windowedBy(windows).count().toStream()
            .filter((key, value) -> value != null);
    }

    private StreamJoins() { }
}
