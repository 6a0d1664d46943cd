package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;

/** Operators on one table. */
final class Tables {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        switch (op) {
            case "filter": case "filter_not":
                return in.like(filter(in, op, step));
            case "map_values":
                return in.like(Json.flag(step, "with_key", false) ? mapValuesWithKey(in, step) : mapValues(in, step));
            case "transform_values":
                return in.like(transformValues(in, step));
            case "to_stream":
                return toStream(in, step);
            default:
                return in.like(in.table().suppress(Suppression.of(step)));
        }
    }

    private static Options<KeyValueStore<Bytes, byte[]>> options(final Flow in, final JsonNode step) {
        return Options.of(step, in.keySerde());
    }

    private static KTable<Object, String> filter(final Flow in, final String op, final JsonNode step) {
        final BiPredicate<Object, String> where = Functions.predicate(Json.need(step, "where"));
        final KTable<Object, String> table = in.table();
        if (op.equals("filter")) {
            return options(in, step).choose(() -> table.filter(where::test), n -> table.filter(where::test, n),
                s -> table.filter(where::test, s), (n, s) -> table.filter(where::test, n, s));
        }
        return options(in, step).choose(() -> table.filterNot(where::test), n -> table.filterNot(where::test, n),
            s -> table.filterNot(where::test, s), (n, s) -> table.filterNot(where::test, n, s));
    }

    private static KTable<Object, String> mapValues(final Flow in, final JsonNode step) {
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        final KTable<Object, String> table = in.table();
        return options(in, step).choose(
            () -> table.mapValues(v -> value.apply(null, v)),
            n -> table.mapValues(v -> value.apply(null, v), n),
            s -> table.mapValues(v -> value.apply(null, v), s),
            (n, s) -> table.mapValues(v -> value.apply(null, v), n, s));
    }

    private static KTable<Object, String> mapValuesWithKey(final Flow in, final JsonNode step) {
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        final KTable<Object, String> table = in.table();
        return options(in, step).choose(
            () -> table.mapValues((k, v) -> value.apply(k, v)),
            n -> table.mapValues((k, v) -> value.apply(k, v), n),
            s -> table.mapValues((k, v) -> value.apply(k, v), s),
            (n, s) -> table.mapValues((k, v) -> value.apply(k, v), n, s));
    }

    private static KTable<Object, String> transformValues(final Flow in, final JsonNode step) {
        final BiFunction<Object, String, String> value = Functions.value(Json.need(step, "value"));
        final ValueTransformerWithKeySupplier<Object, String, String> with = () -> new Transformer(value);
        final KTable<Object, String> table = in.table();
        return options(in, step).choose(() -> table.transformValues(with), n -> table.transformValues(with, n),
            s -> table.transformValues(with, s), (n, s) -> table.transformValues(with, s, n));
    }

    private record Transformer(BiFunction<Object, String, String> value)
            implements ValueTransformerWithKey<Object, String, String> {
        @Override
        public void init(final ProcessorContext context) { }

        @Override
        public String transform(final Object key, final String old) {
            return value.apply(key, old);
        }

        @Override
        public void close() { }
    }

    private static Flow toStream(final Flow in, final JsonNode step) {
        final KTable<Object, String> table = in.table();
        final Named name = Options.named(step);
        if (!Json.has(step, "key")) {
            return in.like(Options.choose(name, table::toStream, table::toStream));
        }
        final BiFunction<Object, String, String> key = Functions.key(step.get("key"));
        final KStream<String, String> stream = Options.choose(name, () -> table.toStream((k, v) -> key.apply(k, v)),
            n -> table.toStream((k, v) -> key.apply(k, v), n));
        return Flow.of(stream);
    }

    private Tables() { }
}
