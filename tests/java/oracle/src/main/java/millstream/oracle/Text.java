package millstream.oracle;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.streams.kstream.Windowed;

/** The texts that functions work with: h, s and cut of FORMAT.md, and windowed keys as text. */
final class Text {
    private static final int LENGTH = 24;

    /** The sum of the bytes; 0 for null. */
    static long hash(final String text) {
        if (text == null) {
            return 0;
        }
        long sum = 0;
        for (int at = 0; at < text.length(); at++) {
            final char character = text.charAt(at);
            if (character >= 0x80) {
                return hash(text.getBytes(StandardCharsets.UTF_8));
            }
            sum += character;
        }
        return sum;
    }

    private static long hash(final byte[] bytes) {
        long sum = 0;
        for (final byte part : bytes) {
            sum += part & 0xff;
        }
        return sum;
    }

    static String show(final String text) {
        return text == null ? "null" : text;
    }

    /** Keeps the last characters only, so that texts which are appended to again and again stay short. */
    static String cut(final String text) {
        if (text.length() <= LENGTH) {
            return text;
        }
        final int characters = text.codePointCount(0, text.length());
        return text.substring(text.offsetByCodePoints(0, Math.max(0, characters - LENGTH)));
    }

    /** A key, windowed or not, as text or null. */
    static String key(final Object key) {
        if (key instanceof Windowed<?> windowed) {
            return key(windowed.key()) + "@" + windowed.window().start() + "/" + windowed.window().end();
        }
        return (String) key;
    }

    /** The number that a text is, and 0 for every other text. */
    static long number(final String text) {
        if (text == null) {
            return 0;
        }
        final int digits = text.startsWith("-") ? text.length() - 1 : text.length();
        final boolean isNumber = digits >= 1 && digits <= 18
            && text.chars().skip(text.length() - digits).allMatch(character -> character >= '0' && character <= '9');
        return isNumber ? Long.parseLong(text) : 0;
    }

    private Text() { }
}
