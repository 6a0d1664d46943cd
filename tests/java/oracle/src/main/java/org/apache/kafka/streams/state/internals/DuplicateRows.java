package org.apache.kafka.streams.state.internals;

import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;

/**
 * The rows of a window store on RocksDB that keeps several rows with the same key and start. They are read below the
 * windows, which may have no length in a join, and that is an error for those who read windows.
 */
public final class DuplicateRows {
    /** Gets the rows with the same key and start one after the other. */
    public interface Reader {
        void row(Bytes key, long start, byte[] value);
    }

    public static void read(final StateStore store, final Reader reader) {
        try (KeyValueIterator<Bytes, byte[]> all = ((RocksDBWindowStore) store).wrapped().all()) {
            while (all.hasNext()) {
                final KeyValue<Bytes, byte[]> row = all.next();
                final byte[] key = row.key.get();
                reader.row(Bytes.wrap(WindowKeySchema.extractStoreKeyBytes(key)),
                    WindowKeySchema.extractStoreTimestamp(key), row.value);
            }
        }
    }

    private DuplicateRows() { }
}
