package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Behaviours that act when time passes. */
final class Punctuations {
    static Supplier<Behaviour> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "hold":
                return () -> new Hold(node, PunctuationType.STREAM_TIME);
            case "hold_wall":
                return () -> new Hold(node, PunctuationType.WALL_CLOCK_TIME);
            case "tick":
                return () -> new Tick(node);
            default:
                return KeyValueWork.of(node);
        }
    }

    /** Keeps the latest value of each key and sends all of them when it is time. */
    private static final class Hold extends Behaviour {
        private final JsonNode node;
        private final PunctuationType type;
        private KeyValueStore<String, String> store;

        Hold(final JsonNode node, final PunctuationType type) {
            this.node = node;
            this.type = type;
        }

        @Override
        void start() {
            store = room().store();
            room().schedule(node, type, this::send);
        }

        @Override
        void process(final Item item) {
            if (item.key() != null) {
                store.put(item.key(), item.value());
            }
        }

        private void send(final long time) {
            final List<KeyValue<String, String>> rows = new ArrayList<>();
            try (KeyValueIterator<String, String> all = store.all()) {
                all.forEachRemaining(rows::add);
            }
            for (final KeyValue<String, String> row : rows) {
                forward(new Item(row.key, row.value, time, new RecordHeaders()));
                store.delete(row.key);
            }
        }
    }

    /** Forwards what it gets and a tick now and then, until it has ticked often enough. */
    private static final class Tick extends Behaviour {
        private final JsonNode node;
        private final long times;
        private Cancellable schedule;
        private long ticks;

        Tick(final JsonNode node) {
            this.node = node;
            times = Json.millis(node, "times", Long.MAX_VALUE);
        }

        @Override
        void start() {
            if (!Json.flag(node, "late", false)) {
                begin();
            }
        }

        private void begin() {
            final boolean isWall = Json.text(node, "clock", "stream").equals("wall");
            schedule = room().schedule(node,
                isWall ? PunctuationType.WALL_CLOCK_TIME : PunctuationType.STREAM_TIME, this::tick);
        }

        @Override
        void process(final Item item) {
            if (schedule == null) {
                begin();
            }
            forward(item);
        }

        private void tick(final long time) {
            ticks++;
            if (ticks >= times) {
                schedule.cancel();
            }
            forward(new Item("tick", Long.toString(ticks), time, new RecordHeaders()));
        }
    }

    private Punctuations() { }
}
