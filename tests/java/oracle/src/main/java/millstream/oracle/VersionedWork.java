package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiPredicate;
import java.util.function.Supplier;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;

/** Behaviours with versioned stores. A record without a key does nothing. */
final class VersionedWork {
    static Supplier<Behaviour> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "versioned_put":
                final long back = Json.millis(node, "back", 0);
                return KeyValueWork.with((VersionedKeyValueStore<String, String> store, Item item) -> {
                    final String done = item.value() == null ? show(store.delete(item.key(), item.time()))
                        : Long.toString(store.put(item.key(), item.value(), item.time()));
                    return Text.cut(done + "|" + show(store.get(item.key(), item.time() - back)));
                });
            case "versioned_lookup":
                final long ago = Json.millis(node, "back", -1);
                return KeyValueWork.with((VersionedKeyValueStore<String, String> store, Item item) ->
                    show(ago < 0 ? store.get(item.key()) : store.get(item.key(), item.time() - ago)));
            case "versioned_delete":
                final BiPredicate<Object, String> where = Functions.predicate(Json.need(node, "where"));
                return KeyValueWork.with((VersionedKeyValueStore<String, String> store, Item item) -> {
                    if (where.test(item.key(), item.value())) {
                        return show(store.delete(item.key(), item.time()));
                    }
                    store.put(item.key(), item.value(), item.time());
                    return show(store.get(item.key()));
                });
            default:
                throw Functions.unknown("behaviour", node);
        }
    }

    private static String show(final VersionedRecord<String> found) {
        if (found == null) {
            return "null";
        }
        final String to = found.validTo().isPresent() ? Long.toString(found.validTo().get()) : "-";
        return Text.cut(found.value() + "@" + found.timestamp() + "/" + to);
    }

    private VersionedWork() { }
}
