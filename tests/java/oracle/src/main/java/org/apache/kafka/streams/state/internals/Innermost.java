package org.apache.kafka.streams.state.internals;

import java.lang.reflect.Field;
import org.apache.kafka.streams.processor.StateStore;

/** The store of bytes below metering, caches and loggers. It is in this package because those are only known here. */
public final class Innermost {
    public static StateStore of(final StateStore store) {
        StateStore inner = store;
        while (inner instanceof WrappedStateStore<?, ?, ?> wrapper && isLayer(inner)) {
            inner = wrapper.wrapped();
        }
        return inner instanceof VersionedKeyValueToBytesStoreAdapter adapter ? adapter.inner : inner;
    }

    /** Wrappers that only mark what a store is, or that convert rows, are part of the store. */
    private static boolean isLayer(final StateStore store) {
        final String name = store.getClass().getSimpleName();
        return store instanceof MeteredStateStore || name.startsWith("Metered") || name.startsWith("Caching")
            || name.startsWith("TimeOrderedCaching") || name.startsWith("ChangeLogging") || store instanceof ListValueStore;
    }

    /** Whether a window store keeps several rows with one key and start. */
    public static boolean hasDuplicates(final StateStore window) {
        StateStore layer = window;
        while (layer != null) {
            final Object has = field(layer, "retainDuplicates");
            if (has != null) {
                return (Boolean) has;
            }
            // Adapters, which give rows of plain stores a timestamp or headers, call it so.
            layer = layer instanceof WrappedStateStore<?, ?, ?> wrapper ? wrapper.wrapped()
                : (StateStore) field(layer, "store");
        }
        return false;
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
        return null;
    }

    private Innermost() { }
}
