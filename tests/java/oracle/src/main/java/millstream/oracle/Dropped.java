package millstream.oracle;

import java.util.List;
import java.util.stream.Collectors;
import org.apache.kafka.common.Metric;
import org.apache.kafka.streams.TopologyTestDriver;

/** How many records have been dropped, by the driver's metrics. */
final class Dropped {
    /** The metrics are there from the start: looking for them after each input would take longer than the input. */
    private final List<Metric> totals;
    private long last;

    Dropped(final TopologyTestDriver driver) {
        totals = driver.metrics().values().stream()
            .filter(metric -> metric.metricName().name().equals("dropped-records-total"))
            .collect(Collectors.toList());
    }

    /** The growth since the last call. */
    long take() {
        long total = 0;
        for (final Metric metric : totals) {
            total += ((Number) metric.metricValue()).longValue();
        }
        final long growth = total - last;
        last = total;
        return growth;
    }
}
