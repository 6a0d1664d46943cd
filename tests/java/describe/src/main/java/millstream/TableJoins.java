package millstream;

import java.time.Duration;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueStore;

/** Joins of two tables, in the order and with the names of streams-core/tests/describe/table_joins.rs. */
final class TableJoins {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("table join", b -> table(b, "t").join(table(b, "u"), TableJoins::left).toStream().to("out"));
        add.accept("table left join", b -> table(b, "t").leftJoin(table(b, "u"), TableJoins::left).toStream().to("out"));
        add.accept("table outer join", b -> table(b, "t").outerJoin(table(b, "u"), TableJoins::left).toStream().to("out"));
        add.accept("table join named", b -> {
            final KTable<String, String> t = table(b, "t");
            t.join(b.table("u", Consumed.as("rows")), TableJoins::left, Named.as("joining")).toStream().to("out");
        });
        add.accept("table join stored", b -> table(b, "t").join(table(b, "u"), TableJoins::left, as("joined")).toStream().to("out"));
        add.accept("table left join named and stored", b -> table(b, "t")
            .leftJoin(table(b, "u"), TableJoins::left, Named.as("joining"), as("joined")).toStream().to("out"));
        add.accept("table outer join not cached", b -> table(b, "t")
            .outerJoin(table(b, "u"), TableJoins::left, text().withCachingDisabled()).toStream().to("out"));
        add.accept("table join not logged", b -> table(b, "t")
            .join(table(b, "u"), TableJoins::left, as("joined").withLoggingDisabled()).toStream().to("out"));
        add.accept("joins of three tables", b -> table(b, "t")
            .join(table(b, "u"), TableJoins::left).leftJoin(table(b, "v"), TableJoins::left).toStream().to("out"));
        add.accept("joins of four tables in pairs", b -> {
            final KTable<String, String> first = table(b, "t").join(table(b, "u"), TableJoins::left);
            final KTable<String, String> second = table(b, "v").outerJoin(table(b, "w"), TableJoins::left);
            second.leftJoin(first, TableJoins::left).toStream().to("out");
        });
        add.accept("a stored table join joined again", b -> table(b, "t")
            .join(table(b, "u"), TableJoins::left, as("joined")).outerJoin(table(b, "v"), TableJoins::left).toStream().to("out"));
        add.accept("a table join grouped", b -> table(b, "t").join(table(b, "u"), TableJoins::left)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count());
        add.accept("a stored table outer join grouped", b -> table(b, "t").outerJoin(table(b, "u"), TableJoins::left, as("joined"))
            .filter((key, value) -> true).groupBy((key, value) -> KeyValue.pair(value, key)).count());
        add.accept("a table joined with itself", b -> {
            final KTable<String, String> t = table(b, "t");
            t.join(t, TableJoins::left).toStream().to("out");
        });
        add.accept("a table joined with its own rows", b -> {
            final KTable<String, String> t = table(b, "t");
            t.mapValues(value -> value).leftJoin(t.filter((key, value) -> true), TableJoins::left).toStream().to("out");
        });
        add.accept("join of tables that are computed and stored", b -> {
            final KTable<String, String> mapped = table(b, "t").mapValues(value -> value, as("mapped"));
            mapped.outerJoin(table(b, "u").filter((key, value) -> true), TableJoins::left).toStream().to("out");
        });
        add.accept("join of aggregates", b -> {
            final KTable<String, Long> first = b.<String, String>stream("a").groupByKey().count();
            final KTable<String, Long> second = b.<String, String>stream("b").groupBy((key, value) -> value).count();
            first.leftJoin(second, (left, right) -> left).toStream().to("out");
        });
        add.accept("join of grouped tables", b -> {
            final KTable<String, Long> first = table(b, "t").groupBy((key, value) -> KeyValue.pair(value, key)).count();
            final KTable<String, Long> second = table(b, "u").groupBy((key, value) -> KeyValue.pair(value, key)).count();
            first.join(second, (left, right) -> left).toStream().to("out");
        });
        add.accept("join of streams' tables", b -> {
            final KTable<String, String> first = b.<String, String>stream("a").toTable();
            final KTable<String, String> second = b.<String, String>stream("b").selectKey((key, value) -> value).toTable();
            first.outerJoin(second, TableJoins::left).toStream().to("out");
        });
        add.accept("join of windowed tables", b -> {
            final KTable<Windowed<String>, Long> first = b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING).count();
            final KTable<Windowed<String>, Long> second = b.<String, String>stream("b").groupByKey().windowedBy(TUMBLING).count();
            first.outerJoin(second, (left, right) -> left).toStream((key, value) -> key.key()).to("out");
        });
        add.accept("a stream joined with a table join", b -> {
            final KTable<String, String> joined = table(b, "t").leftJoin(table(b, "u"), TableJoins::left);
            b.<String, String>stream("a").join(joined, TableJoins::left).to("out");
        });
        add.accept("two joins of two tables", b -> {
            final KTable<String, String> t = table(b, "t");
            final KTable<String, String> u = table(b, "u");
            t.join(u, TableJoins::left).toStream().to("out-1");
            u.leftJoin(t, TableJoins::left, Named.as("second"), as("second-store")).toStream().to("out-2");
        });
    }

    static KTable<String, String> table(final StreamsBuilder builder, final String topic) {
        return builder.table(topic);
    }

    static String left(final String left, final String right) {
        return left;
    }

    static Materialized<String, String, KeyValueStore<Bytes, byte[]>> as(final String name) {
        return Materialized.as(name);
    }

    static Materialized<String, String, KeyValueStore<Bytes, byte[]>> text() {
        return Materialized.with(Serdes.String(), Serdes.String());
    }

    private TableJoins() { }
}
