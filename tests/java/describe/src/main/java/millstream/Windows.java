package millstream;

import java.time.Duration;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;

/** Topologies with windows that are not aligned to the epoch, as in streams-core/tests/describe/windows.rs. */
final class Windows {
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));

    private Windows() {
    }

    static void add() {
        sessions();
    }

    private static void sessions() {
        Topologies.add("session count", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS).count()
            .toStream().to("out"));
        Topologies.add("session count named", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
            .count(Named.as("counting")).toStream().to("out"));
        Topologies.add("session count stored", b -> b.<String, String>stream("a").groupByKey().windowedBy(SESSIONS)
            .count(Materialized.as("counts")));
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
