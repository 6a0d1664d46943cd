package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Reads fields of a case. What is missing is either given a default or makes the case a {@link BadCase}. */
final class Json {
    static boolean has(final JsonNode node, final String field) {
        return node.hasNonNull(field);
    }

    static JsonNode need(final JsonNode node, final String field) {
        final JsonNode found = node.get(field);
        if (found == null || found.isNull()) {
            throw new BadCase(field + " is missing in " + node);
        }
        return found;
    }

    static String text(final JsonNode node, final String field) {
        return need(node, field).asText();
    }

    /** The text, or null if there is none. */
    static String textOrNull(final JsonNode node, final String field) {
        return has(node, field) ? node.get(field).asText() : null;
    }

    static String text(final JsonNode node, final String field, final String otherwise) {
        return has(node, field) ? node.get(field).asText() : otherwise;
    }

    static int number(final JsonNode node, final String field) {
        return need(node, field).asInt();
    }

    static long millis(final JsonNode node, final String field) {
        return need(node, field).asLong();
    }

    static long millis(final JsonNode node, final String field, final long otherwise) {
        return has(node, field) ? node.get(field).asLong() : otherwise;
    }

    static Duration duration(final JsonNode node, final String field) {
        return Duration.ofMillis(millis(node, field));
    }

    static Duration duration(final JsonNode node, final String field, final long otherwise) {
        return Duration.ofMillis(millis(node, field, otherwise));
    }

    static boolean flag(final JsonNode node, final String field, final boolean otherwise) {
        return has(node, field) ? node.get(field).asBoolean() : otherwise;
    }

    static List<String> texts(final JsonNode node, final String field) {
        final List<String> texts = new ArrayList<>();
        if (has(node, field)) {
            node.get(field).forEach(text -> texts.add(text.asText()));
        }
        return texts;
    }

    private Json() { }
}
