package millstream.oracle;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;

/**
 * The result of a step. Keys are text, or windowed text if there is a windowing; both have the type Object here, so that
 * an operator that has both is written once.
 */
record Flow(Object it, Windowing windowing) {
    static final Serde<String> TEXT = Serdes.String();

    static Flow of(final Object it) {
        return new Flow(it, null);
    }

    Flow like(final Object other) {
        return new Flow(other, windowing);
    }

    KStream<Object, String> stream() {
        return cast(check(KStream.class));
    }

    KTable<Object, String> table() {
        return cast(check(KTable.class));
    }

    GlobalKTable<Object, String> global() {
        return cast(check(GlobalKTable.class));
    }

    KGroupedStream<Object, String> groupedStream() {
        return cast(check(KGroupedStream.class));
    }

    KGroupedTable<Object, String> groupedTable() {
        return cast(check(KGroupedTable.class));
    }

    boolean isTable() {
        return it instanceof KTable;
    }

    boolean isGroupedTable() {
        return it instanceof KGroupedTable;
    }

    Serde<Object> keySerde() {
        return windowing == null ? textKeys() : windowing.keySerde();
    }

    static Serde<Object> textKeys() {
        return cast(TEXT);
    }

    private <T> Object check(final Class<T> type) {
        if (!type.isInstance(it)) {
            throw new BadCase("a " + type.getSimpleName() + " was expected");
        }
        return it;
    }

    @SuppressWarnings("unchecked")
    static <T> T cast(final Object object) {
        return (T) object;
    }
}
