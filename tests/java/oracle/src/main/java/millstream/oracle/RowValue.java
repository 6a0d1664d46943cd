package millstream.oracle;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.HeadersBytesStore;
import org.apache.kafka.streams.state.SessionStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedBytesStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.TimestampedWindowStoreWithHeaders;

/**
 * What a store keeps before the value of a row, and whether the timestamp is shown. Headers are not. A join's window
 * store keeps its records' timestamps, which are the starts of the rows, in memory only.
 *
 * <p>A store on RocksDB knows what it keeps. One in memory doesn't, and is given rows as its outermost layer likes them.
 */
record RowValue(boolean hasHeaders, boolean hasTime, boolean showsTime) {
    static RowValue of(final StateStore store, final StateStore inner) {
        final boolean isJoinWindow = store instanceof TimestampedWindowStoreWithHeaders;
        final boolean hasHeaders = inner.persistent() ? inner instanceof HeadersBytesStore
            : isJoinWindow || store instanceof TimestampedKeyValueStoreWithHeaders || store instanceof SessionStoreWithHeaders;
        final boolean hasTime = inner.persistent() ? inner instanceof TimestampedBytesStore
            : isJoinWindow || store instanceof TimestampedKeyValueStoreWithHeaders || store instanceof TimestampedKeyValueStore
                || store instanceof TimestampedWindowStore;
        return new RowValue(hasHeaders, hasTime, hasTime && !isJoinWindow);
    }

    /** Whether the answer would show both alike. */
    boolean isSame(final byte[] left, final byte[] right) {
        final int leftFrom = shown(left);
        final int rightFrom = shown(right);
        return Arrays.equals(left, leftFrom, left.length, right, rightFrom, right.length);
    }

    StringBuilder addTo(final StringBuilder line, final byte[] bytes) {
        final int from = shown(bytes);
        if (!showsTime) {
            Escaped.addRest(line, bytes, from);
            return line;
        }
        Escaped.addRest(line, bytes, from + Long.BYTES);
        return line.append(' ').append(ByteBuffer.wrap(bytes).getLong(from));
    }

    /** Where the part that is shown begins, with the timestamp if it is shown. */
    private int shown(final byte[] bytes) {
        int from = 0;
        if (hasHeaders) {
            final ByteBuffer length = ByteBuffer.wrap(bytes);
            from = ByteUtils.readVarint(length) + length.position();
        }
        return hasTime && !showsTime ? from + Long.BYTES : from;
    }
}
