package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.StringJoiner;
import java.util.function.BiConsumer;
import java.util.function.BiPredicate;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/** Behaviours with key-value stores, plain and timestamped. A record without a key does nothing. */
final class KeyValueWork {
    static Supplier<Behaviour> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "keep":
                return keep((KeyValueStore<String, String> store, Item item) -> store.put(item.key(), item.value()));
            case "ts_keep":
                return keep((TimestampedKeyValueStore<String, String> store, Item item) ->
                    store.put(item.key(), ValueAndTimestamp.make(item.value(), item.time())));
            case "shelve":
                return with((Shelf shelf, Item item) -> Long.toString(shelf.put(item.key())));
            case "tally":
                return with((KeyValueStore<String, String> store, Item item) -> {
                    final String count = Long.toString(Text.number(store.get(item.key())) + 1);
                    store.put(item.key(), count);
                    return count;
                });
            case "kv_put":
                return with((KeyValueStore<String, String> store, Item item) -> {
                    store.put(item.key(), item.value());
                    return rows(store, node);
                });
            case "kv_put_if_absent":
                return with((KeyValueStore<String, String> store, Item item) ->
                    Text.show(store.putIfAbsent(item.key(), item.value())));
            case "kv_delete":
                final BiPredicate<Object, String> where = Functions.predicate(Json.need(node, "where"));
                return with((KeyValueStore<String, String> store, Item item) -> {
                    if (where.test(item.key(), item.value())) {
                        return Text.show(store.delete(item.key()));
                    }
                    store.put(item.key(), item.value());
                    return item.value();
                });
            case "kv_lookup":
                return with((ReadOnlyKeyValueStore<String, String> store, Item item) -> Text.show(store.get(item.key())));
            case "ts_put":
                return with(KeyValueWork::putNewer);
            case "ts_lookup":
                return with((ReadOnlyKeyValueStore<String, ValueAndTimestamp<String>> store, Item item) ->
                    show(store.get(item.key())));
            default:
                return WindowWork.of(node);
        }
    }

    /** What to do with the store, and the text to forward. */
    interface Work<S> {
        String of(S store, Item item);
    }

    /** A behaviour that forwards each record that has a key, with the text that the work results in as its value. */
    static <S> Supplier<Behaviour> with(final Work<S> work) {
        return Behaviours.simple(room -> {
            final S store = Flow.cast(room.store());
            return item -> {
                if (item.key() != null) {
                    room.forward(item.withValue(work.of(store, item)));
                }
            };
        });
    }

    /** A behaviour that forwards nothing. */
    private static <S> Supplier<Behaviour> keep(final BiConsumer<S, Item> work) {
        return Behaviours.simple(room -> {
            final S store = Flow.cast(room.store());
            return item -> {
                if (item.key() != null) {
                    work.accept(store, item);
                }
            };
        });
    }

    private static String putNewer(final TimestampedKeyValueStore<String, String> store, final Item item) {
        final ValueAndTimestamp<String> stored = store.get(item.key());
        if (stored == null || stored.timestamp() <= item.time()) {
            store.put(item.key(), ValueAndTimestamp.make(item.value(), item.time()));
        }
        return show(store.get(item.key()));
    }

    static String show(final ValueAndTimestamp<String> stored) {
        return stored == null ? "null" : Text.cut(stored.value() + "@" + stored.timestamp());
    }

    private static String rows(final ReadOnlyKeyValueStore<String, String> store, final JsonNode node) {
        final StringJoiner text = new StringJoiner(",");
        try (KeyValueIterator<String, String> rows = read(store, node)) {
            rows.forEachRemaining(row -> text.add(row.key + "=" + row.value));
        }
        return Text.cut(text.toString());
    }

    private static KeyValueIterator<String, String> read(final ReadOnlyKeyValueStore<String, String> store,
                                                         final JsonNode node) {
        final String from = Json.textOrNull(node, "from");
        final String to = Json.textOrNull(node, "to");
        switch (Json.text(node, "read", "all")) {
            case "all":
                return store.all();
            case "reverse_all":
                return store.reverseAll();
            case "range":
                return store.range(from, to);
            case "reverse_range":
                return store.reverseRange(from, to);
            case "prefix":
                return store.prefixScan(Json.text(node, "prefix"), new StringSerializer());
            default:
                throw new BadCase("no such read: " + node);
        }
    }

    private KeyValueWork() { }
}
