package millstream.oracle;

import java.nio.ByteBuffer;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.SessionStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.TimestampedWindowStoreWithHeaders;

/**
 * What a store keeps before the value of a row, and whether the timestamp is shown. Headers are not. A join's window
 * store keeps its records' timestamps, which are the starts of the rows, in memory only.
 */
record RowValue(boolean hasHeaders, boolean hasTime, boolean showsTime) {
    static RowValue of(final StateStore store) {
        final boolean isJoinWindow = store instanceof TimestampedWindowStoreWithHeaders;
        final boolean isWithHeaders = isJoinWindow || store instanceof TimestampedKeyValueStoreWithHeaders;
        final boolean hasTime = isWithHeaders || store instanceof TimestampedKeyValueStore
            || store instanceof TimestampedWindowStore;
        return new RowValue(isWithHeaders || store instanceof SessionStoreWithHeaders, hasTime, hasTime && !isJoinWindow);
    }

    StringBuilder addTo(final StringBuilder line, final byte[] bytes) {
        final ByteBuffer rest = ByteBuffer.wrap(bytes);
        if (hasHeaders) {
            final int length = ByteUtils.readVarint(rest);
            rest.position(rest.position() + length);
        }
        final long time = hasTime ? rest.getLong() : 0;
        Escaped.addRest(line, bytes, rest.position());
        return showsTime ? line.append(' ').append(time) : line;
    }
}
