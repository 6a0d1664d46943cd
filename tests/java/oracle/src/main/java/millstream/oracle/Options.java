package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.DslStoreSuppliers;
import org.apache.kafka.streams.state.Stores;

/**
 * The name and the store of a step. Kafka Streams numbers its nodes differently from overload to overload, so a step
 * without an option takes the overload without its parameter.
 */
record Options<S extends StateStore>(Named name, Materialized<Object, String, S> stored) {
    static <S extends StateStore> Options<S> of(final JsonNode step, final Serde<Object> keys) {
        return new Options<>(named(step), materialized(step, keys, Flow.TEXT));
    }

    /** For operators that can't be stored. */
    static Named named(final JsonNode step) {
        return Json.has(step, "name") ? Named.as(Json.text(step, "name")) : null;
    }

    <T> T choose(final Supplier<T> neither, final Function<Named, T> withName,
                 final Function<Materialized<Object, String, S>, T> withStore,
                 final BiFunction<Named, Materialized<Object, String, S>, T> withBoth) {
        return choose(name, stored, neither, withName, withStore, withBoth);
    }

    static <N, M, T> T choose(final N name, final M stored, final Supplier<T> neither, final Function<N, T> withName,
                              final Function<M, T> withStore, final BiFunction<N, M, T> withBoth) {
        if (name == null) {
            return stored == null ? neither.get() : withStore.apply(stored);
        }
        return stored == null ? withName.apply(name) : withBoth.apply(name, stored);
    }

    static <T> T choose(final Named name, final Supplier<T> without, final Function<Named, T> with) {
        return name == null ? without.get() : with.apply(name);
    }

    /** The step's `stored`, or null. */
    static <V, S extends StateStore> Materialized<Object, V, S> materialized(
            final JsonNode step, final Serde<Object> keys, final Serde<V> values) {
        return Json.has(step, "stored") ? stored(step.get("stored"), keys, values) : null;
    }

    private static <V, S extends StateStore> Materialized<Object, V, S> stored(
            final JsonNode stored, final Serde<Object> keys, final Serde<V> values) {
        Materialized<Object, V, S> result = start(stored);
        result = result.withKeySerde(keys).withValueSerde(values);
        if (Json.has(stored, "retention")) {
            result = result.withRetention(Json.duration(stored, "retention"));
        }
        if (!Json.flag(stored, "caching", true)) {
            result = result.withCachingDisabled();
        }
        if (!Json.flag(stored, "logging", true)) {
            result = result.withLoggingDisabled();
        }
        if (Json.has(stored, "type")) {
            result = result.withStoreType(type(Json.text(stored, "type")));
        }
        return result;
    }

    private static <V, S extends StateStore> Materialized<Object, V, S> start(final JsonNode stored) {
        if (Json.has(stored, "versioned")) {
            // A store supplier takes the place of a name, so a versioned store always has one.
            return Flow.cast(Materialized.as(Stores.persistentVersionedKeyValueStore(
                Json.text(stored, "name"), Json.duration(stored, "versioned"))));
        }
        return Json.has(stored, "name") ? Materialized.as(Json.text(stored, "name")) : Materialized.with(null, null);
    }

    static DslStoreSuppliers type(final String type) {
        return type.equals("rocksdb") ? BuiltInDslStoreSuppliers.ROCKS_DB : new MemoryStores();
    }
}
