package millstream.oracle;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.internals.DuplicateRows;
import org.apache.kafka.streams.state.internals.Innermost;
import org.apache.kafka.streams.state.internals.RocksDBVersionedStore;
import org.apache.kafka.streams.state.internals.VersionedRows;

/**
 * The rows of one store, as bytes. They are read below caches and loggers: the driver has committed, so everything is
 * there, and reading a cache would make its entries the latest used.
 */
final class StoreRows {
    private final String name;
    private final RowValue value;
    private final Consumer<BiConsumer<Row, byte[]>> read;
    private Map<Row, byte[]> rows = new HashMap<>();

    private StoreRows(final String name, final RowValue value, final Consumer<BiConsumer<Row, byte[]>> read) {
        this.name = name;
        this.value = value;
        this.read = read;
    }

    /** Null for a store that can't be read. */
    static StoreRows of(final String name, final StateStore store) {
        final StateStore inner = Innermost.of(store);
        final Consumer<BiConsumer<Row, byte[]>> read = reader(inner);
        return read == null ? null : new StoreRows(name, RowValue.of(store, inner), read);
    }

    private static Consumer<BiConsumer<Row, byte[]>> reader(final StateStore inner) {
        if (inner instanceof RocksDBVersionedStore versioned) {
            return to -> VersionedRows.read(versioned, (key, from, until, bytes) ->
                to.accept(new Row(key, from, until == null ? Row.OPEN : until, Row.PERIOD), bytes));
        }
        if (inner instanceof SessionStore) {
            final SessionStore<Bytes, byte[]> sessions = Flow.cast(inner);
            return to -> windowed(sessions.fetch((Bytes) null, (Bytes) null), to);
        }
        if (inner instanceof MemoryWindows windows) {
            return windows::read;
        }
        if (Innermost.hasDuplicates(inner)) {
            return to -> numbered(inner, to);
        }
        if (inner instanceof WindowStore) {
            final WindowStore<Bytes, byte[]> windows = Flow.cast(inner);
            return to -> windowed(windows.all(), to);
        }
        if (inner instanceof KeyValueStore) {
            final KeyValueStore<Bytes, byte[]> plain = Flow.cast(inner);
            return to -> plain(plain.all(), to);
        }
        return null;
    }

    /** Adds a line for each row that has come, changed or gone. */
    void addChanges(final List<String> lines) {
        final Map<Row, byte[]> old = rows;
        final Map<Row, byte[]> now = new HashMap<>(Math.max(16, old.size() * 2));
        read.accept((row, bytes) -> {
            now.put(row, bytes);
            final byte[] before = old.remove(row);
            // Most rows are the same object as before, which makes this cheap.
            if (before != bytes && (before == null || !value.isSame(before, bytes))) {
                lines.add(present(row, bytes));
            }
        });
        old.keySet().forEach(row -> lines.add(line('-', row).toString()));
        rows = now;
    }

    private String present(final Row row, final byte[] bytes) {
        return value.addTo(line('+', row).append(' '), bytes).toString();
    }

    private StringBuilder line(final char sign, final Row row) {
        return row.addTo(new StringBuilder(64).append(sign).append(' ').append(name).append(' '));
    }

    private static void plain(final KeyValueIterator<Bytes, byte[]> all, final BiConsumer<Row, byte[]> to) {
        try (all) {
            while (all.hasNext()) {
                final KeyValue<Bytes, byte[]> row = all.next();
                to.accept(new Row(row.key, 0, 0, Row.PLAIN), row.value);
            }
        }
    }

    private static void windowed(final KeyValueIterator<Windowed<Bytes>, byte[]> all, final BiConsumer<Row, byte[]> to) {
        try (all) {
            while (all.hasNext()) {
                final KeyValue<Windowed<Bytes>, byte[]> row = all.next();
                to.accept(new Row(row.key.key(), row.key.window().start(), row.key.window().end(), Row.PERIOD), row.value);
            }
        }
    }

    private static void numbered(final StateStore inner, final BiConsumer<Row, byte[]> to) {
        final Numbers numbers = new Numbers();
        DuplicateRows.read(inner, (key, start, bytes) -> to.accept(numbers.next(key, start), bytes));
    }
}
