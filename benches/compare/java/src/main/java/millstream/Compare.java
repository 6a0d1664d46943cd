package millstream;

import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KafkaStreams.State;

/**
 * Runs a topology until it has processed a number of records, then shuts it down cleanly. Its command line and its
 * output are the same as those of {@code benches/compare/millstream}:
 *
 * <pre>
 * SETTINGS.properties TOPOLOGY RECORDS OUTPUT INPUT [TABLE]
 * </pre>
 *
 * It prints {@code running} once all its tasks are running, {@code warm N} once it has processed N records, at least
 * two fifths of all, and {@code closed} once everything is committed.
 */
public final class Compare {
    private static final long POLL_MS = 50;
    /** By then, Java has compiled hot code. */
    private static final double WARM = 0.4;
    private static final Duration CLOSE_TIMEOUT = Duration.ofMinutes(5);

    public static void main(final String[] args) throws Exception {
        final Properties settings = new Properties();
        try (Reader file = Files.newBufferedReader(Path.of(args[0]))) {
            settings.load(file);
        }
        final long records = Long.parseLong(args[2]);
        final List<String> inputs = Arrays.asList(args).subList(4, args.length);
        final KafkaStreams streams =
            new KafkaStreams(Topologies.named(args[1], args[3], inputs), settings);
        // An error on the application's threads ends the program, and the bench shows what it has printed.
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        while (streams.state() != State.RUNNING) {
            Thread.sleep(POLL_MS);
        }
        System.out.println("running");
        System.out.printf("warm %.0f%n", until(streams, WARM * records));
        until(streams, records);
        if (!streams.close(CLOSE_TIMEOUT)) {
            throw new IllegalStateException("Kafka Streams does not close");
        }
        System.out.println("closed");
    }

    /** Waits until that many records have been processed, and returns the number processed. */
    private static double until(final KafkaStreams streams, final double records) throws InterruptedException {
        double processed;
        while ((processed = processed(streams)) < records) {
            Thread.sleep(POLL_MS);
        }
        return processed;
    }

    /** The number of records processed, by the stream threads' own metric: none of our code is on the record path. */
    private static double processed(final KafkaStreams streams) {
        double sum = 0;
        for (final Map.Entry<MetricName, ? extends Metric> metric : streams.metrics().entrySet()) {
            final MetricName name = metric.getKey();
            if (name.name().equals("process-total") && name.group().equals("stream-thread-metrics")) {
                sum += (Double) metric.getValue().metricValue();
            }
        }
        return sum;
    }

    private Compare() { }
}
