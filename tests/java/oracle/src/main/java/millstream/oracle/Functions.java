package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import java.util.function.BinaryOperator;
import java.util.function.Predicate;

/**
 * The small vocabulary of functions. Keys are whatever the stream has, text or windowed, and count as their text. Each
 * description is compiled once, when the topology is built.
 */
final class Functions {
    /** P of FORMAT.md. */
    static BiPredicate<Object, String> predicate(final JsonNode node) {
        switch (name(node)) {
            case "value":
                final Predicate<String> ofValue = remainders(node);
                return (key, value) -> ofValue.test(value);
            case "key":
                final Predicate<String> ofKey = remainders(node);
                return (key, value) -> ofKey.test(Text.key(key));
            case "has_value":
                return (key, value) -> value != null;
            case "all":
                return (key, value) -> true;
            default:
                throw unknown("predicate", node);
        }
    }

    /** V of FORMAT.md. */
    static BiFunction<Object, String, String> value(final JsonNode node) {
        switch (name(node)) {
            case "append":
                final String suffix = Json.text(node, "text");
                return (key, value) -> value == null ? null : Text.cut(value + suffix);
            case "with_key":
                return (key, value) -> Text.cut(Text.show(Text.key(key)) + ":" + Text.show(value));
            case "hash":
                final long modulus = Json.millis(node, "mod");
                return (key, value) -> Long.toString(Text.hash(value) % modulus);
            case "null_if":
                final Predicate<String> isNull = remainders(node);
                return (key, value) -> isNull.test(value) ? null : value;
            case "same":
                return (key, value) -> value;
            case "text":
                final String text = Json.text(node, "text");
                return (key, value) -> text;
            default:
                throw unknown("value function", node);
        }
    }

    /** K of FORMAT.md. */
    static BiFunction<Object, String, String> key(final JsonNode node) {
        switch (name(node)) {
            case "value_hash":
                final long ofValue = Json.millis(node, "mod");
                return (key, value) -> "k" + Text.hash(value) % ofValue;
            case "key_hash":
                final long ofKey = Json.millis(node, "mod");
                return (key, value) -> "k" + Text.hash(Text.key(key)) % ofKey;
            case "value":
                return (key, value) -> value;
            case "same":
                return (key, value) -> Text.key(key);
            case "null_if":
                final Predicate<String> isNull = remainders(node);
                return (key, value) -> isNull.test(value) ? null : Text.key(key);
            default:
                throw unknown("key function", node);
        }
    }

    /** What A of FORMAT.md is; the key is null in a reducer. */
    interface Adder {
        String add(Object key, String aggregate, String value);
    }

    /** A of FORMAT.md. */
    static Adder adder(final JsonNode node) {
        if (name(node).equals("with_key")) {
            return (key, aggregate, value) ->
                Text.cut(Text.show(aggregate) + "," + Text.show(Text.key(key)) + ":" + Text.show(value));
        }
        final BinaryOperator<String> add = keyless(node);
        return (key, aggregate, value) -> add.apply(aggregate, value);
    }

    private static BinaryOperator<String> keyless(final JsonNode node) {
        switch (name(node)) {
            case "concat":
                return Functions::concat;
            case "minus":
                return (aggregate, value) -> Text.cut(Text.show(aggregate) + "-" + Text.show(value));
            case "sum":
                return (aggregate, value) -> Long.toString(Text.number(aggregate) + Text.hash(value));
            case "difference":
                return (aggregate, value) -> Long.toString(Text.number(aggregate) - Text.hash(value));
            case "last":
                return (aggregate, value) -> value;
            case "null_if":
                final Predicate<String> isNull = remainders(node);
                return (aggregate, value) -> isNull.test(value) ? null : concat(aggregate, value);
            default:
                throw unknown("aggregator", node);
        }
    }

    /** How sessions whose aggregator is A merge. */
    static BinaryOperator<String> merger(final JsonNode adder) {
        if (name(adder).equals("sum")) {
            return (left, right) -> Long.toString(Text.number(left) + Text.number(right));
        }
        return (left, right) -> Text.cut(Text.show(left) + "+" + Text.show(right));
    }

    private static String concat(final String aggregate, final String value) {
        return Text.cut(Text.show(aggregate) + "," + Text.show(value));
    }

    /** Whether the hash of a text modulo `mod` is one of `is`. */
    static Predicate<String> remainders(final JsonNode node) {
        final long modulus = Json.millis(node, "mod");
        final boolean[] is = new boolean[(int) modulus];
        Json.need(node, "is").forEach(remainder -> is[remainder.asInt()] = true);
        return text -> is[(int) (Text.hash(text) % modulus)];
    }

    static String name(final JsonNode node) {
        return Json.text(node, "f");
    }

    static BadCase unknown(final String what, final JsonNode node) {
        return new BadCase("no such " + what + ": " + node);
    }

    private Functions() { }
}
