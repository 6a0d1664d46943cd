package org.apache.kafka.streams.kstream.internals.foreignkeyjoin;

import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;

/** Layouts of foreign-key joins, some of which only classes of this package can ask for. */
public final class ForeignKeyBytes {
    private static final CombinedKeySchema<byte[], byte[]> COMBINED =
        new CombinedKeySchema<>(() -> "t", Serdes.ByteArray(), () -> "t", Serdes.ByteArray());

    private ForeignKeyBytes() {}

    public static byte[] combinedKey(final byte[] foreign, final byte[] primary) {
        return COMBINED.toBytes(foreign, primary, new RecordHeaders()).get();
    }

    public static byte[] combinedPrefix(final byte[] foreign) {
        return COMBINED.prefixBytes(foreign, new RecordHeaders()).get();
    }

    public static byte[] subscription(final long[] hash, final byte instruction, final byte[] primary, final int partition) {
        final SubscriptionWrapper<byte[]> wrapper =
            new SubscriptionWrapper<>(hash, SubscriptionWrapper.Instruction.fromValue(instruction), primary, partition);
        return new SubscriptionWrapperSerde<>(() -> "t", Serdes.ByteArray()).serializer().serialize("t", new RecordHeaders(), wrapper);
    }

    public static byte[] response(final long[] hash, final byte[] value, final int partition) {
        final SubscriptionResponseWrapper<byte[]> wrapper = new SubscriptionResponseWrapper<>(hash, value, partition);
        return new SubscriptionResponseWrapperSerde<>(Serdes.ByteArray()).serializer().serialize("t", new RecordHeaders(), wrapper);
    }
}
