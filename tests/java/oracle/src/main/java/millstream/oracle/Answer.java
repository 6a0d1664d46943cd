package millstream.oracle;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** What a case has come to, and its JSON. */
final class Answer {
    private static final JsonFactory JSON = new JsonFactory();

    private final String id;
    private final List<Step> steps = new ArrayList<>();
    private List<String> closed = List.of();
    private String describe;
    private int failedAt;
    private String failure;

    Answer(final String id) {
        this.id = id;
    }

    /** What one input has changed. */
    record Step(List<String> out, List<String> stores, List<String> seen, long dropped) { }

    void add(final Step step) {
        steps.add(step);
    }

    void describe(final String text) {
        describe = text;
    }

    /** What closing the application has told. */
    void closed(final List<String> lines) {
        closed = lines;
    }

    /** The application has failed at the next input, or at -1. */
    void fail(final boolean hasStarted, final Throwable error) {
        failedAt = hasStarted ? steps.size() : -1;
        failure = text(error);
    }

    /** The answer to a case that can't be read. */
    static String bad(final String id, final String text) {
        return write(json -> {
            json.writeStringField("id", id);
            json.writeStringField("bad", text);
        });
    }

    String json() {
        return write(json -> {
            json.writeStringField("id", id);
            json.writeStringField("describe", describe);
            writeError(json);
            json.writeArrayFieldStart("steps");
            for (final Step step : steps) {
                write(json, step);
            }
            json.writeEndArray();
            if (!closed.isEmpty()) {
                write(json, "closed", closed);
            }
        });
    }

    private void writeError(final JsonGenerator json) throws IOException {
        if (failure == null) {
            json.writeNullField("error");
        } else {
            json.writeObjectFieldStart("error");
            json.writeNumberField("at", failedAt);
            json.writeStringField("text", failure);
            json.writeEndObject();
        }
    }

    private static void write(final JsonGenerator json, final Step step) throws IOException {
        json.writeStartObject();
        write(json, "out", step.out());
        write(json, "stores", step.stores());
        if (!step.seen().isEmpty()) {
            write(json, "seen", step.seen());
        }
        json.writeNumberField("dropped", step.dropped());
        json.writeEndObject();
    }

    static void write(final JsonGenerator json, final String field, final List<String> lines) throws IOException {
        json.writeArrayFieldStart(field);
        for (final String line : lines) {
            json.writeString(line);
        }
        json.writeEndArray();
    }

    static String text(final Throwable error) {
        Throwable root = error;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        return root.getClass().getName() + ": " + root.getMessage();
    }

    interface Fields {
        void write(JsonGenerator json) throws IOException;
    }

    static String write(final Fields fields) {
        final StringWriter text = new StringWriter(4096);
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            fields.write(json);
            json.writeEndObject();
        } catch (final IOException error) {
            throw new UncheckedIOException(error);
        }
        return text.toString();
    }
}
