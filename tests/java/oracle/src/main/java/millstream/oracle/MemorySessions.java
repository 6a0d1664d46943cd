package millstream.oracle;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.internals.InMemorySessionStore;

/** Sessions in memory that are refused when RocksDB would, and are closed in its order. */
final class MemorySessions extends InMemorySessionStore {
    private static final Comparator<KeyValue<Windowed<Bytes>, byte[]>> BY_TIME = Comparator
        .<KeyValue<Windowed<Bytes>, byte[]>>comparingLong(row -> row.key.window().end())
        .thenComparingLong(row -> row.key.window().start())
        .thenComparing(row -> row.key.key());

    private final Segments segments;

    MemorySessions(final String name, final long retention, final String metricsScope) {
        super(name, retention, metricsScope);
        segments = new Segments(retention);
    }

    @Override
    public void put(final Windowed<Bytes> session, final byte[] aggregate) {
        if (!segments.isHidden(session.window().end(), 0)) {
            super.put(session, aggregate);
        }
    }

    /** The sessions to close: in memory they come by end and key, on RocksDB by end and start. */
    @Override
    public KeyValueIterator<Windowed<Bytes>, byte[]> findSessions(final long earliestEnd, final long latestEnd) {
        final List<KeyValue<Windowed<Bytes>, byte[]>> rows = new ArrayList<>();
        try (KeyValueIterator<Windowed<Bytes>, byte[]> found = super.findSessions(earliestEnd, latestEnd)) {
            found.forEachRemaining(rows::add);
        }
        rows.sort(BY_TIME);
        return new Rows(rows);
    }

    private static final class Rows implements KeyValueIterator<Windowed<Bytes>, byte[]> {
        private final List<KeyValue<Windowed<Bytes>, byte[]>> rows;
        private int next;

        Rows(final List<KeyValue<Windowed<Bytes>, byte[]>> rows) {
            this.rows = rows;
        }

        @Override
        public boolean hasNext() {
            return next < rows.size();
        }

        @Override
        public KeyValue<Windowed<Bytes>, byte[]> next() {
            next++;
            return rows.get(next - 1);
        }

        @Override
        public Windowed<Bytes> peekNextKey() {
            return rows.get(next).key;
        }

        @Override
        public void close() { }
    }
}
