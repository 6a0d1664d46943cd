package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** The partitioners of FORMAT.md. */
final class Partitioners {
    static <V> StreamPartitioner<Object, V> of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "value_hash":
                return (topic, key, value, count) -> Optional.of(Set.of((int) (Text.hash((String) value) % count)));
            case "key_hash":
                return (topic, key, value, count) -> Optional.of(Set.of((int) (Text.hash(Text.key(key)) % count)));
            case "all":
                return (topic, key, value, count) ->
                    Optional.of(IntStream.range(0, count).boxed().collect(Collectors.toSet()));
            case "default":
                return (topic, key, value, count) -> Optional.empty();
            case "none_if":
                final Predicate<String> isNone = Functions.remainders(node);
                return (topic, key, value, count) ->
                    isNone.test((String) value) ? Optional.of(Set.of()) : Optional.empty();
            default:
                throw Functions.unknown("partitioner", node);
        }
    }

    private Partitioners() { }
}
