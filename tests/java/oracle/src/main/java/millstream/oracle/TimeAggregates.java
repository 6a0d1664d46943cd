package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.WindowStore;

/** Aggregations per time, sliding or unlimited window. */
final class TimeAggregates {
    static KTable<Windowed<Object>, String> of(final TimeWindowedKStream<Object, String> in, final String op,
                                               final JsonNode step) {
        switch (op) {
            case "count":
                return Counts.asText(count(in, step));
            case "reduce":
                return reduce(in, step);
            default:
                return aggregate(in, step);
        }
    }

    private static KTable<Windowed<Object>, Long> count(final TimeWindowedKStream<Object, String> in,
                                                        final JsonNode step) {
        final Materialized<Object, Long, WindowStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Serdes.Long());
        return Options.choose(Options.named(step), stored, in::count, in::count, in::count, in::count);
    }

    private static KTable<Windowed<Object>, String> reduce(final TimeWindowedKStream<Object, String> in,
                                                           final JsonNode step) {
        final Reducer<String> add = Counts.reducer(step, "add");
        final Options<WindowStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.reduce(add), n -> in.reduce(add, n),
            s -> in.reduce(add, s), (n, s) -> in.reduce(add, n, s));
    }

    private static KTable<Windowed<Object>, String> aggregate(final TimeWindowedKStream<Object, String> in,
                                                              final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Aggregator<Object, String, String> add = Counts.aggregator(step, "add");
        final Options<WindowStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init, add), n -> in.aggregate(init, add, n),
            s -> in.aggregate(init, add, s), (n, s) -> in.aggregate(init, add, n, s));
    }

    private TimeAggregates() { }
}
