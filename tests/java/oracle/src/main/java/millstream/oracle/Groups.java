package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Grouped;

/** Groupings of streams and tables. */
final class Groups {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        final Grouped<Object, String> grouped = grouped(step);
        switch (op) {
            case "group_by_key":
                return Flow.of(in.stream().groupByKey(grouped));
            case "group_by":
                final BiFunction<Object, String, String> by = Functions.key(Json.need(step, "key"));
                return Flow.of(in.stream().groupBy((k, v) -> by.apply(k, v), grouped));
            default:
                final BiFunction<Object, String, String> key = Functions.key(Json.need(step, "key"));
                final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
                final BiPredicate<Object, String> isNone =
                    Json.has(step, "no_pair") ? Functions.predicate(step.get("no_pair")) : (k, v) -> false;
                return Flow.of(in.table().groupBy((k, v) -> isNone.test(k, v) ? null
                    : KeyValue.<Object, String>pair(key.apply(k, v), value.apply(k, v)), grouped));
        }
    }

    private static Grouped<Object, String> grouped(final JsonNode step) {
        final Grouped<Object, String> grouped = Grouped.with(Flow.textKeys(), Flow.TEXT);
        return Json.has(step, "name") ? grouped.withName(Json.text(step, "name")) : grouped;
    }

    private Groups() { }
}
