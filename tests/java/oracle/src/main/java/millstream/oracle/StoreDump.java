package millstream.oracle;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.internals.InMemoryTimeOrderedKeyValueChangeBuffer;

/** The content of all stores of a driver, as changes since the last look. */
final class StoreDump {
    private final List<StoreRows> stores = new ArrayList<>();
    private final Set<String> buffers = new HashSet<>();

    StoreDump(final TopologyTestDriver driver) {
        for (final Map.Entry<String, StateStore> entry : new TreeMap<>(present(driver)).entrySet()) {
            if (entry.getValue() instanceof InMemoryTimeOrderedKeyValueChangeBuffer) {
                buffers.add(entry.getKey());
            } else {
                final StoreRows rows = StoreRows.of(entry.getKey(), entry.getValue());
                if (rows != null) {
                    stores.add(rows);
                }
            }
        }
    }

    /** A store that no processor is connected to does not exist. */
    private static Map<String, StateStore> present(final TopologyTestDriver driver) {
        final Map<String, StateStore> stores = driver.getAllStateStores();
        stores.values().removeIf(store -> store == null);
        return stores;
    }

    /** The names of the suppressions' buffers, which can't be read. */
    Set<String> buffers() {
        return buffers;
    }

    /** The changes since the last call, sorted. */
    List<String> changes() {
        final List<String> lines = new ArrayList<>();
        stores.forEach(store -> store.addChanges(lines));
        Collections.sort(lines);
        return lines;
    }
}
