package org.apache.kafka.streams.state.internals;

import java.lang.reflect.Field;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.query.ResultOrder;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.state.VersionedRecordIterator;

/**
 * The versions in a versioned store. The store itself can only be asked for a key, so keys are looked up in its parts. A
 * version that no reader can see any more, because its time is beyond the history retention, is left out: when the store
 * drops it is a matter of its layout.
 */
public final class VersionedRows {
    private static final Field LATEST = field("latestValueStore");
    private static final Field SEGMENTS = field("segmentStores");
    private static final Field STREAM_TIME = field("observedStreamTime");
    private static final Field RETENTION = field("historyRetention");

    /** Gets each version; the end is null if it is the latest one. */
    public interface Reader {
        void version(Bytes key, long from, Long until, byte[] value);
    }

    public static void read(final RocksDBVersionedStore store, final Reader reader) {
        try {
            final long oldest = STREAM_TIME.getLong(store) - RETENTION.getLong(store);
            for (final Bytes key : keys(store)) {
                read(store, key, oldest, reader);
            }
        } catch (final IllegalAccessException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void read(final RocksDBVersionedStore store, final Bytes key, final long oldest, final Reader reader) {
        try (VersionedRecordIterator<byte[]> versions =
                 store.get(key, Long.MIN_VALUE, Long.MAX_VALUE, ResultOrder.ASCENDING)) {
            while (versions.hasNext()) {
                final VersionedRecord<byte[]> version = versions.next();
                final Long until = version.validTo().orElse(null);
                if (until == null || until > oldest) {
                    reader.version(key, version.timestamp(), until, version.value());
                }
            }
        }
    }

    private static Set<Bytes> keys(final RocksDBVersionedStore store) throws IllegalAccessException {
        final Set<Bytes> keys = new TreeSet<>();
        add(keys, (LogicalKeyValueSegment) LATEST.get(store));
        for (final LogicalKeyValueSegment segment : ((LogicalKeyValueSegments) SEGMENTS.get(store)).allSegments(true)) {
            add(keys, segment);
        }
        return keys;
    }

    private static void add(final Set<Bytes> keys, final LogicalKeyValueSegment segment) {
        try (KeyValueIterator<Bytes, byte[]> all = segment.all()) {
            while (all.hasNext()) {
                keys.add(all.next().key);
            }
        }
    }

    private static Field field(final String name) {
        try {
            final Field field = RocksDBVersionedStore.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (final NoSuchFieldException error) {
            throw new ExceptionInInitializerError(error);
        }
    }

    private VersionedRows() { }
}
