package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.Predicate;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;

/** The timestamp extractors of FORMAT.md. */
final class Extractors {
    static TimestampExtractor of(final JsonNode node) {
        switch (Functions.name(node)) {
            case "value_time":
                final long modulus = Json.millis(node, "mod");
                return (record, partitionTime) -> record.timestamp() + Text.hash((String) record.value()) % modulus;
            case "negative_if":
                final Predicate<String> isNegative = Functions.remainders(node);
                return (record, partitionTime) -> isNegative.test((String) record.value()) ? -1 : record.timestamp();
            case "partition_time_if":
                final Predicate<String> isPartitionTime = Functions.remainders(node);
                return (record, partitionTime) ->
                    isPartitionTime.test((String) record.value()) ? partitionTime : record.timestamp();
            case "fail":
                return new FailOnInvalidTimestamp();
            case "skip":
                return new LogAndSkipOnInvalidTimestamp();
            case "partition_time":
                return new UsePartitionTimeOnInvalidTimestamp();
            default:
                throw Functions.unknown("extractor", node);
        }
    }

    private Extractors() { }
}
