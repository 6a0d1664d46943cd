package millstream.oracle;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/** Runs one case on the test driver. */
final class Run implements AutoCloseable {
    private final TopologyTestDriver driver;
    private final Map<String, TestInputTopic<byte[], byte[]>> topics = new HashMap<>();
    private final StoreDump stores;
    private final Outputs outputs;
    private final Dropped dropped;
    private final Seen seen;
    private boolean isClosed;

    private Run(final String application, final Topology topology, final Properties properties, final Seen seen) {
        driver = new TopologyTestDriver(topology, properties, Instant.EPOCH);
        stores = new StoreDump(driver);
        final Set<String> unordered = new HashSet<>();
        stores.buffers().forEach(buffer -> unordered.add(application + "-" + buffer + "-changelog"));
        outputs = new Outputs(driver, unordered);
        dropped = new Dropped(driver);
        this.seen = seen;
    }

    /** The answer to a case, whatever becomes of it. */
    static String answer(final Case what) {
        final Answer answer = new Answer(what.id());
        try (StateFolder folder = new StateFolder()) {
            answer(what, folder.path(), answer);
        }
        return answer.json();
    }

    private static void answer(final Case what, final String folder, final Answer answer) {
        final Run run;
        try {
            final Seen seen = new Seen();
            final Properties properties = Settings.of(what, folder, seen);
            final Topology topology = Plan.build(what, Settings.topology(properties), properties, seen);
            answer.describe(topology.describe().toString());
            run = new Run(what.application(), topology, properties, seen);
        } catch (final BadCase error) {
            throw error;
        } catch (final RuntimeException | Error error) {
            answer.fail(false, error);
            return;
        }
        try (run) {
            for (final Input input : what.inputs()) {
                answer.add(run.take(input));
            }
            answer.closed(run.finish());
        } catch (final RuntimeException | Error error) {
            answer.fail(true, error);
        }
    }

    private Answer.Step take(final Input input) {
        if (input.topic() == null) {
            driver.advanceWallClockTime(Duration.ofMillis(input.advance()));
        } else {
            topics.computeIfAbsent(input.topic(), topic ->
                driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer()))
                .pipeInput(new TestRecord<>(input.key(), input.value(), input.headers(),
                    Instant.ofEpochMilli(input.time())));
        }
        return new Answer.Step(outputs.take(), stores.changes(), seen.take(), dropped.take());
    }

    /** Closes the application, which may tell something. */
    private List<String> finish() {
        isClosed = true;
        driver.close();
        return seen.take();
    }

    @Override
    public void close() {
        try {
            if (!isClosed) {
                driver.close();
            }
        } catch (final RuntimeException error) {
            // A driver whose application has failed says so again when it is closed; the answer has it already.
            return;
        }
    }
}
