package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.Punctuator;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.ProcessingContext;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** What a behaviour has around it: stores, clocks, and somewhere to forward to. */
abstract class Room {
    private final ProcessingContext context;
    private final String store;
    private final Place place;

    Room(final ProcessingContext context, final String store, final Place place) {
        this.context = context;
        this.store = store;
        this.place = place;
    }

    /** Forwards to all children, or to the one with a name. */
    abstract void forward(Item item, String child);

    void forward(final Item item) {
        forward(item, null);
    }

    /** The store that the behaviour works with: the one it names, or the first one of the step. */
    <S extends StateStore> S store() {
        return context.getStateStore(store);
    }

    Cancellable schedule(final JsonNode node, final PunctuationType type, final Punctuator callback) {
        final Duration every = Json.duration(node, "every");
        return Json.has(node, "start")
            ? context.schedule(Instant.ofEpochMilli(Json.millis(node, "start")), every, type, callback)
            : context.schedule(every, type, callback);
    }

    long streamTime() {
        return context.currentStreamTimeMs();
    }

    long wallTime() {
        return context.currentSystemTimeMs();
    }

    String topic() {
        return context.recordMetadata().map(RecordMetadata::topic).orElse(null);
    }

    /** Tells that the processor is closed. */
    void farewell() {
        place.seen().addClosed(place.step());
    }

    void commit() {
        context.commit();
    }
}
