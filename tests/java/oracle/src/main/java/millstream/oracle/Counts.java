package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Reducer;

/** What all aggregations share. */
final class Counts {
    /** Later steps know text only. */
    static <K> KTable<K, String> asText(final KTable<K, Long> counts) {
        return counts.mapValues(count -> Long.toString(count));
    }

    static Initializer<String> init(final JsonNode step) {
        final String init = Json.textOrNull(step, "init");
        return () -> init;
    }

    static Aggregator<Object, String, String> aggregator(final JsonNode step, final String field) {
        final Functions.Adder add = Functions.adder(Json.need(step, field));
        return (key, value, aggregate) -> add.add(key, aggregate, value);
    }

    static Reducer<String> reducer(final JsonNode step, final String field) {
        final Functions.Adder add = Functions.adder(Json.need(step, field));
        return (aggregate, value) -> add.add(null, aggregate, value);
    }

    private Counts() { }
}
