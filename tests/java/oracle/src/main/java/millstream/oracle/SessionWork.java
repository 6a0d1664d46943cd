package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.function.Supplier;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.SessionStore;

/** Behaviours with session stores. A record without a key does nothing. */
final class SessionWork {
    static Supplier<Behaviour> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "session_put":
                return KeyValueWork.with((SessionStore<String, String> store, Item item) ->
                    put(store, Json.millis(node, "gap"), item));
            case "session_list":
                return KeyValueWork.with((SessionStore<String, String> store, Item item) -> {
                    put(store, Json.millis(node, "gap"), item);
                    return list(read(store, node, item));
                });
            case "session_lookup":
                return KeyValueWork.with((SessionStore<String, String> store, Item item) -> list(read(store, node, item)));
            default:
                return VersionedWork.of(node);
        }
    }

    /** Merges the sessions within the gap into one, whose value is all values in their order. */
    private static String put(final SessionStore<String, String> store, final long gap, final Item item) {
        final List<KeyValue<Windowed<String>, String>> found = new ArrayList<>();
        try (KeyValueIterator<Windowed<String>, String> rows =
                 store.findSessions(item.key(), item.time() - gap, item.time() + gap)) {
            rows.forEachRemaining(found::add);
        }
        final StringJoiner text = new StringJoiner("+");
        long start = item.time();
        long end = item.time();
        for (final KeyValue<Windowed<String>, String> row : found) {
            store.remove(row.key);
            text.add(row.value);
            start = Math.min(start, row.key.window().start());
            end = Math.max(end, row.key.window().end());
        }
        final String value = Text.cut(text.add(Text.show(item.value())).toString());
        store.put(new Windowed<>(item.key(), new SessionWindow(start, end)), value);
        return Text.cut(value + "@" + start + "/" + end);
    }

    private static KeyValueIterator<Windowed<String>, String> read(final SessionStore<String, String> store,
                                                                   final JsonNode node, final Item item) {
        final String from = Json.textOrNull(node, "from");
        final String to = Json.textOrNull(node, "to");
        final long size = Json.millis(node, "size", 0);
        switch (Json.text(node, "read")) {
            case "fetch":
                return store.fetch(item.key());
            case "backward_fetch":
                return store.backwardFetch(item.key());
            case "keys":
                return store.fetch(from, to);
            case "backward_keys":
                return store.backwardFetch(from, to);
            case "find":
                return store.findSessions(item.key(), item.time() - size, item.time() + size);
            case "backward_find":
                return store.backwardFindSessions(item.key(), item.time() - size, item.time() + size);
            default:
                throw new BadCase("no such read: " + node);
        }
    }

    private static String list(final KeyValueIterator<Windowed<String>, String> rows) {
        final StringJoiner text = new StringJoiner(",");
        try (rows) {
            rows.forEachRemaining(row -> text.add(Text.key(row.key) + "=" + row.value));
        }
        return Text.cut(text.toString());
    }

    private SessionWork() { }
}
