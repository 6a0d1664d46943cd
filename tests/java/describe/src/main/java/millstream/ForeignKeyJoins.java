package millstream;

import static millstream.TableJoins.as;
import static millstream.TableJoins.left;
import static millstream.TableJoins.table;

import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.TableJoined;

/** Joins over foreign keys, in the order and with the names of streams-core/tests/describe/foreign_key_joins.rs. */
final class ForeignKeyJoins {
    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("foreign-key join", b -> table(b, "t").join(table(b, "u"), ForeignKeyJoins::key, TableJoins::left)
            .toStream().to("out"));
        add.accept("foreign-key left join", b -> table(b, "t").leftJoin(table(b, "u"), ForeignKeyJoins::key, TableJoins::left)
            .toStream().to("out"));
        add.accept("foreign-key join named", b -> table(b, "t")
            .join(table(b, "u"), ForeignKeyJoins::key, TableJoins::left, TableJoined.as("joining")).toStream().to("out"));
        add.accept("foreign-key join stored", b -> table(b, "t")
            .join(table(b, "u"), ForeignKeyJoins::key, TableJoins::left, as("joined")).toStream().to("out"));
        add.accept("foreign-key left join named and stored", b -> table(b, "t").leftJoin(table(b, "u"), ForeignKeyJoins::key,
            TableJoins::left, TableJoined.as("joining"), as("joined").withLoggingDisabled()).toStream().to("out"));
        add.accept("foreign-key join with itself", b -> {
            final KTable<String, String> t = table(b, "t");
            t.join(t, ForeignKeyJoins::key, TableJoins::left).toStream().to("out");
        });
        add.accept("foreign-key joins in a row", b -> table(b, "t")
            .join(table(b, "u"), ForeignKeyJoins::key, TableJoins::left)
            .leftJoin(table(b, "v"), ForeignKeyJoins::key, TableJoins::left).toStream().to("out"));
        add.accept("foreign-key joins with one table", b -> {
            final KTable<String, String> u = table(b, "u");
            table(b, "t").join(u, ForeignKeyJoins::key, TableJoins::left).toStream().to("out-1");
            table(b, "v").leftJoin(u, ForeignKeyJoins::key, TableJoins::left, TableJoined.as("second")).toStream().to("out-2");
        });
        add.accept("foreign-key join of computed tables", b -> {
            final KTable<String, String> t = table(b, "t").filter((key, value) -> true);
            final KTable<String, String> u = table(b, "u").mapValues(value -> value, as("mapped")).mapValues(value -> value);
            t.join(u, ForeignKeyJoins::key, TableJoins::left).toStream().to("out");
        });
        add.accept("foreign-key join of a stream's table with an aggregate", b -> {
            final KTable<String, String> t = b.<String, String>stream("a").selectKey((key, value) -> value).toTable();
            final KTable<String, Long> u = b.<String, String>stream("b").groupByKey().count();
            t.leftJoin(u, ForeignKeyJoins::key, (l, r) -> l).toStream().to("out");
        });
        add.accept("a foreign-key join grouped", b -> table(b, "t").join(table(b, "u"), ForeignKeyJoins::key, TableJoins::left)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count());
        add.accept("a foreign-key join joined by key", b -> {
            final KTable<String, String> joined = table(b, "t").leftJoin(table(b, "u"), ForeignKeyJoins::key, TableJoins::left);
            joined.outerJoin(table(b, "v"), TableJoins::left).toStream().to("out-1");
            b.<String, String>stream("a").join(joined, TableJoins::left).to("out-2");
        });
    }

    private static String key(final String value) {
        return left(value, value);
    }

    private ForeignKeyJoins() { }
}
