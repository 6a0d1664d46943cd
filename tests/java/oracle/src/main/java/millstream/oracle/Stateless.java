package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;

/** Operators on streams that keep no state. */
final class Stateless {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        final Named name = Options.named(step);
        switch (op) {
            case "filter": case "filter_not":
                return in.like(filter(in.stream(), op, step, name));
            case "map_values":
                return in.like(mapValues(in.stream(), step, name));
            case "map":
                return Flow.of(map(in.stream(), step, name));
            case "flat_map":
                return Flow.of(flatMap(in.stream(), step, name));
            case "flat_map_values":
                return in.like(flatMapValues(in.stream(), step, name));
            case "select_key":
                return Flow.of(selectKey(in.stream(), step, name));
            case "merge":
                final KStream<Object, String> other = plan.flow(step, "other").stream();
                return in.like(Options.choose(name, () -> in.stream().merge(other), n -> in.stream().merge(other, n)));
            default:
                throw new BadCase("a stream has no " + op);
        }
    }

    private static KStream<Object, String> filter(final KStream<Object, String> in, final String op, final JsonNode step,
                                                  final Named name) {
        final BiPredicate<Object, String> where = Functions.predicate(Json.need(step, "where"));
        return op.equals("filter")
            ? Options.choose(name, () -> in.filter(where::test), n -> in.filter(where::test, n))
            : Options.choose(name, () -> in.filterNot(where::test), n -> in.filterNot(where::test, n));
    }

    private static KStream<Object, String> mapValues(final KStream<Object, String> in, final JsonNode step,
                                                     final Named name) {
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        if (Json.flag(step, "with_key", false)) {
            return Options.choose(name, () -> in.mapValues((k, v) -> value.apply(k, v)),
                n -> in.mapValues((k, v) -> value.apply(k, v), n));
        }
        return Options.choose(name, () -> in.mapValues(v -> value.apply(null, v)),
            n -> in.mapValues(v -> value.apply(null, v), n));
    }

    private static KStream<Object, String> map(final KStream<Object, String> in, final JsonNode step, final Named name) {
        final BiFunction<Object, String, String> key = Functions.key(Json.need(step, "key"));
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        return Options.choose(name, () -> in.map((k, v) -> KeyValue.pair(key.apply(k, v), value.apply(k, v))),
            n -> in.map((k, v) -> KeyValue.pair(key.apply(k, v), value.apply(k, v)), n));
    }

    private static KStream<Object, String> flatMap(final KStream<Object, String> in, final JsonNode step,
                                                   final Named name) {
        final BiFunction<Object, String, String> key = Functions.key(Json.need(step, "key"));
        final BiFunction<Object, String, List<String>> values = values(step);
        final BiFunction<Object, String, List<KeyValue<Object, String>>> pairs = (k, v) -> {
            final List<KeyValue<Object, String>> list = new ArrayList<>();
            values.apply(k, v).forEach(value -> list.add(KeyValue.pair(key.apply(k, v), value)));
            return list;
        };
        return Options.choose(name, () -> in.flatMap((k, v) -> pairs.apply(k, v)),
            n -> in.flatMap((k, v) -> pairs.apply(k, v), n));
    }

    private static KStream<Object, String> flatMapValues(final KStream<Object, String> in, final JsonNode step,
                                                         final Named name) {
        final BiFunction<Object, String, List<String>> values = values(step);
        if (Json.flag(step, "with_key", false)) {
            return Options.choose(name, () -> in.flatMapValues((k, v) -> values.apply(k, v)),
                n -> in.flatMapValues((k, v) -> values.apply(k, v), n));
        }
        return Options.choose(name, () -> in.flatMapValues(v -> values.apply(null, v)),
            n -> in.flatMapValues(v -> values.apply(null, v), n));
    }

    /** As many values as the hash says, each followed by its number. */
    private static BiFunction<Object, String, List<String>> values(final JsonNode step) {
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        final int times = Json.number(step, "times");
        return (k, v) -> {
            final int count = (int) (Text.hash(v) % (times + 1));
            final List<String> list = new ArrayList<>(count);
            final String result = value.apply(k, v);
            for (int number = 0; number < count; number++) {
                list.add(result == null ? null : Text.cut(result + "#" + number));
            }
            return list;
        };
    }

    private static KStream<Object, String> selectKey(final KStream<Object, String> in, final JsonNode step,
                                                     final Named name) {
        final BiFunction<Object, String, String> key = Functions.key(Json.need(step, "key"));
        return Options.choose(name, () -> in.selectKey((k, v) -> key.apply(k, v)),
            n -> in.selectKey((k, v) -> key.apply(k, v), n));
    }

    private Stateless() { }
}
