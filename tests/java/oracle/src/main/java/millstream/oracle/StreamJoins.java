package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.function.BiFunction;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.StreamJoined;

/** Joins of a stream with a stream, a table or a global table. */
final class StreamJoins {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final KStream<Object, String> in = plan.in(step).stream();
        final Flow other = plan.flow(step, "other");
        final String kind = Json.text(step, "kind");
        final Joiner joiner = Joiner.of(step);
        switch (op) {
            case "join":
                return Flow.of(streams(in, other.stream(), kind, joiner, step));
            case "join_table":
                return Flow.of(table(in, other.table(), kind, joiner, step));
            default:
                return Flow.of(global(in, other.global(), kind, joiner, step));
        }
    }

    private static KStream<Object, String> streams(final KStream<Object, String> in, final KStream<Object, String> other,
                                                   final String kind, final Joiner joiner, final JsonNode step) {
        final JoinWindows windows = windows(step);
        final StreamJoined<Object, String, String> options = streamJoined(step);
        switch (kind) {
            case "inner":
                return joiner.seesKey() ? in.join(other, joiner.withKey(), windows, options)
                    : in.join(other, joiner.withoutKey(), windows, options);
            case "left":
                return joiner.seesKey() ? in.leftJoin(other, joiner.withKey(), windows, options)
                    : in.leftJoin(other, joiner.withoutKey(), windows, options);
            case "outer":
                return joiner.seesKey() ? in.outerJoin(other, joiner.withKey(), windows, options)
                    : in.outerJoin(other, joiner.withoutKey(), windows, options);
            default:
                throw new BadCase("no such join: " + kind);
        }
    }

    /** One of the sides may be negative, and no step on the way may have a negative sum. */
    private static JoinWindows windows(final JsonNode step) {
        final Duration before = Json.duration(step, "before");
        final Duration after = Json.duration(step, "after");
        final Duration longer = before.compareTo(after) > 0 ? before : after;
        return JoinWindows.ofTimeDifferenceAndGrace(longer, Json.duration(step, "grace", 0)).before(before).after(after);
    }

    private static StreamJoined<Object, String, String> streamJoined(final JsonNode step) {
        StreamJoined<Object, String, String> joined = StreamJoined.with(Flow.textKeys(), Flow.TEXT, Flow.TEXT);
        if (Json.has(step, "name")) {
            joined = joined.withName(Json.text(step, "name"));
        }
        if (Json.has(step, "store")) {
            joined = joined.withStoreName(Json.text(step, "store"));
        }
        if (Json.has(step, "type")) {
            joined = joined.withDslStoreSuppliers(Options.type(Json.text(step, "type")));
        }
        return Json.flag(step, "logging", true) ? joined : joined.withLoggingDisabled();
    }

    private static KStream<Object, String> table(final KStream<Object, String> in, final KTable<Object, String> other,
                                                 final String kind, final Joiner joiner, final JsonNode step) {
        Joined<Object, String, String> joined = Joined.with(Flow.textKeys(), Flow.TEXT, Flow.TEXT);
        if (Json.has(step, "name")) {
            joined = joined.withName(Json.text(step, "name"));
        }
        if (Json.has(step, "grace")) {
            joined = joined.withGracePeriod(Json.duration(step, "grace"));
        }
        if (kind.equals("inner")) {
            return joiner.seesKey() ? in.join(other, joiner.withKey(), joined)
                : in.join(other, joiner.withoutKey(), joined);
        }
        return joiner.seesKey() ? in.leftJoin(other, joiner.withKey(), joined)
            : in.leftJoin(other, joiner.withoutKey(), joined);
    }

    private static KStream<Object, String> global(final KStream<Object, String> in,
                                                  final GlobalKTable<Object, String> other, final String kind,
                                                  final Joiner joiner, final JsonNode step) {
        final BiFunction<Object, String, String> key = Functions.key(Json.need(step, "key"));
        final KeyValueMapper<Object, String, Object> by = key::apply;
        final Named name = Options.named(step);
        if (kind.equals("inner")) {
            return joiner.seesKey()
                ? Options.choose(name, () -> in.join(other, by, joiner.withKey()),
                    n -> in.join(other, by, joiner.withKey(), n))
                : Options.choose(name, () -> in.join(other, by, joiner.withoutKey()),
                    n -> in.join(other, by, joiner.withoutKey(), n));
        }
        return joiner.seesKey()
            ? Options.choose(name, () -> in.leftJoin(other, by, joiner.withKey()),
                n -> in.leftJoin(other, by, joiner.withKey(), n))
            : Options.choose(name, () -> in.leftJoin(other, by, joiner.withoutKey()),
                n -> in.leftJoin(other, by, joiner.withoutKey(), n));
    }

    private StreamJoins() { }
}
