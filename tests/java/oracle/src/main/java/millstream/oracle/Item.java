package millstream.oracle;

import org.apache.kafka.common.header.Headers;

/** A record that a processor has been given. */
record Item(String key, String value, long time, Headers headers) {
    Item withValue(final String other) {
        return new Item(key, other, time, headers);
    }

    Item withKey(final String other) {
        return new Item(other, value, time, headers);
    }

    Item withTime(final long other) {
        return new Item(key, value, other, headers);
    }

    Item withHeaders(final Headers other) {
        return new Item(key, value, time, other);
    }
}
