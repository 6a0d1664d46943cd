package millstream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.ListSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.kstream.SessionWindowedSerializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.Change;
import org.apache.kafka.streams.kstream.internals.ChangedSerializer;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;
import org.apache.kafka.streams.kstream.internals.WindowedStreamPartitioner;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.ForeignKeyBytes;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;
import org.apache.kafka.streams.state.internals.Murmur3;
import org.apache.kafka.streams.state.internals.StateBytes;

/**
 * Writes one line per vector: the layout, what goes in, {@code =}, and what comes out.
 *
 * <p>Fields are separated by blanks. Bytes are in hexadecimal, {@code ''} if there are none, and {@code ~} is null. What
 * goes in is random, with the values that tend to be mistaken among it, and the same every time.
 */
public final class Vectors {
    private static final int PER_LAYOUT = 60;
    private static final long[] TIMES = {0, 1, 255, 256, 59_999, 60_000, 1_700_000_000_000L, Long.MAX_VALUE - 1};
    private static final String[] TEXTS = {"", "a", "k1", "café", "日本", "😀", "\0", "a\0b", "user-42"};

    private final Random random = new Random(904);
    private final List<String> lines = new ArrayList<>();

    public static void main(final String[] args) throws IOException {
        final Vectors vectors = new Vectors();
        for (int round = 0; round < PER_LAYOUT; round++) {
            vectors.hashes();
            vectors.values();
            vectors.windows();
            vectors.lists();
            vectors.foreignKeys();
            vectors.buffers();
        }
        vectors.lines.sort((a, b) -> layout(a).compareTo(layout(b)));
        Files.writeString(Path.of(args[0], "golden.txt"), String.join("\n", vectors.lines) + "\n");
    }

    private static String layout(final String line) {
        return line.substring(0, line.indexOf(' '));
    }

    private void hashes() {
        final byte[] bytes = bytes();
        final int partitions = 1 + random.nextInt(1000);
        add("murmur2", hex(bytes), "=", Utils.murmur2(bytes));
        add("partition", hex(bytes), partitions, "=", BuiltInPartitioner.partitionForKey(bytes, partitions));
        final long[] hash = Murmur3.hash128(bytes);
        add("murmur3", hex(bytes), "=", hex(ByteBuffer.allocate(16).putLong(hash[0]).putLong(hash[1]).array()));
    }

    private void values() {
        final long number = number();
        add("long", number, "=", hex(Serdes.Long().serializer().serialize("t", number)));
        final long bits = random.nextInt(8) == 0 ? Double.doubleToRawLongBits(number) : random.nextLong();
        final double real = Double.longBitsToDouble(bits);
        add("double", bits, "=", hex(Serdes.Double().serializer().serialize("t", real)));
        final String text = text();
        add("text", hex(text.getBytes(StandardCharsets.UTF_8)), "=", hex(new StringSerializer().serialize("t", text)));
        final UUID uuid = new UUID(random.nextLong(), random.nextLong());
        add("uuid", uuid, "=", hex(Serdes.UUID().serializer().serialize("t", uuid)));
        final byte[] old = nullable(bytes());
        final byte[] now = old == null ? bytes() : nullable(random.nextInt(6) == 0 ? new byte[random.nextInt(300)] : bytes());
        final byte[] change = new ChangedSerializer<>(new ByteArraySerializer())
            .serialize("t", new RecordHeaders(), new Change<>(now, old));
        add("change", hex(old), hex(now), "=", hex(change));
    }

    private void windows() {
        final byte[] key = bytes();
        final long start = time();
        final long end = Math.max(start + 1, start + random.nextInt(100_000));
        final Serializer<byte[]> inner = new ByteArraySerializer();
        final TimeWindowedSerializer<byte[]> timed = new TimeWindowedSerializer<>(inner);
        final SessionWindowedSerializer<byte[]> sessions = new SessionWindowedSerializer<>(inner);
        final Windowed<byte[]> window = new Windowed<>(key, new TimeWindow(start, end));
        final Windowed<byte[]> session = new Windowed<>(key, new SessionWindow(start, end));
        add("windowed-key", hex(key), start, "=", hex(timed.serialize("t", window)));
        add("session-key", hex(key), start, end, "=", hex(sessions.serialize("t", session)));
        final int partitions = 1 + random.nextInt(100);
        add("windowed-partition", hex(key), start, partitions, "=",
            new WindowedStreamPartitioner<byte[], byte[]>(timed).partitions("t", window, null, partitions).get().iterator().next());
        add("session-partition", hex(key), start, end, partitions, "=",
            new WindowedStreamPartitioner<byte[], byte[]>(sessions).partitions("t", session, null, partitions).get().iterator().next());
        final int sequence = random.nextBoolean() ? 0 : random.nextInt(Integer.MAX_VALUE);
        add("window-store-key", hex(key), start, sequence, "=", hex(StateBytes.windowStoreKey(key, start, sequence)));
        add("session-store-key", hex(key), start, end, "=", hex(StateBytes.sessionStoreKey(key, start, end)));
    }

