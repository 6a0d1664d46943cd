package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TopicNameExtractor;
import org.apache.kafka.streams.state.KeyValueStore;

/** Ways out of a stream: to a topic, through a topic, and into a table. */
final class Sinks {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        switch (op) {
            case "repartition":
                return Flow.of(repartition(in.stream(), step));
            case "to":
                in.stream().to(Json.text(step, "topic"), produced(in, step));
                return null;
            case "to_chosen":
                in.stream().to(chosen(step), produced(in, step));
                return null;
            default:
                return toTable(in.stream(), step);
        }
    }

    private static KStream<Object, String> repartition(final KStream<Object, String> in, final JsonNode step) {
        Repartitioned<Object, String> repartitioned = Repartitioned.with(Flow.textKeys(), Flow.TEXT);
        if (Json.has(step, "name")) {
            repartitioned = repartitioned.withName(Json.text(step, "name"));
        }
        if (Json.has(step, "partitions")) {
            repartitioned = repartitioned.withNumberOfPartitions(Json.number(step, "partitions"));
        }
        if (Json.has(step, "partitioner")) {
            repartitioned = repartitioned.withStreamPartitioner(Partitioners.of(step.get("partitioner")));
        }
        return in.repartition(repartitioned);
    }

    private static Produced<Object, String> produced(final Flow in, final JsonNode step) {
        Produced<Object, String> produced = Produced.with(in.keySerde(), Flow.TEXT);
        if (Json.has(step, "name")) {
            produced = produced.withName(Json.text(step, "name"));
        }
        if (Json.has(step, "partitioner")) {
            produced = produced.withStreamPartitioner(Partitioners.of(step.get("partitioner")));
        }
        return produced;
    }

    static TopicNameExtractor<Object, String> chosen(final JsonNode step) {
        return new Chosen(Json.texts(step, "topics"));
    }

    /** One of the topics, by the hash of the value. */
    private record Chosen(List<String> topics) implements TopicNameExtractor<Object, String> {
        @Override
        public String extract(final Object key, final String value, final RecordContext context) {
            return topics.get((int) (Text.hash(value) % topics.size()));
        }

        /** What describe() says. */
        @Override
        public String toString() {
            return "chosen";
        }
    }

    private static Flow toTable(final KStream<Object, String> in, final JsonNode step) {
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, Flow.textKeys());
        return Flow.of(options.choose(in::toTable, in::toTable, in::toTable, in::toTable));
    }

    private Sinks() { }
}
