package org.apache.kafka.streams.state.internals;

import java.nio.ByteBuffer;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;

/** Layouts of stores and changelogs, some of which only classes of this package can ask for. */
public final class StateBytes {
    private StateBytes() {}

    /** A row of a suppression's changelog. */
    public static byte[] bufferValue(
            final byte[] prior, final byte[] old, final byte[] now, final ProcessorRecordContext context, final long time) {
        final ByteBuffer buffer = new BufferValue(prior, old, now, context).serialize(Long.BYTES);
        buffer.putLong(time);
        return buffer.array();
    }

    /** A key of the store of records that wait for a match. */
    public static byte[] joinSideKey(final long timestamp, final boolean isLeft, final byte[] key) {
        final TimestampedKeyAndJoinSide<byte[]> side = isLeft
            ? TimestampedKeyAndJoinSide.makeLeft(key, timestamp)
            : TimestampedKeyAndJoinSide.makeRight(key, timestamp);
        return new TimestampedKeyAndJoinSideSerializer<>(new ByteArraySerializer()).serialize("t", new RecordHeaders(), side);
    }

    /** A value of the store of records that wait for a match. */
    public static byte[] leftOrRight(final boolean isLeft, final byte[] value) {
        final ByteArraySerializer inner = new ByteArraySerializer();
        final LeftOrRightValue<byte[], byte[]> side =
            isLeft ? LeftOrRightValue.makeLeftValue(value) : LeftOrRightValue.makeRightValue(value);
        return new LeftOrRightValueSerializer<>(inner, inner).serialize("t", new RecordHeaders(), side);
    }

    public static byte[] windowStoreKey(final byte[] key, final long start, final int sequence) {
        return WindowKeySchema.toStoreKeyBinary(Bytes.wrap(key), start, sequence).get();
    }

    public static byte[] sessionStoreKey(final byte[] key, final long start, final long end) {
        return SessionKeySchema.toBinary(Bytes.wrap(key), start, end).get();
    }

    /** A key of a join's buffer of stream records, and of its changelog. */
    public static byte[] timeFirstKey(final long time, final byte[] key, final int sequence) {
        return PrefixedWindowKeySchemas.TimeFirstWindowKeySchema.toStoreKeyBinary(Bytes.wrap(key), time, sequence).get();
    }

    /** A row of the changelog of a join's buffer of stream records. */
    public static byte[] bufferedRecord(final byte[] value, final ProcessorRecordContext context) {
        return bufferValue(null, null, value, context, 0);
    }
}
