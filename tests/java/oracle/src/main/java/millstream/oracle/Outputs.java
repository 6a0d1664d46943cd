package millstream.oracle;

import java.lang.reflect.Field;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.streams.TopologyTestDriver;

/**
 * All records that a driver's producer was given, in their order over all topics.
 *
 * <p>The driver takes the producer's records after each record that it has processed and puts each into the queue of its
 * topic, which loses the order between topics. Its map of queues is therefore replaced by one with a single queue. There
 * is no other place: the producer is made in the driver's constructor, and its history is emptied before anybody can look.
 */
final class Outputs {
    private static final Field QUEUES = queues();

    private final Queue<ProducerRecord<byte[], byte[]>> all = new ArrayDeque<>();
    /** The changelogs whose records come in the order of a hash set. */
    private final Set<String> unordered;

    Outputs(final TopologyTestDriver driver, final Set<String> unordered) {
        this.unordered = unordered;
        try {
            QUEUES.set(driver, new OneQueue(all));
        } catch (final IllegalAccessException error) {
            throw new IllegalStateException(error);
        }
    }

    /** The records since the last call, as lines. */
    List<String> take() {
        final List<String> lines = new ArrayList<>(all.size());
        String last = null;
        int runStart = 0;
        for (ProducerRecord<byte[], byte[]> record = all.poll(); record != null; record = all.poll()) {
            if (!record.topic().equals(last)) {
                order(lines, runStart, last);
                last = record.topic();
                runStart = lines.size();
            }
            lines.add(line(record));
        }
        order(lines, runStart, last);
        return lines;
    }

    private void order(final List<String> lines, final int from, final String topic) {
        if (topic != null && unordered.contains(topic)) {
            Collections.sort(lines.subList(from, lines.size()));
        }
    }

    private static String line(final ProducerRecord<byte[], byte[]> record) {
        final StringBuilder line = new StringBuilder(64).append(record.topic()).append(' ');
        Escaped.addRecord(line, record.key(), record.value(), record.timestamp(), record.headers());
        return line.toString();
    }

    private static Field queues() {
        try {
            final Field field = TopologyTestDriver.class.getDeclaredField("outputRecordsByTopic");
            field.setAccessible(true);
            return field;
        } catch (final NoSuchFieldException error) {
            throw new ExceptionInInitializerError(error);
        }
    }

    /** A map in which all topics have the same queue. */
    private static final class OneQueue extends HashMap<String, Queue<ProducerRecord<byte[], byte[]>>> {
        private static final long serialVersionUID = 1;

        private final transient Queue<ProducerRecord<byte[], byte[]>> queue;

        OneQueue(final Queue<ProducerRecord<byte[], byte[]>> queue) {
            this.queue = queue;
        }

        @Override
        public Queue<ProducerRecord<byte[], byte[]>> computeIfAbsent(
                final String topic, final Function<? super String, ? extends Queue<ProducerRecord<byte[], byte[]>>> make) {
            return queue;
        }
    }
}
