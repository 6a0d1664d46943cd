package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** Streams and tables of topics. */
final class Sources {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        switch (op) {
            case "stream":
                return stream(plan, step);
            case "table":
                return table(plan, step);
            default:
                return globalTable(plan, step);
        }
    }

    private static Flow stream(final Plan plan, final JsonNode step) {
        final Consumed<Object, String> consumed = consumed(step, "name");
        if (Json.has(step, "pattern")) {
            return Flow.of(plan.builder.stream(Pattern.compile(Json.text(step, "pattern")), consumed));
        }
        final List<String> topics = Json.texts(step, "topics");
        return Flow.of(topics.size() == 1 ? plan.builder.stream(topics.get(0), consumed)
            : plan.builder.stream(topics, consumed));
    }

    private static Flow table(final Plan plan, final JsonNode step) {
        final String topic = Json.text(step, "topic");
        final Materialized<Object, String, KeyValueStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Flow.TEXT);
        return Flow.of(stored == null ? plan.builder.table(topic, consumed(step, "name"))
            : plan.builder.table(topic, consumed(step, "name"), stored));
    }

    private static Flow globalTable(final Plan plan, final JsonNode step) {
        final String topic = Json.text(step, "topic");
        final Materialized<Object, String, KeyValueStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Flow.TEXT);
        return Flow.of(stored == null ? plan.builder.globalTable(topic, consumed(step, "name"))
            : plan.builder.globalTable(topic, consumed(step, "name"), stored));
    }

    /** How the topic is read; the source node's name is in a field. */
    static Consumed<Object, String> consumed(final JsonNode step, final String name) {
        Consumed<Object, String> consumed = Consumed.with(Flow.textKeys(), Flow.TEXT);
        if (Json.has(step, name)) {
            consumed = consumed.withName(Json.text(step, name));
        }
        if (Json.has(step, "extractor")) {
            consumed = consumed.withTimestampExtractor(Extractors.of(step.get("extractor")));
        }
        if (Json.has(step, "reset")) {
            consumed = consumed.withOffsetResetPolicy(reset(step.get("reset")));
        }
        return consumed;
    }

    /** `earliest`, `latest`, `none`, or a number of milliseconds. */
    static AutoOffsetReset reset(final JsonNode reset) {
        if (reset.isNumber()) {
            return AutoOffsetReset.byDuration(Duration.ofMillis(reset.asLong()));
        }
        switch (reset.asText()) {
            case "earliest":
                return AutoOffsetReset.earliest();
            case "latest":
                return AutoOffsetReset.latest();
            case "none":
                return AutoOffsetReset.none();
            default:
                throw new BadCase("no such reset policy: " + reset);
        }
    }

    private Sources() { }
}
