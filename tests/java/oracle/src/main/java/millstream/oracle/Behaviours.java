package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** The vocabulary of behaviours, and those without stores and punctuations. */
final class Behaviours {
    static Supplier<Behaviour> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "same":
                return each(item -> item);
            case "twice":
                return simple(room -> item -> {
                    room.forward(item);
                    room.forward(item.withTime(item.time() + 1).withHeaders(with(item.headers(), "n", "2")));
                });
            case "only":
                final BiPredicate<Object, String> where = Functions.predicate(Json.need(node, "where"));
                return each(item -> where.test(item.key(), item.value()) ? item : null);
            case "rekey":
                final BiFunction<Object, String, String> key = Functions.key(Json.need(node, "key"));
                return each(item -> item.withKey(key.apply(item.key(), item.value())));
            case "value":
                final BiFunction<Object, String, String> value = Functions.value(Json.need(node, "value"));
                return each(item -> item.withValue(value.apply(item.key(), item.value())));
            case "shift":
                final long by = Json.millis(node, "by");
                return each(item -> item.withTime(item.time() + by));
            case "clock":
                return simple(room -> item ->
                    room.forward(item.withValue(room.streamTime() + "/" + room.wallTime())));
            case "origin":
                return simple(room -> item -> room.forward(item.withValue(Text.show(room.topic()))));
            case "commit":
                return simple(room -> item -> {
                    room.commit();
                    room.forward(item);
                });
            case "farewell":
                return Farewell::new;
            case "add_header": case "drop_header": case "read_header":
                return headers(node, Json.text(node, "name"));
            case "to_child":
                final List<String> children = Json.texts(node, "children");
                return simple(room -> item ->
                    room.forward(item, children.get((int) (Text.hash(item.value()) % children.size()))));
            default:
                return Punctuations.of(node);
        }
    }

    /** A behaviour of one function, which gives the record to forward or null. */
    private static Supplier<Behaviour> each(final Function<Item, Item> function) {
        return simple(room -> item -> {
            final Item result = function.apply(item);
            if (result != null) {
                room.forward(result);
            }
        });
    }

    /** A behaviour without state of its own. */
    static Supplier<Behaviour> simple(final Function<Room, Consumer<Item>> what) {
        return () -> new Behaviour() {
            private Consumer<Item> process;

            @Override
            void start() {
                process = what.apply(room());
            }

            @Override
            void process(final Item item) {
                process.accept(item);
            }
        };
    }

    /** Forwards everything, and tells when it is closed. */
    private static final class Farewell extends Behaviour {
        @Override
        void process(final Item item) {
            forward(item);
        }

        @Override
        void close() {
            room().farewell();
        }
    }

    private static Supplier<Behaviour> headers(final JsonNode node, final String name) {
        switch (Functions.name(node)) {
            case "farewell":
                return Farewell::new;
            case "add_header":
                final String text = Json.text(node, "text");
                return each(item -> item.withHeaders(with(item.headers(), name, text)));
            case "drop_header":
                return each(item -> item.withHeaders(new RecordHeaders(item.headers()).remove(name)));
            default:
                return each(item -> item.withValue(Text.cut(Text.show(text(item.headers().lastHeader(name))))));
        }
    }

    private static Headers with(final Headers headers, final String name, final String text) {
        return new RecordHeaders(headers).add(name, text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(final Header header) {
        return header == null || header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    private Behaviours() { }
}
