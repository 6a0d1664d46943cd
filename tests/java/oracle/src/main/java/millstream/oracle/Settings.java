package millstream.oracle;

import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.processor.internals.ClientUtils.QuietStreamsConfig;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/** The settings of a case. */
final class Settings {
    static Properties of(final Case what, final String stateFolder, final Seen seen) {
        final Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, what.application());
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "nowhere:0");
        properties.put(StreamsConfig.STATE_DIR_CONFIG, stateFolder);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, what.cache());
        properties.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG,
            what.optimize().isEmpty() ? StreamsConfig.NO_OPTIMIZATION : String.join(",", what.optimize()));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        properties.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, what.onDisk()
            ? BuiltInDslStoreSuppliers.RocksDBDslStoreSuppliers.class : MemoryStores.class);
        properties.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, QuickRocksDb.class);
        properties.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, what.taskIdle());
        if (what.isWrapped()) {
            properties.put(StreamsConfig.PROCESSOR_WRAPPER_CLASS_CONFIG, SeenWrapper.class);
            properties.put(SeenWrapper.SEEN, seen);
        }
        // The overloads without options have no place for serdes.
        properties.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        properties.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        return properties;
    }

    /** What the DSL needs to know when it is built, such as the kind of its stores. */
    static TopologyConfig topology(final Properties properties) {
        return new TopologyConfig(new QuietStreamsConfig(properties));
    }

    private Settings() { }
}
