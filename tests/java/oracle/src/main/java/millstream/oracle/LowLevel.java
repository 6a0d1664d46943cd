package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.regex.Pattern;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;

/** Nodes that are added to the topology by name, after those of the DSL. */
final class LowLevel {
    private static final Deserializer<String> READ = Flow.TEXT.deserializer();
    private static final Serializer<String> WRITE = Flow.TEXT.serializer();

    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Place place = plan.place();
        plan.later(topology -> add(topology, place, op, step));
        return null;
    }

    private static void add(final Topology topology, final Place place, final String op, final JsonNode step) {
        final String name = Json.text(step, "name");
        switch (op) {
            case "add_source":
                source(topology, name, step);
                break;
            case "add_processor":
                topology.addProcessor(name, Processors.supplier(step, place), texts(step, "parents"));
                for (final String store : texts(step, "stores")) {
                    topology.connectProcessorAndStateStores(name, store);
                }
                break;
            case "add_sink":
                sink(topology, name, step);
                break;
            case "add_store":
                topology.addStateStore(StoreSteps.of(step, place.onDisk()), texts(step, "processors"));
                break;
            case "connect_store":
                topology.connectProcessorAndStateStores(name, texts(step, "stores"));
                break;
            case "add_global_store":
                final ProcessorSupplier<String, String, Void, Void> keep = Flow.cast(Processors.supplier(step, place));
                topology.addGlobalStore(StoreSteps.of(step, place.onDisk()).withLoggingDisabled(), Json.text(step, "source"),
                    READ, READ, Json.text(step, "topic"), Json.text(step, "processor"), keep);
                break;
            default:
                final ProcessorSupplier<String, String, Void, Void> read = Flow.cast(Processors.supplier(step, place));
                topology.addReadOnlyStateStore(StoreSteps.of(step, place.onDisk()).withLoggingDisabled(),
                    Json.text(step, "source"), READ, READ, Json.text(step, "topic"), Json.text(step, "processor"), read);
        }
    }

    private static void source(final Topology topology, final String name, final JsonNode step) {
        final AutoOffsetReset reset = Json.has(step, "reset") ? Sources.reset(step.get("reset")) : null;
        final TimestampExtractor extractor = Json.has(step, "extractor") ? Extractors.of(step.get("extractor")) : null;
        if (Json.has(step, "pattern")) {
            topology.addSource(reset, name, extractor, READ, READ, Pattern.compile(Json.text(step, "pattern")));
        } else {
            topology.addSource(reset, name, extractor, READ, READ, texts(step, "topics"));
        }
    }

    private static void sink(final Topology topology, final String name, final JsonNode step) {
        final String[] parents = texts(step, "parents");
        final Serializer<Object> keys = Flow.textKeys().serializer();
        final StreamPartitioner<Object, String> partitioner =
            Json.has(step, "partitioner") ? Partitioners.of(step.get("partitioner")) : null;
        if (Json.has(step, "topic")) {
            topology.addSink(name, Json.text(step, "topic"), keys, WRITE, partitioner, parents);
        } else {
            topology.addSink(name, Sinks.chosen(step), keys, WRITE, partitioner, parents);
        }
    }

    private static String[] texts(final JsonNode step, final String field) {
        return Json.texts(step, field).toArray(String[]::new);
    }

    private LowLevel() { }
}
