package millstream;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** The topologies, with the same names and meanings as in {@code benches/compare/millstream/topologies.rs}. */
final class Topologies {
    private static final Serde<byte[]> BYTES = Serdes.ByteArray();
    private static final Serde<Long> NUMBER = Serdes.Long();

    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(10));
    private static final TimeWindows HOPPING =
        TimeWindows.ofSizeAndGrace(Duration.ofSeconds(60), Duration.ofSeconds(10)).advanceBy(Duration.ofSeconds(1));

    static Topology named(final String name, final String output, final List<String> inputs) {
        final StreamsBuilder builder = new StreamsBuilder();
        final KStream<byte[], byte[]> input = builder.stream(inputs.get(0), Consumed.with(BYTES, BYTES));
        switch (name) {
            case "pass-through" -> input
                .mapValues(value -> value)
                .filter((key, value) -> value.length > 0)
                .to(output, Produced.with(BYTES, BYTES));
            case "keep-none" -> input
                .filter((key, value) -> value.length == 0)
                .to(output, Produced.with(BYTES, BYTES));
            case "count" -> input
                .groupByKey(Grouped.with(BYTES, BYTES))
                .count()
                .toStream()
                .to(output, Produced.with(BYTES, NUMBER));
            case "tumbling-sum" -> input
                .groupByKey(Grouped.with(BYTES, BYTES))
                .windowedBy(TUMBLING)
                .aggregate(() -> 0L, (key, value, sum) -> sum + number(value), Materialized.with(BYTES, NUMBER))
                .toStream()
                .to(output, Produced.with(windowed(TUMBLING), NUMBER));
            case "hopping-count" -> input
                .groupByKey(Grouped.with(BYTES, BYTES))
                .windowedBy(HOPPING)
                .count()
                .toStream()
                .to(output, Produced.with(windowed(HOPPING), NUMBER));
            case "stream-table-join" -> {
                final KTable<byte[], byte[]> table = builder.table(inputs.get(1), Consumed.with(BYTES, BYTES));
                input.join(table, Topologies::halves).to(output, Produced.with(BYTES, BYTES));
            }
            case "update" -> input
                .groupByKey(Grouped.with(BYTES, BYTES))
                .aggregate(
                    () -> new byte[0],
                    (key, value, state) -> updated(state, value),
                    Materialized.with(BYTES, BYTES))
                .toStream()
                .to(output, Produced.with(BYTES, BYTES));
            default -> throw new IllegalArgumentException("there is no topology " + name);
        }
        return builder.build();
    }

    private static Serde<Windowed<byte[]>> windowed(final TimeWindows windows) {
        return new WindowedSerdes.TimeWindowedSerde<>(BYTES, windows.size());
    }

    /** The number at the start of a value. */
    private static long number(final byte[] value) {
        return ByteBuffer.wrap(value).getLong();
    }

    /** The first halves of both. */
    private static byte[] halves(final byte[] value, final byte[] row) {
        final byte[] joined = new byte[value.length / 2 + row.length / 2];
        System.arraycopy(value, 0, joined, 0, value.length / 2);
        System.arraycopy(row, 0, joined, value.length / 2, row.length / 2);
        return joined;
    }

    /** The latest value, with its first eight bytes replaced by the number of values so far. */
    private static byte[] updated(final byte[] state, final byte[] value) {
        final long before = state.length == 0 ? 0 : number(state);
        final byte[] updated = value.clone();
        ByteBuffer.wrap(updated).putLong(before + 1);
        return updated;
    }

    private Topologies() { }
}
