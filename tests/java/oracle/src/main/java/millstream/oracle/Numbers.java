package millstream.oracle;

import org.apache.kafka.common.utils.Bytes;

/** Numbers rows with the same key and start, which come one after the other in the order in which they were written. */
final class Numbers {
    private Row last;

    Row next(final Bytes key, final long start) {
        final boolean isSame = last != null && last.from() == start && last.key().equals(key);
        last = new Row(key, start, isSame ? last.to() + 1 : 0, Row.NUMBERED);
        return last;
    }
}
