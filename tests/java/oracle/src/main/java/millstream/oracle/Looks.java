package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.ForeachAction;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Printed;

/** Operators that only look at records, which the answer tells under `seen`. */
final class Looks {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        final Flow in = plan.in(step);
        final KStream<Object, String> stream = in.stream();
        final Named name = Options.named(step);
        final Seen seen = plan.seen;
        final int number = plan.number();
        final ForeachAction<Object, String> look = (key, value) -> seen.add(number, key, value);
        switch (op) {
            case "peek":
                return in.like(Options.choose(name, () -> stream.peek(look), n -> stream.peek(look, n)));
            case "for_each":
                if (name == null) {
                    stream.foreach(look);
                } else {
                    stream.foreach(look, name);
                }
                return null;
            default:
                // What is printed is lost, since standard output belongs to the answers: its text comes from the mapper.
                final Printed<Object, String> printed = Printed.<Object, String>toSysOut().withKeyValueMapper((key, value) -> {
                    seen.add(number, key, value);
                    return "";
                });
                stream.print(Json.has(step, "name") ? printed.withName(Json.text(step, "name")) : printed);
                return null;
        }
    }

    private Looks() { }
}
