package millstream.oracle;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.state.StoreBuilder;

/** A store of a user's own kind: it counts how often each key was put, in memory and without a changelog. */
final class Shelf implements StateStore {
    private final String name;
    private final Map<String, Long> counts = new HashMap<>();
    private boolean isOpen;

    private Shelf(final String name) {
        this.name = name;
    }

    long put(final String key) {
        return counts.merge(key, 1L, Long::sum);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void init(final StateStoreContext context, final StateStore root) {
        context.register(root, (key, value) -> { });
        isOpen = true;
    }

    @Override
    public void close() {
        isOpen = false;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return isOpen;
    }

    /** Makes one for each task. */
    record Builder(String name) implements StoreBuilder<Shelf> {
        @Override
        public StoreBuilder<Shelf> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<Shelf> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<Shelf> withLoggingEnabled(final Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<Shelf> withLoggingDisabled() {
            return this;
        }

        @Override
        public Shelf build() {
            return new Shelf(name);
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return false;
        }
    }
}
