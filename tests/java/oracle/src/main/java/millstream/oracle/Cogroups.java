package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Aggregations of several grouped streams into one table. */
final class Cogroups {
    static Flow add(final Plan plan, final JsonNode step) {
        final JsonNode groups = Json.need(step, "groups");
        CogroupedKStream<Object, String> cogrouped = null;
        for (final JsonNode group : groups) {
            final KGroupedStream<Object, String> in = plan.in(group).groupedStream();
            final Aggregator<Object, String, String> add = Counts.aggregator(group, "add");
            cogrouped = cogrouped == null ? in.cogroup(add) : cogrouped.cogroup(in, add);
        }
        final Windowing windowing = Windowing.of(step);
        if (windowing == null) {
            return Flow.of(aggregate(cogrouped, step));
        }
        // Sessions merge as the first group's aggregator says.
        return new Flow(windowing.isSession()
            ? sessions(cogrouped.windowedBy(windowing.session()), step, Json.need(groups.get(0), "add"))
            : windows(windowing.isSliding() ? cogrouped.windowedBy(windowing.sliding())
                : cogrouped.windowedBy(windowing.time()), step), windowing);
    }

    private static KTable<Object, String> aggregate(final CogroupedKStream<Object, String> in, final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init), n -> in.aggregate(init, n), s -> in.aggregate(init, s),
            (n, s) -> in.aggregate(init, n, s));
    }

    private static KTable<Windowed<Object>, String> windows(final TimeWindowedCogroupedKStream<Object, String> in,
                                                            final JsonNode step) {
        final Initializer<String> init = Counts.init(step);
        final Options<WindowStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init), n -> in.aggregate(init, n), s -> in.aggregate(init, s),
            (n, s) -> in.aggregate(init, n, s));
    }

    private static KTable<Windowed<Object>, String> sessions(final SessionWindowedCogroupedKStream<Object, String> in,
                                                             final JsonNode step, final JsonNode adder) {
        final Initializer<String> init = Counts.init(step);
        final Merger<Object, String> merge = SessionAggregates.merger(adder);
        final Options<SessionStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return options.choose(() -> in.aggregate(init, merge), n -> in.aggregate(init, merge, n),
            s -> in.aggregate(init, merge, s), (n, s) -> in.aggregate(init, merge, n, s));
    }

    private Cogroups() { }
}
