package millstream;

import static org.apache.kafka.streams.kstream.Suppressed.BufferConfig.maxRecords;
import static org.apache.kafka.streams.kstream.Suppressed.BufferConfig.unbounded;
import static org.apache.kafka.streams.kstream.Suppressed.untilTimeLimit;
import static org.apache.kafka.streams.kstream.Suppressed.untilWindowCloses;

import java.time.Duration;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

/** Suppressions, as in streams-core/tests/describe/topologies/suppressions.rs. */
final class Suppressions {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    private static <K> Suppressed<K> minute() {
        return untilTimeLimit(Duration.ofMinutes(1), unbounded());
    }

    private static KTable<Windowed<String>, Long> windowedCounts(final StreamsBuilder b) {
        return b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING).count();
    }

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("suppress", b -> b.<String, String>table("t").suppress(minute()).toStream().to("out"));
        add.accept("suppress named", b -> b.<String, String>table("t")
            .suppress(Suppressions.<String>minute().withName("waiting")).toStream().to("out"));
        add.accept("suppress of what nobody reads", b -> b.<String, String>table("t").suppress(minute()));
        add.accept("suppress with a limit", b -> b.<String, String>table("t")
            .suppress(untilTimeLimit(Duration.ofMinutes(1), maxRecords(10).withMaxBytes(1_000).shutDownWhenFull()))
            .toStream().to("out"));
        add.accept("suppress not logged", b -> b.<String, String>table("t")
            .suppress(untilTimeLimit(Duration.ofMinutes(1), unbounded().withLoggingDisabled()))
            .toStream().to("out"));
        add.accept("suppress with changelog settings", b -> b.<String, String>table("t")
            .suppress(untilTimeLimit(Duration.ofMinutes(1),
                unbounded().withLoggingEnabled(Map.of("segment.bytes", "1048576"))))
            .toStream().to("out"));
        add.accept("suppress of a stored table", b -> b.<String, String>table("t", Materialized.as("rows"))
            .suppress(minute()).toStream().to("out"));
        add.accept("suppress of a filtered and mapped table", b -> b.<String, String>table("t")
            .filter((key, value) -> true).mapValues(value -> value).suppress(minute()).toStream().to("out"));
        add.accept("suppress of a stream's table", b -> b.<String, String>stream("a")
            .selectKey((key, value) -> value).toTable().suppress(minute()).toStream().to("out"));
        add.accept("suppress of a suppressed table", b -> b.<String, String>table("t").suppress(minute())
            .mapValues(value -> value).suppress(minute()).toStream().to("out"));
        add.accept("suppress until a window closes", b -> windowedCounts(b)
            .suppress(untilWindowCloses(unbounded())).toStream().to("out"));
        add.accept("suppress until a window closes named", b -> windowedCounts(b)
            .suppress(untilWindowCloses(unbounded()).withName("waiting")).toStream().to("out"));
        add.accept("suppress behind other operators until a window closes", b -> windowedCounts(b)
            .filter((key, value) -> true).mapValues(value -> value)
            .suppress(untilWindowCloses(unbounded())).toStream().to("out"));
        add.accept("suppress of a changed key", b -> b.<String, String>stream("a").groupBy((key, value) -> value)
            .windowedBy(TUMBLING).count().suppress(untilWindowCloses(unbounded())).toStream().to("out"));
        add.accept("suppressed rows grouped", b -> b.<String, String>table("t").suppress(minute())
            .groupBy((key, value) -> KeyValue.pair(value, key)).count().suppress(minute()).toStream().to("out"));
        add.accept("suppressed rows filtered, mapped and stored", b -> b.<String, String>table("t").suppress(minute())
            .filter((key, value) -> true).mapValues(value -> value, Materialized.as("mapped")).toStream().to("out"));
        add.accept("join with suppressed rows", b -> {
            final KTable<String, String> table = b.<String, String>table("t").suppress(minute());
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out");
        });
        add.accept("join with mapped suppressed rows", b -> {
            final KTable<String, String> table = b.<String, String>table("t").filter((key, value) -> true)
                .suppress(minute()).mapValues(value -> value);
            b.<String, String>stream("a").leftJoin(table, (left, right) -> left).to("out");
        });
    }

    private Suppressions() {
    }
}
