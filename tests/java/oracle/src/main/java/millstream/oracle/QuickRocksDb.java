package millstream.oracle;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.Options;

/**
 * Opens small databases quickly: a case has many, with a few rows each. Otherwise each starts sixteen threads to open its
 * files, and reserves room on the disk. What a store does is the same.
 */
public final class QuickRocksDb implements RocksDBConfigSetter {
    @Override
    public void setConfig(final String store, final Options options, final Map<String, Object> configs) {
        options.setMaxFileOpeningThreads(1);
        options.setAllowFAllocate(false);
    }

    @Override
    public void close(final String store, final Options options) { }
}
