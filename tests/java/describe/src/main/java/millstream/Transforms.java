package millstream;

import static millstream.TableJoins.as;
import static millstream.TableJoins.left;
import static millstream.TableJoins.table;
import static millstream.TableJoins.text;

import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.Stores;

/** Transformed tables, in the order and with the names of streams-core/tests/describe/transforms.rs. */
final class Transforms {
    private static final ValueTransformerWithKeySupplier<String, String, String> SAME = Same::new;

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        add.accept("transform_values", b -> table(b, "t").transformValues(SAME).toStream().to("out"));
        add.accept("transform_values named", b -> table(b, "t").transformValues(SAME, Named.as("transformed"))
            .toStream().to("out"));
        add.accept("transform_values named and stored", b -> table(b, "t")
            .transformValues(SAME, as("rows").withLoggingDisabled(), Named.as("transformed")).toStream().to("out"));
        add.accept("transform_values not cached", b -> table(b, "t")
            .transformValues(SAME, text().withCachingDisabled()).toStream().to("out"));
        add.accept("transform_values with stores", b -> {
            store(b, "one");
            store(b, "two");
            table(b, "t").transformValues(SAME, "one", "two").toStream().to("out");
        });
        add.accept("transform_values with a store and stored", b -> {
            store(b, "own");
            table(b, "t").transformValues(SAME, as("rows"), "own").toStream().to("out");
        });
        add.accept("a transformed table joined", b -> {
            final KTable<String, String> transformed = table(b, "t").filter((key, value) -> true).transformValues(SAME);
            b.<String, String>stream("a").join(transformed, TableJoins::left).to("out");
        });
        add.accept("a transformed table joined with a table and grouped", b -> table(b, "t").transformValues(SAME)
            .join(table(b, "u"), TableJoins::left).transformValues(SAME)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count().toStream().to("out"));
        add.accept("to_stream_by", b -> table(b, "t").toStream((key, value) -> value).to("out"));
        add.accept("to_stream_by named and grouped", b -> table(b, "t")
            .toStream((key, value) -> value, Named.as("changes")).groupByKey().count().toStream().to("out"));
        add.accept("to_stream_by joined", b -> table(b, "t").filter((key, value) -> true)
            .toStream((key, value) -> value).filter((key, value) -> value != null)
            .join(table(b, "u"), TableJoins::left).to("out-1"));
        add.accept("foreign-key join partitioned", b -> {
            final KTable<String, String> u = table(b, "u");
            final StreamPartitioner<String, Void> first = (topic, key, value, count) -> Optional.of(Set.of(0));
            final StreamPartitioner<String, Void> other =
                (topic, key, value, count) -> Optional.of(Set.of(key.length() % count));
            table(b, "t").join(u, value -> left(value, value), TableJoins::left,
                TableJoined.with(first, other).withName("joining")).toStream().to("out");
        });
    }

    private static void store(final StreamsBuilder builder, final String name) {
        builder.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), Serdes.String(), Serdes.String()));
    }

    private static final class Same implements ValueTransformerWithKey<String, String, String> {
        @Override
        public void init(final ProcessorContext context) { }

        @Override
        public String transform(final String key, final String value) {
            return value;
        }

        @Override
        public void close() { }
    }

    private Transforms() { }
}
