package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.Suppressed.EagerBufferConfig;
import org.apache.kafka.streams.kstream.Suppressed.StrictBufferConfig;

/** The options of `suppress`. */
final class Suppression {
    static Suppressed<Object> of(final JsonNode step) {
        final Suppressed<Object> suppressed;
        if (Json.text(step, "until").equals("close")) {
            suppressed = Flow.cast(Suppressed.untilWindowCloses(strict(step)));
        } else {
            suppressed = Suppressed.untilTimeLimit(Json.duration(step, "until"),
                Json.text(step, "full", "emit").equals("emit") && isLimited(step) ? eager(step) : strict(step));
        }
        return Json.has(step, "name") ? Flow.cast(suppressed.withName(Json.text(step, "name"))) : suppressed;
    }

    private static boolean isLimited(final JsonNode step) {
        return Json.has(step, "max_records") || Json.has(step, "max_bytes");
    }

    private static EagerBufferConfig eager(final JsonNode step) {
        EagerBufferConfig buffer;
        if (Json.has(step, "max_records")) {
            buffer = BufferConfig.maxRecords(Json.millis(step, "max_records"));
            buffer = Json.has(step, "max_bytes") ? buffer.withMaxBytes(Json.millis(step, "max_bytes")) : buffer;
        } else {
            buffer = BufferConfig.maxBytes(Json.millis(step, "max_bytes"));
        }
        return Json.flag(step, "logging", true) ? buffer : buffer.withLoggingDisabled();
    }

    private static StrictBufferConfig strict(final JsonNode step) {
        final StrictBufferConfig buffer = isLimited(step) ? eager(step).shutDownWhenFull() : BufferConfig.unbounded();
        return Json.flag(step, "logging", true) ? buffer : buffer.withLoggingDisabled();
    }

    private Suppression() { }
}
