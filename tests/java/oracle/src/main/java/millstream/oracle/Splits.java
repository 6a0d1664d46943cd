package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;

/**
 * Splits and their branches. A branch is handed to a consumer, because the map that Kafka Streams returns has generated
 * names for keys; the topology is the same.
 */
final class Splits {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        if (op.equals("split")) {
            return split(plan, step);
        }
        final List<KStream<Object, String>> branches = Flow.cast(plan.in(step).it());
        return Flow.of(branches.get(Json.number(step, "index")));
    }

    private static Flow split(final Plan plan, final JsonNode step) {
        final KStream<Object, String> in = plan.in(step).stream();
        final Named name = Options.named(step);
        BranchedKStream<Object, String> split = Options.choose(name, in::split, in::split);
        final List<KStream<Object, String>> branches = new ArrayList<>();
        for (final JsonNode branch : Json.need(step, "branches")) {
            final BiPredicate<Object, String> where = Functions.predicate(Json.need(branch, "where"));
            split = split.branch(where::test, branched(branches, Json.textOrNull(branch, "name")));
        }
        if (Json.flag(step, "default", false)) {
            split.defaultBranch(branched(branches, Json.textOrNull(step, "default_name")));
        } else {
            split.noDefaultBranch();
        }
        return Flow.of(branches);
    }

    private static Branched<Object, String> branched(final List<KStream<Object, String>> branches, final String name) {
        return name == null ? Branched.withConsumer(branches::add) : Branched.withConsumer(branches::add, name);
    }

    private Splits() { }
}
