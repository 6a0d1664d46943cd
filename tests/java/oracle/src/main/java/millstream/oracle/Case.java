package millstream.oracle;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;

/** A topology and its input, as tests/oracle/FORMAT.md describes them. The steps stay JSON until they are built. */
record Case(String id, String application, List<String> optimize, long cache, boolean onDisk, boolean isWrapped, long taskIdle,
            int partitions,
            boolean isWritten, List<JsonNode> steps, List<Input> inputs) {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static Case read(final String line) {
        final JsonNode node;
        try {
            node = MAPPER.readTree(line);
        } catch (final JsonProcessingException error) {
            throw new BadCase(error.getOriginalMessage());
        }
        final List<JsonNode> steps = new ArrayList<>();
        Json.need(node, "steps").forEach(steps::add);
        final List<Input> inputs = new ArrayList<>();
        Json.need(node, "inputs").forEach(input -> inputs.add(Input.read(input)));
        return new Case(Json.text(node, "id"), Json.text(node, "application", "app"), Json.texts(node, "optimize"),
            Json.millis(node, "cache", 0), "rocksdb".equals(Json.text(node, "stores", "memory")),
            Json.flag(node, "wrapper", false),
            Json.millis(node, "task_idle", 0), (int) Json.millis(node, "partitions", 3), Json.flag(node, "write", true), steps, inputs);
    }
}
