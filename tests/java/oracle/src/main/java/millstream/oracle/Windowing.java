package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.kstream.Windows;

/** The windows of a step, and how their keys are written. */
record Windowing(JsonNode node, String kind) {
    /** What the step asks for, or null if it has no windows. */
    static Windowing of(final JsonNode step) {
        if (!Json.has(step, "windows")) {
            return null;
        }
        final JsonNode node = step.get("windows");
        return new Windowing(node, Json.text(node, "kind"));
    }

    boolean isSession() {
        return kind.equals("session");
    }

    boolean isSliding() {
        return kind.equals("sliding");
    }

    SessionWindows session() {
        return SessionWindows.ofInactivityGapAndGrace(Json.duration(node, "gap"), Json.duration(node, "grace", 0));
    }

    SlidingWindows sliding() {
        return SlidingWindows.ofTimeDifferenceAndGrace(Json.duration(node, "difference"), Json.duration(node, "grace", 0));
    }

    Windows<?> time() {
        switch (kind) {
            case "time":
                final TimeWindows windows =
                    TimeWindows.ofSizeAndGrace(Json.duration(node, "size"), Json.duration(node, "grace", 0));
                return Json.has(node, "advance") ? windows.advanceBy(Json.duration(node, "advance")) : windows;
            case "unlimited":
                return UnlimitedWindows.of().startOn(Instant.ofEpochMilli(Json.millis(node, "start", 0)));
            default:
                throw new BadCase("no such windows: " + node);
        }
    }

    /** Topics leave out the end of a window of fixed size, so the reader has to know the size. */
    Serde<Object> keySerde() {
        final Serde<?> serde;
        switch (kind) {
            case "session":
                serde = WindowedSerdes.sessionWindowedSerdeFrom(String.class);
                break;
            case "sliding":
                serde = WindowedSerdes.timeWindowedSerdeFrom(String.class, Json.millis(node, "difference"));
                break;
            case "time":
                serde = WindowedSerdes.timeWindowedSerdeFrom(String.class, Json.millis(node, "size"));
                break;
            default:
                serde = WindowedSerdes.timeWindowedSerdeFrom(String.class, Long.MAX_VALUE);
        }
        return Flow.cast(serde);
    }
}
