package millstream;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/** One process of the replay that {@code tests/support/replay.rs} describes, with its command line and what it prints. */
public final class Replay {
    private static final Duration WINDOW = Duration.ofMinutes(1);
    private static final Duration GRACE = Duration.ofSeconds(5);
    private static final Duration CLOSE_TIMEOUT = Duration.ofMinutes(2);
    private static final long POLL_MS = 50;

    public static void main(final String[] args) throws Exception {
        final KafkaStreams streams = new KafkaStreams(topology(args[2], args[3]), settings(args[0], args[1], args[4]));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        final AtomicBoolean isOver = new AtomicBoolean();
        final Thread listener = new Thread(() -> listen(isOver));
        listener.setDaemon(true);
        listener.start();
        String said = "";
        // A task's metrics are gone when it moves, so what was seen of them counts.
        final Map<MetricName, Double> late = new HashMap<>();
        while (!isOver.get()) {
            final String now = counted(streams, late);
            if (!now.equals(said)) {
                System.out.println(now);
                said = now;
            }
            Thread.sleep(POLL_MS);
        }
        if (!streams.close(CLOSE_TIMEOUT)) {
            throw new IllegalStateException("Kafka Streams does not close");
        }
    }

    private static Topology topology(final String input, final String output) {
        final Serde<Long> number = Serdes.Long();
        final StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(number, number).withTimestampExtractor((event, time) -> (Long) event.value()))
            .groupBy((key, time) -> time % 100, Grouped.with(number, number))
            .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
            .count()
            .toStream()
            .to(output, Produced.with(new WindowedSerdes.TimeWindowedSerde<>(number, WINDOW.toMillis()), number));
        return builder.build();
    }

    /** What is not set here is as Kafka Streams has it. On disk its windows would be some hundred databases. */
    private static Properties settings(final String servers, final String id, final String state) {
        final Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, state);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
            BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        settings.put("auto.offset.reset", "earliest");
        return settings;
    }

    /** The end of the input ends it. */
    private static void listen(final AtomicBoolean isOver) {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (final IOException gone) {
            // Whoever would end it is gone.
        }
        isOver.set(true);
    }

    private static String counted(final KafkaStreams streams, final Map<MetricName, Double> late) {
        double processed = 0;
        for (final Map.Entry<MetricName, ? extends Metric> metric : streams.metrics().entrySet()) {
            final MetricName name = metric.getKey();
            if (name.name().equals("process-total") && name.group().equals("stream-thread-metrics")) {
                processed += (Double) metric.getValue().metricValue();
            }
            if (name.name().equals("dropped-records-total") && name.group().equals("stream-task-metrics")) {
                late.merge(name, (Double) metric.getValue().metricValue(), Math::max);
            }
        }
        final double lateOnes = late.values().stream().mapToDouble(Double::doubleValue).sum();
        return String.format("counted processed=%.0f late=%.0f", processed, lateOnes);
    }

    private Replay() { }
}
