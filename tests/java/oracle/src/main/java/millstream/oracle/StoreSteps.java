package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.SessionBytesStoreSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;

/** The stores of processors, of every kind. */
final class StoreSteps {
    private static final Serde<String> TEXT = Flow.TEXT;

    static StoreBuilder<?> of(final JsonNode step, final boolean onDiskByDefault) {
        final boolean onDisk = Json.text(step, "type", onDiskByDefault ? "rocksdb" : "memory").equals("rocksdb");
        StoreBuilder<?> builder = kind(step, Json.text(step, "name"), onDisk);
        if (Json.flag(step, "caching", false)) {
            builder = builder.withCachingEnabled();
        }
        if (builder instanceof Shelf.Builder) {
            return builder;
        }
        return Json.flag(step, "logging", true) ? builder.withLoggingEnabled(Map.of()) : builder.withLoggingDisabled();
    }

    /** The stores that a processor's supplier brings along, or null. */
    static Set<StoreBuilder<?>> attached(final JsonNode step, final boolean onDisk) {
        if (!Json.has(step, "attached")) {
            return null;
        }
        final Set<StoreBuilder<?>> stores = new LinkedHashSet<>();
        step.get("attached").forEach(store -> stores.add(of(store, onDisk)));
        return stores;
    }

    private static StoreBuilder<?> kind(final JsonNode step, final String name, final boolean onDisk) {
        switch (Json.text(step, "kind")) {
            case "key_value":
                return Stores.keyValueStoreBuilder(keyValue(name, onDisk), TEXT, TEXT);
            case "lru":
                return Stores.keyValueStoreBuilder(Stores.lruMap(name, Json.number(step, "size")), TEXT, TEXT);
            case "timestamped":
                return Stores.timestampedKeyValueStoreBuilder(
                    onDisk ? Stores.persistentTimestampedKeyValueStore(name) : Stores.inMemoryKeyValueStore(name), TEXT, TEXT);
            case "window":
                return Stores.windowStoreBuilder(window(step, name, onDisk), TEXT, TEXT);
            case "timestamped_window":
                return Stores.timestampedWindowStoreBuilder(timestampedWindow(step, name, onDisk), TEXT, TEXT);
            case "session":
                return Stores.sessionStoreBuilder(session(step, name, onDisk), TEXT, TEXT);
            case "shelf":
                return new Shelf.Builder(name);
            case "versioned":
                return Stores.versionedKeyValueStoreBuilder(
                    Stores.persistentVersionedKeyValueStore(name, Json.duration(step, "retention")), TEXT, TEXT);
            default:
                throw new BadCase("no such kind of store: " + step);
        }
    }

    private static KeyValueBytesStoreSupplier keyValue(final String name, final boolean onDisk) {
        return onDisk ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name);
    }

    private static WindowBytesStoreSupplier window(final JsonNode step, final String name, final boolean onDisk) {
        final Duration retention = Json.duration(step, "retention");
        final Duration size = Json.duration(step, "size");
        final boolean duplicates = Json.flag(step, "duplicates", false);
        return onDisk ? Stores.persistentWindowStore(name, retention, size, duplicates)
            : MemoryStores.window(name, retention, size, duplicates, false);
    }

    private static WindowBytesStoreSupplier timestampedWindow(final JsonNode step, final String name,
                                                              final boolean onDisk) {
        final Duration retention = Json.duration(step, "retention");
        final Duration size = Json.duration(step, "size");
        final boolean duplicates = Json.flag(step, "duplicates", false);
        return onDisk ? Stores.persistentTimestampedWindowStore(name, retention, size, duplicates)
            : MemoryStores.window(name, retention, size, duplicates, false);
    }

    private static SessionBytesStoreSupplier session(final JsonNode step, final String name, final boolean onDisk) {
        final Duration retention = Json.duration(step, "retention");
        return onDisk ? Stores.persistentSessionStore(name, retention) : MemoryStores.session(name, retention);
    }

    private StoreSteps() { }
}
