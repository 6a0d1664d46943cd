package millstream;

import static millstream.TableJoins.as;
import static millstream.TableJoins.text;

import java.time.Duration;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;

/** Groups that are aggregated together, in the order and with the names of streams-core/tests/describe/cogroups.rs. */
final class Cogroups {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));
    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("cogroup", b -> two(keyed(b, "a"), keyed(b, "b")).aggregate(Cogroups::init).toStream().to("out"));
        add.accept("cogroup of one", b -> keyed(b, "a").cogroup(Cogroups::append).aggregate(Cogroups::init));
        add.accept("cogroup named", b -> two(keyed(b, "a"), keyed(b, "b"))
            .aggregate(Cogroups::init, Named.as("both")).toStream().to("out"));
        add.accept("cogroup stored", b -> two(keyed(b, "a"), keyed(b, "b"))
            .aggregate(Cogroups::init, as("rows")).toStream().to("out"));
        add.accept("cogroup named and stored of three", b -> two(keyed(b, "a"), keyed(b, "b"))
            .cogroup(keyed(b, "c"), Cogroups::append).aggregate(Cogroups::init, Named.as("all"), as("rows")));
        add.accept("cogroup not cached", b -> two(keyed(b, "a"), keyed(b, "b"))
            .aggregate(Cogroups::init, text().withCachingDisabled()));
        add.accept("cogroup with a changed key", b -> two(changed(b, "a"), keyed(b, "b")).aggregate(Cogroups::init));
        add.accept("cogroup of changed keys with names", b -> {
            final KGroupedStream<String, String> first = b.<String, String>stream("a").groupBy((k, v) -> v, Grouped.as("first"));
            final KGroupedStream<String, String> second = b.<String, String>stream("b").groupBy((k, v) -> v, Grouped.as("second"));
            two(first, second).aggregate(Cogroups::init, as("rows")).toStream().to("out");
        });
        add.accept("cogroup with a changed key stored", b -> two(keyed(b, "a"), changed(b, "b"))
            .aggregate(Cogroups::init, as("rows")).toStream().to("out"));
        add.accept("a cogroup aggregated twice", b -> {
            final CogroupedKStream<String, String> one =
                b.<String, String>stream("a").groupBy((k, v) -> v, Grouped.as("foo")).cogroup(Cogroups::append);
            one.aggregate(Cogroups::init);
            one.aggregate(Cogroups::init);
        });
        add.accept("two cogroups of the same groups", b -> {
            final KGroupedStream<String, String> first = changed(b, "a");
            final KGroupedStream<String, String> second = keyed(b, "b");
            final KTable<String, String> one = two(first, second).aggregate(Cogroups::init);
            final KTable<String, String> other = two(first, second).aggregate(Cogroups::init);
            other.toStream().to("out-1");
            one.toStream().to("out-2");
        });
        add.accept("a group that is added twice", b -> {
            final KGroupedStream<String, String> a = keyed(b, "a");
            two(a, keyed(b, "b")).cogroup(a, Cogroups::append).aggregate(Cogroups::init);
        });
        add.accept("cogroup of one topic", b -> two(keyed(b, "a"), keyed(b, "a")).aggregate(Cogroups::init));
        add.accept("a cogroup grouped", b -> two(keyed(b, "a"), keyed(b, "b")).aggregate(Cogroups::init)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count());
        add.accept("a cogroup joined", b -> {
            final KTable<String, String> both = two(keyed(b, "a"), changed(b, "b")).aggregate(Cogroups::init);
            both.leftJoin(b.table("t"), TableJoins::left).toStream().to("out-1");
            b.<String, String>stream("c").join(both, TableJoins::left).to("out-2");
        });
        add.accept("windowed cogroup", b -> two(keyed(b, "a"), keyed(b, "b")).windowedBy(TUMBLING).aggregate(Cogroups::init));
        add.accept("windowed cogroup of changed keys named and stored", b -> {
            final KGroupedStream<String, String> first = b.<String, String>stream("a").groupBy((k, v) -> v, Grouped.as("first"));
            two(first, changed(b, "b")).windowedBy(TUMBLING).aggregate(Cogroups::init, Named.as("both"),
                Materialized.as("rows")).toStream((key, value) -> key.key()).to("out");
        });
        add.accept("cogroup in sliding windows", b -> two(keyed(b, "a"), keyed(b, "b")).windowedBy(SLIDING)
            .aggregate(Cogroups::init));
        add.accept("cogroup in sliding windows of changed keys named and stored", b -> {
            final KGroupedStream<String, String> first = b.<String, String>stream("a").groupBy((k, v) -> v, Grouped.as("first"));
            two(first, changed(b, "b")).windowedBy(SLIDING).aggregate(Cogroups::init, Named.as("both"),
                Materialized.as("rows")).toStream((key, value) -> key.key()).to("out");
        });
        add.accept("cogroup in sessions", b -> two(keyed(b, "a"), keyed(b, "b")).windowedBy(SESSIONS)
            .aggregate(Cogroups::init, Cogroups::append));
        add.accept("cogroup in sessions of changed keys named and stored", b -> {
            final KGroupedStream<String, String> first = b.<String, String>stream("a").groupBy((k, v) -> v, Grouped.as("first"));
            two(first, changed(b, "b")).windowedBy(SESSIONS).aggregate(Cogroups::init, Cogroups::append, Named.as("both"),
                Materialized.as("rows")).toStream((key, value) -> key.key()).to("out");
        });
    }

    private static KGroupedStream<String, String> keyed(final StreamsBuilder builder, final String topic) {
        return builder.<String, String>stream(topic).groupByKey();
    }

    private static KGroupedStream<String, String> changed(final StreamsBuilder builder, final String topic) {
        return builder.<String, String>stream(topic).groupBy((key, value) -> value);
    }

    private static CogroupedKStream<String, String> two(
        final KGroupedStream<String, String> first,
        final KGroupedStream<String, String> second
    ) {
        return first.cogroup(Cogroups::append).cogroup(second, Cogroups::append);
    }

    private static String append(final String key, final String value, final String aggregate) {
        return aggregate + value;
    }

    private static String init() {
        return "";
    }

    private Cogroups() { }
}
