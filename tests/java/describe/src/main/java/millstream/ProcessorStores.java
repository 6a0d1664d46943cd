package millstream;

import static millstream.TableJoins.as;

import java.time.Duration;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Stores of processors, in the order and with the names of streams-core/tests/describe/processor_stores.rs. */
final class ProcessorStores {
    private static final Serde<String> TEXT = Serdes.String();
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final Duration HOUR = Duration.ofHours(1);

    static void add(final BiConsumer<String, Consumer<StreamsBuilder>> add) {
        final ProcessorSupplier<String, String, String, String> nothing = Nothing::new;
        add.accept("a processor's stores of every kind", b -> {
            b.addStateStore(Stores.timestampedKeyValueStoreBuilder(Stores.persistentTimestampedKeyValueStore("timestamped"), TEXT, TEXT));
            b.addStateStore(Stores.windowStoreBuilder(Stores.persistentWindowStore("windows", HOUR, MINUTE, false), TEXT, TEXT));
            b.addStateStore(Stores.windowStoreBuilder(Stores.persistentWindowStore("duplicates", HOUR, MINUTE, true), TEXT, TEXT));
            b.addStateStore(Stores.timestampedWindowStoreBuilder(
                Stores.persistentTimestampedWindowStore("timestamped-windows", HOUR, MINUTE, false), TEXT, TEXT));
            b.addStateStore(Stores.sessionStoreBuilder(Stores.persistentSessionStore("sessions", HOUR), TEXT, TEXT));
            b.<String, String>stream("a")
                .process(nothing, "timestamped", "windows", "duplicates", "timestamped-windows", "sessions").to("out");
        });
        add.accept("a processor that reads a table", b -> {
            b.table("t", as("rows"));
            b.<String, String>stream("a").process(nothing, "rows").to("out");
        });
        add.accept("a named processor that reads an aggregate and its own store", b -> {
            b.<String, String>stream("a").groupByKey().reduce((old, value) -> value, as("last"));
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("own"), TEXT, TEXT));
            b.<String, String>stream("b").process(nothing, Named.as("reader"), "last", "own").to("out");
        });
        add.accept("a processor's versioned store, and one that reads a versioned table", b -> {
            b.table("t", Materialized.as(Stores.persistentVersionedKeyValueStore("history", HOUR)));
            b.addStateStore(Stores.versionedKeyValueStoreBuilder(
                Stores.persistentVersionedKeyValueStore("versions", HOUR), TEXT, TEXT));
            b.<String, String>stream("a").processValues(NothingForValues::new, "history", "versions").to("out");
        });
        add.accept("a processor that reads the stores of windowed tables", b -> {
            b.<String, String>stream("a").groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(MINUTE))
                .count(Materialized.as("per-minute"));
            b.<String, String>stream("b").groupByKey().windowedBy(SessionWindows.ofInactivityGapWithNoGrace(MINUTE))
                .count(Materialized.as("per-session"));
            b.<String, String>stream("c").process(nothing, "per-minute", "per-session").to("out");
        });
        add.accept("a processor that reads a global table", b -> {
            b.globalTable("g", as("everywhere"));
            b.<String, String>stream("a").process(nothing).to("out");
        });
        add.accept("a global store that is filled by code", b -> {
            b.addGlobalStore(filled(), "g", Consumed.with(TEXT, TEXT), Filling::new);
            b.<String, String>stream("a").process(nothing).to("out");
        });
        add.accept("a named global store that is filled by code, behind its reader", b -> {
            b.<String, String>stream("a").to("out");
            b.addGlobalStore(filled(), "g", Consumed.with(TEXT, TEXT).withName("fills"), Filling::new);
            b.<String, String>stream("b").to("out");
        });
    }

    private static StoreBuilder<?> filled() {
        return Stores.timestampedKeyValueStoreBuilder(Stores.inMemoryKeyValueStore("filled"), TEXT, TEXT);
    }

    private static final class Filling implements Processor<String, String, Void, Void> {
        @Override
        public void process(final Record<String, String> record) { }
    }

    private static final class Nothing implements Processor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) { }
    }

    private static final class NothingForValues implements FixedKeyProcessor<String, String, String> {
        @Override
        public void process(final FixedKeyRecord<String, String> record) { }
    }

    private ProcessorStores() { }
}
