package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.StringJoiner;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.ReadOnlyWindowStore;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.WindowStoreIterator;

/** Behaviours with window stores, plain and timestamped. A record without a key does nothing. */
final class WindowWork {
    static Supplier<Behaviour> of(final JsonNode node) {
        final long size = Json.millis(node, "size", 0);
        switch (Functions.name(node)) {
            case "window_put":
                return KeyValueWork.with((WindowStore<String, String> store, Item item) -> {
                    store.put(item.key(), item.value(), item.time());
                    return count(store.fetch(item.key(), item.time() - size, item.time() + size));
                });
            case "window_list":
                return KeyValueWork.with((WindowStore<String, String> store, Item item) -> {
                    store.put(item.key(), item.value(), item.time());
                    return list(store, node, item, Function.identity());
                });
            case "ts_window_list":
                return KeyValueWork.with((TimestampedWindowStore<String, String> store, Item item) -> {
                    store.put(item.key(), ValueAndTimestamp.make(item.value(), item.time()), item.time());
                    return list(store, node, item, KeyValueWork::show);
                });
            case "ts_window_lookup":
                return KeyValueWork.with((TimestampedWindowStore<String, String> store, Item item) ->
                    list(store, node, item, KeyValueWork::show));
            default:
                return SessionWork.of(node);
        }
    }

    private static String count(final WindowStoreIterator<?> rows) {
        long count = 0;
        try (rows) {
            while (rows.hasNext()) {
                rows.next();
                count++;
            }
        }
        return Long.toString(count);
    }

    /** What a read finds, either of the record's key or of all keys. */
    private static <V> String list(final ReadOnlyWindowStore<String, V> store, final JsonNode node, final Item item,
                                   final Function<V, String> show) {
        final long size = Json.millis(node, "size");
        final Instant from = Instant.ofEpochMilli(Math.max(0, item.time() - size));
        final Instant to = Instant.ofEpochMilli(item.time() + size);
        switch (Json.text(node, "read")) {
            case "point":
                final V value = store.fetch(item.key(), item.time());
                return value == null ? "null" : show.apply(value);
            case "fetch":
                return starts(store.fetch(item.key(), from, to), show);
            case "backward_fetch":
                return starts(store.backwardFetch(item.key(), from, to), show);
            case "keys":
                return keys(store.fetch(Json.textOrNull(node, "from"), Json.textOrNull(node, "to"), from, to), show);
            case "backward_keys":
                return keys(store.backwardFetch(Json.textOrNull(node, "from"), Json.textOrNull(node, "to"), from, to), show);
            case "fetch_all":
                return keys(store.fetchAll(from, to), show);
            case "backward_fetch_all":
                return keys(store.backwardFetchAll(from, to), show);
            case "all":
                return keys(store.all(), show);
            case "backward_all":
                return keys(store.backwardAll(), show);
            default:
                throw new BadCase("no such read: " + node);
        }
    }

    private static <V> String starts(final WindowStoreIterator<V> rows, final Function<V, String> show) {
        final StringJoiner text = new StringJoiner(",");
        try (rows) {
            rows.forEachRemaining(row -> text.add(show.apply(row.value) + "@" + row.key));
        }
        return Text.cut(text.toString());
    }

    private static <V> String keys(final KeyValueIterator<Windowed<String>, V> rows, final Function<V, String> show) {
        final StringJoiner text = new StringJoiner(",");
        try (rows) {
            rows.forEachRemaining(row ->
                text.add(row.key.key() + "=" + show.apply(row.value) + "@" + row.key.window().start()));
        }
        return Text.cut(text.toString());
    }

    private WindowWork() { }
}
