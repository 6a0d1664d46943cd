package millstream.oracle;

/** The case itself is wrong: a step that nobody knows, or a field that is missing. It says nothing about Kafka Streams. */
final class BadCase extends RuntimeException {
    BadCase(final String text) {
        super(text);
    }
}
