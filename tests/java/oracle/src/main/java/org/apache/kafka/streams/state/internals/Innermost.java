package org.apache.kafka.streams.state.internals;

import java.lang.reflect.Field;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The store of bytes below metering, caches, loggers and adapters. It is in this package because those are only known
 * here.
 */
public final class Innermost {
    public static StateStore of(final StateStore store) {
        StateStore inner = store;
        for (StateStore next = below(inner); isStore(next); next = below(inner)) {
            inner = next;
        }
        return inner;
    }

    /** Whether a window store on RocksDB keeps several rows with one key and start. */
    public static boolean hasDuplicates(final StateStore inner) {
        return inner instanceof RocksDBWindowStore && (Boolean) field(inner, "retainDuplicates");
    }

    private static StateStore below(final StateStore store) {
        if (store instanceof WrappedStateStore<?, ?, ?> wrapper) {
            return wrapper.wrapped();
        }
        // Adapters, which give the rows of simpler stores a timestamp or headers.
        final boolean isAdapter = store.getClass().getSimpleName().endsWith("Adapter");
        return isAdapter ? (StateStore) field(store, store instanceof VersionedKeyValueToBytesStoreAdapter ? "inner" : "store")
            : null;
    }

    private static boolean isStore(final StateStore store) {
        return store instanceof KeyValueStore || store instanceof WindowStore || store instanceof SessionStore
            || store instanceof VersionedKeyValueStore;
    }

    private static Object field(final Object object, final String name) {
        for (Class<?> type = object.getClass(); type != null; type = type.getSuperclass()) {
            try {
                final Field field = type.getDeclaredField(name);
                field.setAccessible(true);
                return field.get(object);
            } catch (final NoSuchFieldException error) {
                continue;
            } catch (final IllegalAccessException error) {
                throw new IllegalStateException(error);
            }
        }
        throw new IllegalStateException(object.getClass() + " has no " + name);
    }

    private Innermost() { }
}
