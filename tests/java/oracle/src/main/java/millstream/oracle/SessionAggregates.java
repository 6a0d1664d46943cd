package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BinaryOperator;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;

/** Aggregations per session. */
final class SessionAggregates {
    static KTable<Windowed<Object>, String> of(final SessionWindowedKStream<Object, String> in, final String op,
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

    static Merger<Object, String> merger(final JsonNode adder) {
        final BinaryOperator<String> merge = Functions.merger(adder);
        return (key, left, right) -> merge.apply(left, right);
    }

    private static KTable<Windowed<Object>, Long> count(final SessionWindowedKStream<Object, String> in,
                                                        final JsonNode step) {
        final Materialized<Object, Long, SessionStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Serdes.Long());
        return Options.choose(Options.named(step), stored, in::count, in::count, in::count, in::count);
    }

    private static KTable<Windowed<Object>, String> reduce(final SessionWindowedKStream<Object, String> in,
                                                           final JsonNode step) {
        final Reducer<String> add = Counts.reducer(step, "add");
        final Options<SessionStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.reduce(add), n -> in.reduce(add, n),
            s -> in.reduce(add, s), (n, s) -> in.reduce(add, n, s));
    }

    private static KTable<Windowed<Object>, String> aggregate(final SessionWindowedKStream<Object, String> in,
                                                              final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Aggregator<Object, String, String> add = Counts.aggregator(step, "add");
        final Merger<Object, String> merge = merger(Json.need(step, "add"));
        final Options<SessionStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init, add, merge), n -> in.aggregate(init, add, merge, n),
            s -> in.aggregate(init, add, merge, s), (n, s) -> in.aggregate(init, add, merge, n, s));
    }

    private SessionAggregates() { }
}
