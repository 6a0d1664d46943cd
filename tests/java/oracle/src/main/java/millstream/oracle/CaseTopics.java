package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import java.util.TreeSet;

/** The topics that a case names. */
record CaseTopics(Set<String> sources, Set<String> globals, Set<String> sinks) {
    static CaseTopics of(final Case what) {
        final CaseTopics topics = new CaseTopics(new TreeSet<>(), new TreeSet<>(), new TreeSet<>());
        what.steps().forEach(topics::add);
        return topics;
    }

    /** All of them. */
    Set<String> all() {
        final Set<String> all = new TreeSet<>(sources);
        all.addAll(globals);
        all.addAll(sinks);
        return all;
    }

    private void add(final JsonNode step) {
        switch (Json.text(step, "op")) {
            case "stream": case "table": case "add_source": case "add_read_only_store":
                add(sources, step);
                break;
            case "global_table": case "global_store": case "add_global_store":
                add(globals, step);
                break;
            case "to": case "to_chosen": case "add_sink":
                add(sinks, step);
                break;
            default:
                break;
        }
    }

    private static void add(final Set<String> to, final JsonNode step) {
        if (Json.has(step, "pattern")) {
            throw new BadCase("patterns have no place on a broker that others use too");
        }
        to.addAll(Json.texts(step, "topics"));
        if (Json.has(step, "topic")) {
            to.add(Json.text(step, "topic"));
        }
    }
}
