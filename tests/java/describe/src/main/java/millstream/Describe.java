package millstream;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.internals.InternalTopicConfig;
import org.apache.kafka.streams.processor.internals.InternalTopologyBuilder;
import org.apache.kafka.streams.processor.internals.RepartitionTopicConfig;

/**
 * Writes two files into the folder that is its argument: golden.txt with the {@code Topology.describe()} of each
 * topology of {@link Topologies}, and topics.txt with the topics of each of its sub-topologies and the settings of those
 * that Kafka Streams creates.
 */
public final class Describe {
    private static final String HEADER = "# What Kafka Streams 4.3.1 says about the topologies of tests/java/describe.\n"
        + "# Made by `cargo xtask oracle-describe`, which is `mvn -q compile exec:java -Dexec.args=FOLDER` there.\n";

    /** The default of {@code windowstore.changelog.additional.retention.ms}. */
    private static final long ADDITIONAL_RETENTION_MS = 86_400_000;

    public static void main(final String[] args) throws Exception {
        final StringBuilder golden = new StringBuilder(HEADER);
        final StringBuilder topics = new StringBuilder(HEADER);
        for (final Map.Entry<String, Consumer<StreamsBuilder>> entry : Topologies.all().entrySet()) {
            final String title = "=== " + entry.getKey() + "\n";
            final StreamsBuilder builder = new StreamsBuilder();
            entry.getValue().accept(builder);
            final Topology topology = Optimized.build(entry.getKey(), builder);
            golden.append(title).append(topology.describe());
            topics.append(title).append(topics(topology));
        }
        write(Path.of(args[0], "golden.txt"), golden);
        write(Path.of(args[0], "topics.txt"), topics);
    }

    private static void write(final Path path, final CharSequence text) throws IOException {
        Files.writeString(path, text);
        System.out.println("wrote " + path);
    }

    private static String topics(final Topology topology) throws ReflectiveOperationException {
        final InternalTopologyBuilder builder =
            (InternalTopologyBuilder) hidden(Topology.class, "internalTopologyBuilder", topology);
        builder.rewriteTopology(new StreamsConfig(properties()));
        builder.buildTopology();

        final List<String> lines = new ArrayList<>();
        for (final var part : builder.subtopologyToTopicsInfo().entrySet()) {
            final var info = part.getValue();
            lines.add("sub-topology " + hidden(part.getKey().getClass(), "nodeGroupId", part.getKey()));
            lines.add("  sources " + sorted(info.sourceTopics));
            lines.add("  sinks " + sorted(info.sinkTopics));
            new TreeMap<>(info.repartitionSourceTopics).values().forEach(topic -> lines.add(repartition(topic)));
            new TreeMap<>(info.stateChangelogTopics).values().stream()
                .filter(topic -> !info.sourceTopics.contains(topic.name()))
                .forEach(topic -> lines.add("  changelog " + settings(topic)));
        }
        final TreeSet<String> groups = new TreeSet<>();
        // A single topic needs no group.
        builder.copartitionGroups().stream().filter(group -> group.size() > 1)
            .forEach(group -> groups.add("copartitioned " + sorted(group)));
        lines.addAll(groups);
        return lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
    }

    private static Object hidden(final Class<?> type, final String name, final Object object)
        throws ReflectiveOperationException {
        final Field field = type.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(object);
    }

    private static String repartition(final InternalTopicConfig topic) {
        final boolean fixed = ((RepartitionTopicConfig) topic).hasEnforcedNumberOfPartitions();
        final String partitions = fixed ? " partitions " + topic.numberOfPartitions().get() : "";
        return "  repartition " + settings(topic) + partitions;
    }

    private static String settings(final InternalTopicConfig topic) {
        return topic.name() + " " + new TreeMap<>(topic.properties(Map.of(), ADDITIONAL_RETENTION_MS));
    }

    private static Collection<String> sorted(final Collection<String> names) {
        return new TreeSet<>(names);
    }

    private static Properties properties() {
        final Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "localhost:1");
        properties.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        properties.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        return properties;
    }
}
