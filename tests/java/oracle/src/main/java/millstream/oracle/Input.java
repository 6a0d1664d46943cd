package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** One line of a case's input: a record, or (if the topic is null) an advance of the wall clock in milliseconds. */
record Input(String topic, byte[] key, byte[] value, long time, Headers headers, long advance) {
    static Input read(final JsonNode node) {
        if (node.has("advance")) {
            return new Input(null, null, null, 0, null, Json.millis(node, "advance"));
        }
        return new Input(Json.text(node, "topic"), bytes(node.get("key")), bytes(node.get("value")),
            Json.millis(node, "ts"), headers(node.get("headers")), 0);
    }

    private static Headers headers(final JsonNode list) {
        final Headers headers = new RecordHeaders();
        if (list != null) {
            list.forEach(header -> headers.add(header.get(0).asText(), bytes(header.get(1))));
        }
        return headers;
    }

    private static byte[] bytes(final JsonNode text) {
        return text == null || text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }
}
