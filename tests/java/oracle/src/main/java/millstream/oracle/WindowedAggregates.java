package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;

/** Aggregations of a grouped stream per window. */
final class WindowedAggregates {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final KGroupedStream<Object, String> in = plan.in(step).groupedStream();
        final Windowing windowing = Windowing.of(step);
        final Object table = windowing.isSession()
            ? SessionAggregates.of(session(in, windowing, step), op, step)
            : TimeAggregates.of(time(in, windowing, step), op, step);
        return new Flow(table, windowing);
    }

    private static TimeWindowedKStream<Object, String> time(final KGroupedStream<Object, String> in,
                                                            final Windowing windowing, final JsonNode step) {
        final TimeWindowedKStream<Object, String> windowed =
            windowing.isSliding() ? in.windowedBy(windowing.sliding()) : in.windowedBy(windowing.time());
        return Json.has(step, "emit") ? windowed.emitStrategy(emit(step)) : windowed;
    }

    private static SessionWindowedKStream<Object, String> session(final KGroupedStream<Object, String> in,
                                                                  final Windowing windowing, final JsonNode step) {
        final SessionWindowedKStream<Object, String> windowed = in.windowedBy(windowing.session());
        return Json.has(step, "emit") ? windowed.emitStrategy(emit(step)) : windowed;
    }

    private static EmitStrategy emit(final JsonNode step) {
        return Json.text(step, "emit").equals("close") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    }

    private WindowedAggregates() { }
}
