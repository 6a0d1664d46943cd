package millstream.oracle;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/** Bytes as the answers print them. */
final class Escaped {
    private static final String HEX = "0123456789abcdef";

    static void add(final StringBuilder to, final byte[] bytes) {
        if (bytes == null) {
            to.append('~');
        } else if (bytes.length == 0) {
            to.append("''");
        } else {
            add(to, bytes, 0);
        }
    }

    /** The bytes from an index on, which must be there: no mark for none. */
    static void addRest(final StringBuilder to, final byte[] bytes, final int from) {
        if (bytes.length == from) {
            to.append("''");
        } else {
            add(to, bytes, from);
        }
    }

    static void add(final StringBuilder to, final String text) {
        add(to, text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    /** Key, value, timestamp (or `-` if there is none) and headers. */
    static void addRecord(final StringBuilder to, final byte[] key, final byte[] value, final Long time,
                          final Headers headers) {
        add(to, key);
        add(to.append(' '), value);
        to.append(' ').append(time == null ? "-" : time.toString());
        char separator = ' ';
        for (final Header header : headers) {
            add(to.append(separator).append(header.key()).append('='), header.value());
            separator = ';';
        }
    }

    private static void add(final StringBuilder to, final byte[] bytes, final int from) {
        for (int at = from; at < bytes.length; at++) {
            final int part = bytes[at] & 0xff;
            if (isPlain(part)) {
                to.append((char) part);
            } else {
                to.append("\\x").append(HEX.charAt(part >> 4)).append(HEX.charAt(part & 15));
            }
        }
    }

    private static boolean isPlain(final int part) {
        return part > 0x20 && part < 0x7f && part != '\\' && part != '~' && part != '\'' && part != ';' && part != '=';
    }

    private Escaped() { }
}
