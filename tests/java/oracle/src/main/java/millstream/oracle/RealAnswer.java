package millstream.oracle;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;

/** What a case has left in its output topics on a real broker. */
final class RealAnswer {
    private final String id;
    private final Map<String, List<String>> records = new TreeMap<>();
    private final Map<String, List<String>> tables = new TreeMap<>();
    private String describe;
    private String failure;

    RealAnswer(final String id) {
        this.id = id;
    }

    void describe(final String text) {
        describe = text;
    }

    void fail(final Throwable error) {
        failure = Answer.text(error);
    }

    void add(final Map<String, List<ConsumerRecord<byte[], byte[]>>> topics) {
        topics.forEach((topic, read) -> {
            final List<String> lines = new ArrayList<>();
            final Map<Bytes, String> last = new HashMap<>();
            for (final ConsumerRecord<byte[], byte[]> record : read) {
                final String line = line(record);
                lines.add(line);
                if (record.key() != null) {
                    last.put(Bytes.wrap(record.key()), record.value() == null ? null : line);
                }
            }
            last.values().removeIf(line -> line == null);
            records.put(topic, sorted(lines));
            tables.put(topic, sorted(new ArrayList<>(last.values())));
        });
    }

    String json() {
        return Answer.write(json -> {
            json.writeStringField("id", id);
            json.writeStringField("describe", describe);
            json.writeStringField("error", failure);
            write(json, "tables", tables);
            write(json, "records", records);
        });
    }

    private static void write(final JsonGenerator json, final String field,
                              final Map<String, List<String>> topics) throws IOException {
        json.writeObjectFieldStart(field);
        for (final Map.Entry<String, List<String>> topic : topics.entrySet()) {
            Answer.write(json, topic.getKey(), topic.getValue());
        }
        json.writeEndObject();
    }

    private static List<String> sorted(final List<String> lines) {
        lines.sort(null);
        return lines;
    }

    private static String line(final ConsumerRecord<byte[], byte[]> record) {
        final StringBuilder line = new StringBuilder(64);
        Escaped.addRecord(line, record.key(), record.value(), record.timestamp(), record.headers());
        return line.toString();
    }
}
