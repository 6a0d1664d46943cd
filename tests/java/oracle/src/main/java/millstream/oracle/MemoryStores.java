package millstream.oracle;

import java.time.Duration;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.state.DslKeyValueParams;
import org.apache.kafka.streams.state.DslSessionParams;
import org.apache.kafka.streams.state.DslStoreSuppliers;
import org.apache.kafka.streams.state.DslWindowParams;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.SessionBytesStoreSupplier;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.internals.InMemorySessionBytesStoreSupplier;
import org.apache.kafka.streams.state.internals.InMemoryWindowBytesStoreSupplier;

/**
 * Kafka Streams' stores in memory, but with the answers of those on RocksDB where the two differ. RocksDB is the default,
 * so its answers count, and memory is what makes a case take milliseconds.
 */
public final class MemoryStores implements DslStoreSuppliers {
    @Override
    public KeyValueBytesStoreSupplier keyValueStore(final DslKeyValueParams params) {
        return Stores.inMemoryKeyValueStore(params.name());
    }

    @Override
    public WindowBytesStoreSupplier windowStore(final DslWindowParams params) {
        final boolean isOnClose = params.emitStrategy().type() == EmitStrategy.StrategyType.ON_WINDOW_CLOSE;
        return window(params.name(), params.retentionPeriod(), params.windowSize(), params.retainDuplicates(), isOnClose);
    }

    @Override
    public SessionBytesStoreSupplier sessionStore(final DslSessionParams params) {
        return session(params.name(), params.retentionPeriod());
    }

    /** A store of windows that are emitted on close shows rows for one millisecond longer. */
    static WindowBytesStoreSupplier window(final String name, final Duration retention, final Duration size,
                                           final boolean hasDuplicates, final boolean isOnClose) {
        // Only for its checks.
        Stores.inMemoryWindowStore(name, retention, size, hasDuplicates);
        return new InMemoryWindowBytesStoreSupplier(name, retention.toMillis(), size.toMillis(), hasDuplicates) {
            @Override
            public WindowStore<Bytes, byte[]> get() {
                return new MemoryWindows(name, retentionPeriod(), isOnClose ? 1 : 0, windowSize(), hasDuplicates,
                    metricsScope());
            }
        };
    }

    static SessionBytesStoreSupplier session(final String name, final Duration retention) {
        Stores.inMemorySessionStore(name, retention);
        return new InMemorySessionBytesStoreSupplier(name, retention.toMillis()) {
            @Override
            public SessionStore<Bytes, byte[]> get() {
                return new MemorySessions(name, retentionPeriod(), metricsScope());
            }
        };
    }
}
