package millstream;

import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Topologies with windows that are not aligned to the epoch, as in streams-core/tests/describe/windows.rs. */
final class Windows {
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    private static final TimeWindows MINUTES =
        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(5));

    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(30), Duration.ofSeconds(5));

    private Windows() {
    }

    static void add() {
        sliding();
        unlimited();
        onClose();
        sessions();
    }

    private static void sliding() {
        Topologies.add("sliding count", b -> b.<String, String>stream("a").groupByKey().windowedBy(SLIDING).count()
            .toStream().to("out"));
        Topologies.add("sliding count named and stored", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(SLIDING).count(Named.as("counting"), Materialized.as("counts")).toStream().to("out"));
        Topologies.add("sliding count retained without a store's name", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(SLIDING)
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>with(null, null).withRetention(Duration.ofDays(7))));
        Topologies.add("sliding reduce of a changed key named and stored", b -> Topologies.keyed(b.stream("a"))
            .groupByKey(Grouped.as("keyed")).windowedBy(SLIDING)
            .reduce((left, right) -> left, Named.as("reducing"), Materialized.as("reduced")));
        Topologies.add("sliding aggregate of a changed key on close", b -> b.<String, String>stream("a")
            .groupBy((key, value) -> value).windowedBy(SLIDING).emitStrategy(EmitStrategy.onWindowClose())
            .aggregate(() -> "", (key, value, aggregate) -> value).toStream().to("out"));
        Topologies.add("sliding count not cached and not logged", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(SLIDING)
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>with(null, null)
                .withCachingDisabled().withLoggingDisabled()));
    }

    private static void unlimited() {
        Topologies.add("unlimited count", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(UnlimitedWindows.of()).count().toStream().to("out"));
        Topologies.add("unlimited reduce of a changed key named and stored", b -> Topologies.keyed(b.stream("a"))
            .groupByKey(Grouped.as("keyed")).windowedBy(UnlimitedWindows.of().startOn(Instant.ofEpochMilli(1_000)))
            .reduce((left, right) -> left, Named.as("reducing"), Materialized.as("reduced")));
        Topologies.add("unlimited count not cached without a store's name", b -> b.<String, String>stream("a")
            .groupByKey().windowedBy(UnlimitedWindows.of())
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>with(null, null).withCachingDisabled()));
    }

    private static void onClose() {
        Topologies.add("tumbling count on close", b -> b.<String, String>stream("a").groupByKey().windowedBy(MINUTES)
            .emitStrategy(EmitStrategy.onWindowClose()).count().toStream().to("out"));
        Topologies.add("tumbling count on close stored", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(MINUTES).emitStrategy(EmitStrategy.onWindowClose()).count(Materialized.as("counts")));
        Topologies.add("hopping aggregate of a changed key on close", b -> b.<String, String>stream("a")
            .groupBy((key, value) -> value)
            .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)).advanceBy(Duration.ofSeconds(10)))
            .emitStrategy(EmitStrategy.onWindowClose())
            .aggregate(() -> "", (key, value, aggregate) -> value).toStream().to("out"));
    }

    private static void sessions() {
        Topologies.add("session count", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS).count()
            .toStream().to("out"));
        Topologies.add("session count named", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
            .count(Named.as("counting")).toStream().to("out"));
        Topologies.add("session count stored", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
            .count(Materialized.as("counts")));
        Topologies.add("session count on close", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
            .emitStrategy(EmitStrategy.onWindowClose()).count().toStream().to("out"));
        Topologies.add("session reduce of a changed key on close named and stored", b -> Topologies.keyed(b.stream("a"))
            .groupByKey(Grouped.as("keyed")).windowedBy(SESSIONS).emitStrategy(EmitStrategy.onWindowClose())
            .reduce((left, right) -> left, Named.as("reducing"), Materialized.as("reduced")));
        Topologies.add("session count retained without a store's name", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(SESSIONS)
            .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>with(null, null).withRetention(Duration.ofDays(7))));
        Topologies.add("session reduce of a changed key named and stored", b -> Topologies.keyed(b.stream("a"))
            .groupByKey(Grouped.as("keyed")).windowedBy(SESSIONS)
            .reduce((left, right) -> left, Named.as("reducing"), Materialized.as("reduced")));
        Topologies.add("session aggregate of a changed key", b -> b.<String, String>stream("a")
            .groupBy((key, value) -> value).windowedBy(SESSIONS)
            .aggregate(() -> "", (key, value, aggregate) -> value, (key, one, other) -> other).toStream().to("out"));
        Topologies.add("session aggregate not cached and not logged", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(SESSIONS)
            .aggregate(() -> "", (key, value, aggregate) -> value, (key, one, other) -> other,
                Materialized.<String, String, SessionStore<Bytes, byte[]>>with(null, null)
                    .withCachingDisabled().withLoggingDisabled()));
        Topologies.add("sessions of sessions", b -> {
            final KTable<Windowed<String>, Long> counts = b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
                .count();
            counts.mapValues(count -> "" + count).toStream()
                .groupBy((key, value) -> key.key(), Grouped.with(Serdes.String(), Serdes.String()))
                .windowedBy(SESSIONS).count();
        });
    }
}
