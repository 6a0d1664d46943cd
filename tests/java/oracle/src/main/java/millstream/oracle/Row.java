package millstream.oracle;

import org.apache.kafka.common.utils.Bytes;

/** What makes a row of a store the same row later on. */
record Row(Bytes key, long from, long to, int kind) {
    /** A key alone. */
    static final int PLAIN = 0;
    /** A key with a start and an end. */
    static final int PERIOD = 1;
    /** A key with a start and a number. */
    static final int NUMBERED = 2;
    /** The end of a period that has none yet. */
    static final long OPEN = Long.MIN_VALUE;

    StringBuilder addTo(final StringBuilder line) {
        Escaped.add(line, key.get());
        if (kind == PERIOD) {
            line.append('@').append(from).append('/');
            return to == OPEN ? line.append('-') : line.append(to);
        }
        return kind == NUMBERED ? line.append('@').append(from).append('#').append(to) : line;
    }
}
