package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiFunction;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.state.KeyValueStore;

/** Joins of two tables, by their keys or by a foreign key. */
final class TableJoins {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        final KTable<Object, String> table = in.table();
        final KTable<Object, String> other = plan.flow(step, "other").table();
        final String kind = Json.text(step, "kind");
        final ValueJoiner<String, String, String> joiner = Joiner.of(step).withoutKey();
        final Options<KeyValueStore<Bytes, byte[]>> options = Options.of(step, in.keySerde());
        if (op.equals("fk_join")) {
            return in.like(foreignKey(table, other, kind, joiner, step));
        }
        switch (kind) {
            case "inner":
                return in.like(options.choose(() -> table.join(other, joiner), n -> table.join(other, joiner, n),
                    s -> table.join(other, joiner, s), (n, s) -> table.join(other, joiner, n, s)));
            case "left":
                return in.like(options.choose(() -> table.leftJoin(other, joiner), n -> table.leftJoin(other, joiner, n),
                    s -> table.leftJoin(other, joiner, s), (n, s) -> table.leftJoin(other, joiner, n, s)));
            case "outer":
                return in.like(options.choose(() -> table.outerJoin(other, joiner),
                    n -> table.outerJoin(other, joiner, n), s -> table.outerJoin(other, joiner, s),
                    (n, s) -> table.outerJoin(other, joiner, n, s)));
            default:
                throw new BadCase("no such join: " + kind);
        }
    }

    private static KTable<Object, String> foreignKey(final KTable<Object, String> table,
                                                     final KTable<Object, String> other, final String kind,
                                                     final ValueJoiner<String, String, String> joiner,
                                                     final JsonNode step) {
        final BiFunction<Object, String, Object> by = Functions.key(Json.need(step, "key")).andThen(key -> key);
        final TableJoined<Object, Object> joined = tableJoined(step);
        final Materialized<Object, String, KeyValueStore<Bytes, byte[]>> stored =
            Options.materialized(step, Flow.textKeys(), Flow.TEXT);
        if (kind.equals("inner")) {
            return Options.choose(joined, stored, () -> table.join(other, by, joiner),
                j -> table.join(other, by, joiner, j), s -> table.join(other, by, joiner, s),
                (j, s) -> table.join(other, by, joiner, j, s));
        }
        return Options.choose(joined, stored, () -> table.leftJoin(other, by, joiner),
            j -> table.leftJoin(other, by, joiner, j), s -> table.leftJoin(other, by, joiner, s),
            (j, s) -> table.leftJoin(other, by, joiner, j, s));
    }

    private static TableJoined<Object, Object> tableJoined(final JsonNode step) {
        if (!Json.has(step, "name") && !Json.has(step, "partitioner")) {
            return null;
        }
        TableJoined<Object, Object> joined = TableJoined.as(Json.textOrNull(step, "name"));
        if (Json.has(step, "partitioner")) {
            joined = joined.withPartitioner(Partitioners.of(step.get("partitioner")))
                .withOtherPartitioner(Partitioners.of(step.get("partitioner")));
        }
        return joined;
    }

    private TableJoins() { }
}
