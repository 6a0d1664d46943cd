package millstream;

import java.time.Duration;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Tables with versions of their rows, as in streams-core/tests/describe/topologies/versions.rs. */
final class Versions {
    private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> rows() {
        return versioned("rows", Duration.ofHours(1));
    }

    private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> others() {
        return versioned("others", Duration.ofSeconds(90));
    }

    private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> versioned(
        final String name, final Duration history) {
        return Materialized.as(Stores.persistentVersionedKeyValueStore(name, history));
    }

    private static Joined<String, String, String> grace(final int seconds) {
        return Joined.with(Serdes.String(), Serdes.String(), Serdes.String(), null, Duration.ofSeconds(seconds));
    }

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("table with versions", b -> b.<String, String>table("t", rows()).toStream().to("out"));
        add.accept("table with versions named", b -> b.<String, String>table("t", Consumed.as("versions"), rows())
            .toStream().to("out"));
        add.accept("table with versions not logged", b -> b.<String, String>table("t",
            Versions.<String>rows().withLoggingDisabled()).toStream().to("out"));
        add.accept("table with versions and changelog settings", b -> b.<String, String>table("t",
            Versions.<String>rows().withLoggingEnabled(Map.of("segment.bytes", "1048576"))).toStream().to("out"));
        add.accept("a stream's table with versions", b -> b.<String, String>stream("a")
            .selectKey((key, value) -> value).toTable(rows()).toStream().to("out"));
        add.accept("filtered and mapped versions", b -> b.<String, String>table("t", rows())
            .filter((key, value) -> true).mapValues(value -> value).toStream().to("out"));
        add.accept("filtered and mapped with versions", b -> b.<String, String>table("t")
            .filter((key, value) -> true, rows()).mapValues(value -> value, others()).toStream().to("out"));
        add.accept("counts with versions", b -> b.<String, String>stream("a").groupByKey()
            .count(versioned("counts", Duration.ofMinutes(1))));
        add.accept("aggregate of groups with versions", b -> b.<String, String>table("t", rows())
            .groupBy((key, value) -> KeyValue.pair(value, key))
            .aggregate(() -> "", (key, value, sum) -> sum, (key, value, sum) -> sum, others()).toStream().to("out"));
        add.accept("join with versions", b -> b.<String, String>stream("a")
            .join(b.<String, String>table("t", rows()), (left, right) -> left).to("out"));
        add.accept("join with mapped versions", b -> {
            final KTable<String, String> mapped = b.<String, String>table("t", rows()).mapValues(value -> value);
            b.<String, String>stream("a").leftJoin(mapped, (left, right) -> left).to("out");
        });
        add.accept("join with grace", b -> b.<String, String>stream("a")
            .join(b.<String, String>table("t", rows()), (left, right) -> left, grace(10)).to("out"));
        add.accept("left join with grace named", b -> b.<String, String>stream("a")
            .leftJoin(b.<String, String>table("t", rows()), (left, right) -> left, grace(10).withName("joined")).to("out"));
        add.accept("join with grace of a changed key", b -> {
            final KTable<String, String> rows = b.table("t", rows());
            b.<String, String>stream("a").selectKey((key, value) -> value).join(rows, (left, right) -> left, grace(10)).to("out");
        });
        add.accept("joins with grace, one after the other", b -> {
            final KTable<String, String> rows = b.table("t", rows());
            final KTable<String, String> others = b.table("u", others());
            b.<String, String>stream("a").leftJoin(rows, (left, right) -> left, grace(10))
                .join(others, (left, right) -> left, grace(90)).to("out");
        });
        add.accept("join with grace with mapped versions", b -> {
            final KTable<String, String> mapped = b.<String, String>table("t", rows()).mapValues(value -> value);
            b.<String, String>stream("a").leftJoin(mapped, (left, right) -> left, grace(0)).to("out");
        });
        add.accept("table join of versions", b -> b.<String, String>table("t", rows())
            .join(b.<String, String>table("u", others()), (left, right) -> left).toStream().to("out"));
        add.accept("table join with versions of its own", b -> b.<String, String>table("t")
            .outerJoin(b.<String, String>table("u"), (left, right) -> left, rows()).toStream().to("out"));
        add.accept("a stream joined with a table join with versions", b -> {
            final KTable<String, String> joined = b.<String, String>table("t", rows())
                .join(b.<String, String>table("u"), (left, right) -> left, others());
            b.<String, String>stream("b").join(joined, (left, right) -> left).to("out");
        });
    }

    private Versions() {
    }
}
