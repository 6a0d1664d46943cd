package millstream.oracle;

import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KafkaStreams.State;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Runs one case as a real application: creates the topics, writes the input, and waits until the application has
 * committed all that there is to read. Wall clock advances of the input are left out.
 */
final class RealRun {
    private static final long PATIENCE_MS = 180_000;
    private static final long LOOK_EVERY_MS = 200;

    private final Case what;
    private final Cluster cluster;
    private final CaseTopics topics;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private RealRun(final Case what, final Cluster cluster) {
        this.what = what;
        this.cluster = cluster;
        topics = CaseTopics.of(what);
    }

    static String answer(final Case what, final String address) {
        final RealAnswer answer = new RealAnswer(what.id());
        try (Cluster cluster = new Cluster(address); StateFolder folder = new StateFolder()) {
            new RealRun(what, cluster).run(address, folder.path(), answer);
        } catch (final BadCase error) {
            throw error;
        } catch (final Exception error) {
            answer.fail(error);
        }
        return answer.json();
    }

    private void run(final String address, final String folder, final RealAnswer answer) throws Exception {
        final Seen seen = new Seen();
        final Properties properties = settings(address, folder, seen);
        final Topology topology = Plan.build(what, Settings.topology(properties), properties, seen);
        answer.describe(topology.describe().toString());
        cluster.create(topics.all(), what.partitions());
        if (what.isWritten()) {
            cluster.write(what.inputs());
        }
        try (KafkaStreams streams = new KafkaStreams(topology, properties)) {
            streams.setUncaughtExceptionHandler(error -> {
                failure.set(error);
                return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
            });
            streams.start();
            await(streams);
        }
        answer.add(cluster.read(topics.sinks()));
    }

    private Properties settings(final String address, final String folder, final Seen seen) {
        final Properties properties = Settings.of(what, folder, seen);
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, address);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        properties.put("auto.offset.reset", "earliest");
        // The last results must come out even if no record follows a second later.
        properties.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, 0L);
        properties.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
        return properties;
    }

    /** Returns once everything is committed and nothing has come since the last look. */
    private void await(final KafkaStreams streams) throws Exception {
        final long deadline = System.currentTimeMillis() + PATIENCE_MS;
        Map<TopicPartition, Long> last = null;
        while (true) {
            Thread.sleep(LOOK_EVERY_MS);
            if (failure.get() != null) {
                throw new IllegalStateException(failure.get());
            }
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("not done after " + PATIENCE_MS + " ms, in state " + streams.state());
            }
            if (streams.state() == State.RUNNING) {
                final Map<TopicPartition, Long> ends = endsIfCommitted();
                if (ends != null && ends.equals(last)) {
                    return;
                }
                last = ends;
            }
        }
    }

    /** The ends of all that the application reads, or null if it hasn't committed them. */
    private Map<TopicPartition, Long> endsIfCommitted() throws ExecutionException, InterruptedException {
        final Set<String> sources = new TreeSet<>(topics.sources());
        sources.addAll(cluster.internalSources(what.application()));
        final Map<TopicPartition, Long> ends = cluster.ends(sources);
        final Map<TopicPartition, Long> positions = cluster.positions(what.application());
        final boolean isDone = ends.entrySet().stream()
            .allMatch(end -> positions.getOrDefault(end.getKey(), 0L) >= end.getValue());
        return isDone ? ends : null;
    }
}
