package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.state.KeyValueStore;

/** Aggregations of a grouped table, which also remove. */
final class TableAggregates {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final KGroupedTable<Object, String> in = plan.in(step).groupedTable();
        switch (op) {
            case "count":
                return Flow.of(Counts.asText(count(in, step)));
            case "reduce":
                return Flow.of(reduce(in, step));
            default:
                return Flow.of(aggregate(in, step));
        }
    }

    private static KTable<Object, Long> count(final KGroupedTable<Object, String> in, final JsonNode step) {
        final Materialized<Object, Long, KeyValueStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Serdes.Long());
        return Options.choose(Options.named(step), stored, in::count, in::count, in::count, in::count);
    }

    private static KTable<Object, String> reduce(final KGroupedTable<Object, String> in, final JsonNode step) {
        final Reducer<String> add = Counts.reducer(step, "add");
        final Reducer<String> remove = Counts.reducer(step, "remove");
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        // There is no overload with a name alone.
        return options.choose(() -> in.reduce(add, remove),
            n -> in.reduce(add, remove, n, Materialized.with(Flow.textKeys(), Flow.TEXT)),
            s -> in.reduce(add, remove, s),
            (n, s) -> in.reduce(add, remove, n, s));
    }

    private static KTable<Object, String> aggregate(final KGroupedTable<Object, String> in, final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Aggregator<Object, String, String> add = Counts.aggregator(step, "add");
        final Aggregator<Object, String, String> remove = Counts.aggregator(step, "remove");
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init, add, remove), n -> in.aggregate(init, add, remove, n),
            s -> in.aggregate(init, add, remove, s), (n, s) -> in.aggregate(init, add, remove, n, s));
    }

    private TableAggregates() { }
}
