package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.Predicate;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;

/** J of FORMAT.md. Which overload of a join is used depends on whether the joiner looks at the key. */
record Joiner(boolean seesKey, ValueJoinerWithKey<Object, String, String, String> withKey) {
    static Joiner of(final JsonNode step) {
        final JsonNode node = Json.need(step, "joiner");
        switch (Functions.name(node)) {
            case "pair":
                return new Joiner(false, (key, left, right) -> pair(left, right));
            case "key_pair":
                return new Joiner(true, (key, left, right) -> Text.cut(
                    Text.show(Text.key(key)) + "=" + Text.show(left) + "|" + Text.show(right)));
            case "null_if":
                final Predicate<Long> isNull = sums(node);
                return new Joiner(false, (key, left, right) ->
                    isNull.test(Text.hash(left) + Text.hash(right)) ? null : pair(left, right));
            default:
                throw Functions.unknown("joiner", node);
        }
    }

    /** The joiner where Kafka Streams has no overload with the key: then the key is null. */
    ValueJoiner<String, String, String> withoutKey() {
        return (left, right) -> withKey.apply(null, left, right);
    }

    private static String pair(final String left, final String right) {
        return Text.cut(Text.show(left) + "|" + Text.show(right));
    }

    private static Predicate<Long> sums(final JsonNode node) {
        final long modulus = Json.millis(node, "mod");
        final boolean[] is = new boolean[(int) modulus];
        Json.need(node, "is").forEach(remainder -> is[remainder.asInt()] = true);
        return sum -> is[(int) (sum % modulus)];
    }
}