    private void lists() {
        final List<Long> numbers = new ArrayList<>();
        final List<String> texts = new ArrayList<>();
        for (int left = random.nextInt(5); left > 0; left--) {
            numbers.add(random.nextInt(4) == 0 ? null : number());
            texts.add(random.nextInt(4) == 0 ? null : text());
        }
        final List<Object> line = new ArrayList<>(List.of("list-long"));
        numbers.forEach(number -> line.add(number == null ? "~" : number));
        line.addAll(List.of("=", hex(new ListSerializer<>(new LongSerializer()).serialize("t", numbers))));
        add(line.toArray());
        line.clear();
        line.add("list-text");
        texts.forEach(text -> line.add(text == null ? "~" : hex(text.getBytes(StandardCharsets.UTF_8))));
        line.addAll(List.of("=", hex(new ListSerializer<>(new StringSerializer()).serialize("t", texts))));
        add(line.toArray());
    }

    private void foreignKeys() {
        final byte[] foreign = bytes();
        final byte[] primary = bytes();
        final long[] hash = random.nextInt(4) == 0 ? null : Murmur3.hash128(bytes());
        final String hashed = hash == null ? "~" : hex(ByteBuffer.allocate(16).putLong(hash[0]).putLong(hash[1]).array());
        final byte instruction = (byte) random.nextInt(4);
        final int partition = random.nextInt(5) == 0 ? 0 : random.nextInt(1000);
        final byte[] value = nullable(bytes());
        add("combined-key", hex(foreign), hex(primary), "=", hex(ForeignKeyBytes.combinedKey(foreign, primary)));
        add("combined-prefix", hex(foreign), "=", hex(ForeignKeyBytes.combinedPrefix(foreign)));
        add("subscription", hashed, instruction, hex(primary), partition, "=",
            hex(ForeignKeyBytes.subscription(hash, instruction, primary, partition)));
        add("response", hashed, hex(value), partition, "=", hex(ForeignKeyBytes.response(hash, value, partition)));
    }

    private void buffers() {
        final long timestamp = time();
        final boolean isLeft = random.nextBoolean();
        final byte[] key = bytes();
        final byte[] value = bytes();
        add("join-side-key", timestamp, isLeft ? "left" : "right", hex(key), "=", hex(StateBytes.joinSideKey(timestamp, isLeft, key)));
        add("join-side-value", isLeft ? "left" : "right", hex(value), "=", hex(StateBytes.leftOrRight(isLeft, value)));
        final int sequence = random.nextInt(Integer.MAX_VALUE);
        add("time-first-key", timestamp, hex(key), sequence, "=", hex(StateBytes.timeFirstKey(timestamp, key, sequence)));

        final RecordHeaders headers = new RecordHeaders();
        final StringBuilder listed = new StringBuilder();
        for (int left = random.nextInt(3); left > 0; left--) {
            final String name = text();
            final byte[] of = nullable(bytes());
            headers.add(name, of);
            listed.append(listed.length() == 0 ? "" : ",").append(hex(name.getBytes(StandardCharsets.UTF_8))).append(':').append(hex(of));
        }
        final String topic = "topic-" + text();
        final long offset = random.nextInt(4) == 0 ? 0 : Math.abs(random.nextLong() >> 20);
        final int partition = random.nextInt(10);
        final ProcessorRecordContext context = new ProcessorRecordContext(timestamp, offset, partition, topic, headers);
        final byte[] old = nullable(bytes());
        final byte[] prior = random.nextBoolean() ? old : nullable(bytes());
        final byte[] now = nullable(value);
        final long time = time();
        final String from = timestamp + " " + offset + " " + hex(topic.getBytes(StandardCharsets.UTF_8)) + " " + partition + " "
            + (listed.length() == 0 ? "-" : listed);
        add("suppressed", from, hex(prior), hex(old), hex(now), time, "=",
            hex(StateBytes.bufferValue(prior, old, now, context, time)));
        add("buffered-record", from, hex(now), "=", hex(StateBytes.bufferedRecord(now, context)));
    }

    private void add(final Object... fields) {
        final StringBuilder line = new StringBuilder();
        for (final Object field : fields) {
            line.append(line.length() == 0 ? "" : " ").append(field);
        }
        lines.add(line.toString());
    }

    private byte[] bytes() {
        if (random.nextBoolean()) {
            return text().getBytes(StandardCharsets.UTF_8);
        }
        final byte[] bytes = new byte[random.nextInt(20)];
        random.nextBytes(bytes);
        return bytes;
    }

    private byte[] nullable(final byte[] bytes) {
        return random.nextInt(4) == 0 ? null : bytes;
    }

    private String text() {
        return TEXTS[random.nextInt(TEXTS.length)];
    }

    private long time() {
        return random.nextBoolean() ? TIMES[random.nextInt(TIMES.length)] : random.nextLong() >>> 12;
    }

    private long number() {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextInt(3) - 1;
            case 1 -> random.nextBoolean() ? Long.MAX_VALUE : Long.MIN_VALUE;
            default -> random.nextLong() >> random.nextInt(64);
        };
    }

    private static String hex(final byte[] bytes) {
        if (bytes == null) {
            return "~";
        }
        final StringBuilder hex = new StringBuilder();
        for (final byte one : bytes) {
            hex.append(String.format("%02x", one));
        }
        return hex.length() == 0 ? "''" : hex.toString();
    }
}
