package millstream.oracle;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.Map;
import java.util.NavigableMap;
import java.util.function.BiConsumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.internals.InMemoryWindowStore;

/** Windows in memory that are refused when RocksDB would, and that can be read as they are. */
final class MemoryWindows extends InMemoryWindowStore {
    private static final Field ROWS = rows();
    private static final int NUMBER_BYTES = 4;

    private final Segments segments;
    private final long shown;
    private final long shownLonger;
    private final long size;
    private final boolean hasDuplicates;
    private final NavigableMap<Long, NavigableMap<Bytes, byte[]>> byStart;
    private long streamTime = -1;

    MemoryWindows(final String name, final long retention, final long shownLonger, final long size,
                  final boolean hasDuplicates, final String metricsScope) {
        super(name, retention + shownLonger, size, hasDuplicates, metricsScope);
        segments = new Segments(retention);
        shown = retention + shownLonger;
        this.shownLonger = shownLonger;
        this.size = size;
        this.hasDuplicates = hasDuplicates;
        try {
            byStart = Flow.cast(ROWS.get(this));
        } catch (final IllegalAccessException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public void put(final Bytes key, final byte[] value, final long start) {
        // Deleting one of several rows does nothing, and on RocksDB doesn't move the store's time either.
        if (value == null && hasDuplicates) {
            return;
        }
        streamTime = Math.max(streamTime, start);
        if (!segments.isHidden(start, shownLonger)) {
            super.put(key, value, start);
        }
    }

    /**
     * All rows that can be read. `all()` has the same ones, but can't be used where windows have no length, as those of a
     * join may have.
     */
    void read(final BiConsumer<Row, byte[]> to) {
        for (final Map.Entry<Long, NavigableMap<Bytes, byte[]>> starts : byStart.tailMap(streamTime - shown, false).entrySet()) {
            final long start = starts.getKey();
            final Numbers numbers = new Numbers();
            for (final Map.Entry<Bytes, byte[]> row : starts.getValue().entrySet()) {
                to.accept(hasDuplicates ? numbers.next(withoutNumber(row.getKey()), start)
                    : new Row(row.getKey(), start, end(start), Row.PERIOD), row.getValue());
            }
        }
    }

    private long end(final long start) {
        return start + size < 0 ? Long.MAX_VALUE : start + size;
    }

    private static Bytes withoutNumber(final Bytes key) {
        return Bytes.wrap(Arrays.copyOf(key.get(), key.get().length - NUMBER_BYTES));
    }

    private static Field rows() {
        try {
            final Field field = InMemoryWindowStore.class.getDeclaredField("segmentMap");
            field.setAccessible(true);
            return field;
        } catch (final NoSuchFieldException error) {
            throw new ExceptionInInitializerError(error);
        }
    }
}
