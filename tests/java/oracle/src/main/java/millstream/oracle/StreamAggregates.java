package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.state.KeyValueStore;

/** Aggregations of a grouped stream without windows. */
final class StreamAggregates {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final KGroupedStream<Object, String> in = plan.in(step).groupedStream();
        switch (op) {
            case "count":
                return Flow.of(Counts.asText(count(in, step)));
            case "reduce":
                return Flow.of(reduce(in, step));
            default:
                return Flow.of(aggregate(in, step));
        }
    }

    private static KTable<Object, Long> count(final KGroupedStream<Object, String> in, final JsonNode step) {
        final Materialized<Object, Long, KeyValueStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Serdes.Long());
        return Options.choose(Options.named(step), stored, in::count, in::count, in::count, in::count);
    }

    private static KTable<Object, String> reduce(final KGroupedStream<Object, String> in, final JsonNode step) {
        final Reducer<String> add = Counts.reducer(step, "add");
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.reduce(add), n -> in.reduce(add, n, unnamed()),
            s -> in.reduce(add, s), (n, s) -> in.reduce(add, n, s));
    }

    private static KTable<Object, String> aggregate(final KGroupedStream<Object, String> in, final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Aggregator<Object, String, String> add = Counts.aggregator(step, "add");
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init, add), n -> in.aggregate(init, add, n, unnamed()),
            s -> in.aggregate(init, add, s), (n, s) -> in.aggregate(init, add, n, s));
    }

    /** `reduce` and `aggregate` have no overload with a name alone. */
    private static Materialized<Object, String, KeyValueStore<Bytes, byte[]>> unnamed() {
        return Materialized.with(Flow.textKeys(), Flow.TEXT);
    }

    private StreamAggregates() { }
}
