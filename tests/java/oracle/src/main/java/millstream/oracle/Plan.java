package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.function.Consumer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;

/** A topology that is being built, step by step, and what its steps have resulted in so far. */
final class Plan {
    final StreamsBuilder builder;
    final boolean onDisk;
    final Seen seen;
    private final List<Flow> results = new ArrayList<>();
    private final List<Consumer<Topology>> low = new ArrayList<>();

    private Plan(final StreamsBuilder builder, final boolean onDisk, final Seen seen) {
        this.builder = builder;
        this.onDisk = onDisk;
        this.seen = seen;
    }

    static Topology build(final Case what, final TopologyConfig config, final Properties properties, final Seen seen) {
        final Plan plan = new Plan(new StreamsBuilder(config), what.onDisk(), seen);
        for (final JsonNode step : what.steps()) {
            plan.results.add(plan.add(step));
        }
        final Topology topology = plan.builder.build(properties);
        plan.low.forEach(step -> step.accept(topology));
        return topology;
    }

    Place place() {
        return new Place(onDisk, seen, number());
    }

    /** The number of the step that is being built. */
    int number() {
        return results.size();
    }

    /** The result of an earlier step, whose number is in a field. */
    Flow flow(final JsonNode step, final String field) {
        return result(Json.number(step, field));
    }

    Flow in(final JsonNode step) {
        return flow(step, "in");
    }

    Flow result(final int number) {
        if (number < 0 || number >= results.size() || results.get(number) == null) {
            throw new BadCase("step " + number + " has no result that step " + number() + " could use");
        }
        return results.get(number);
    }

    /** A step of the low-level topology, which is taken once the DSL's part is built. */
    void later(final Consumer<Topology> step) {
        low.add(step);
    }

    private Flow add(final JsonNode step) {
        final String op = Json.text(step, "op");
        switch (op) {
            case "stream": case "table": case "global_table":
                return Sources.add(this, op, step);
            case "filter": case "filter_not": case "map_values": case "transform_values": case "to_stream": case "suppress":
                return in(step).isTable() ? Tables.add(this, op, step) : Stateless.add(this, op, step);
            case "map": case "flat_map": case "flat_map_values": case "select_key": case "merge":
                return Stateless.add(this, op, step);
            case "peek": case "for_each": case "print":
                return Looks.add(this, op, step);
            case "split": case "branch":
                return Splits.add(this, op, step);
            case "repartition": case "to": case "to_chosen": case "to_table":
                return Sinks.add(this, op, step);
            case "group_by_key": case "group_by": case "group_table":
                return Groups.add(this, op, step);
            case "count": case "reduce": case "aggregate":
                return in(step).isGroupedTable() ? TableAggregates.add(this, op, step)
                    : Windowing.of(step) == null ? StreamAggregates.add(this, op, step)
                    : WindowedAggregates.add(this, op, step);
            case "cogroup":
                return Cogroups.add(this, step);
            case "join": case "join_table": case "join_global":
                return StreamJoins.add(this, op, step);
            case "table_join": case "fk_join":
                return TableJoins.add(this, op, step);
            case "store": case "global_store": case "process": case "process_values":
                return Processors.add(this, op, step);
            case "add_source": case "add_processor": case "add_sink": case "add_store": case "connect_store":
            case "add_global_store": case "add_read_only_store":
                return LowLevel.add(this, op, step);
            default:
                throw new BadCase("no such op: " + op);
        }
    }
}
