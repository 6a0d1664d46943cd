package millstream;

import java.time.Duration;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.processor.WallclockTimestampExtractor;

/** Sources with options and patterns, in the order and with the names of streams-core/tests/describe/sources.rs. */
final class Sources {
    private Sources() {
    }

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        final Pattern many = Pattern.compile("many-.*");
        add.accept("a pattern", b -> b.stream(many).to("out"));
        add.accept("a pattern named and read twice", b -> {
            b.stream(many, Consumed.as("many")).mapValues(value -> value).to("out-1");
            b.stream("a").to("out-2");
            b.stream(Pattern.compile("many-.*")).to("out-3");
        });
        add.accept("two patterns and a topic", b -> b.<String, String>stream(many)
            .merge(b.stream(Pattern.compile("b-[0-9]+|c")))
            .merge(b.stream("a"))
            .groupByKey()
            .count());
        add.accept("a pattern by another key", b -> b.<String, String>stream(many).selectKey((key, value) -> value).groupByKey().count());
        add.accept("sources with options", b -> {
            b.stream("a", Consumed.<String, String>as("n-a")
                .withTimestampExtractor(new LogAndSkipOnInvalidTimestamp())
                .withOffsetResetPolicy(AutoOffsetReset.latest())).to("out-1");
            b.stream("b", Consumed.<String, String>with((record, partitionTime) -> 0)).to("out-2");
            b.table("t", Consumed.<String, String>as("n-t")
                .withTimestampExtractor((record, partitionTime) -> 0)
                .withOffsetResetPolicy(AutoOffsetReset.earliest())).toStream();
            b.table("u", Consumed.<String, String>with(new WallclockTimestampExtractor())
                .withOffsetResetPolicy(AutoOffsetReset.byDuration(Duration.ofHours(1)))).toStream();
        });
    }
}
