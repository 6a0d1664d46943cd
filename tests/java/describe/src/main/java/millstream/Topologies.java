package millstream;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Printed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.TopicNameExtractor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The topologies, in the order and with the names of streams-core/tests/describe/topologies.rs. */
final class Topologies {
    private static final Map<String, Consumer<StreamsBuilder>> ALL = new LinkedHashMap<>();

    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(5), Duration.ofMinutes(1));
    private static final TimeWindows HOPPING =
        TimeWindows.ofSizeWithNoGrace(Duration.ofHours(1)).advanceBy(Duration.ofMinutes(1));

    static Map<String, Consumer<StreamsBuilder>> all() {
        if (ALL.isEmpty()) {
            stateless();
            splits();
            repartitions();
            aggregates();
            windows();
            Windows.add();
            tables();
            groupedTables();
            Suppressions.add(Topologies::add);
            Versions.add(Topologies::add);
            joins();
            globalTables();
            processors();
            programs();
            sinks();
            TableJoins.add(Topologies::add);
            ForeignKeyJoins.add(Topologies::add);
            StreamJoins.all().forEach(Topologies::add);
            Cogroups.add(Topologies::add);
            ProcessorStores.add(Topologies::add);
            Sources.add(Topologies::add);
            Transforms.add(Topologies::add);
            Optimized.add(Topologies::add);
        }
        return ALL;
    }

    static void add(final String name, final Consumer<StreamsBuilder> topology) {
        if (ALL.put(name, topology) != null) {
            throw new IllegalArgumentException(name + " is there already");
        }
    }

    static KStream<String, String> keyed(final KStream<String, String> stream) {
        return stream.selectKey((key, value) -> value);
    }

    private static void stateless() {
        add("copy", b -> b.stream("a").to("out"));
        add("every operator", b -> {
            final KStream<String, String> a = b.stream("a");
            final KStream<String, String> last = a.filter((key, value) -> true)
                .filterNot((key, value) -> false)
                .map((key, value) -> KeyValue.pair(value, key))
                .mapValues(value -> value)
                .mapValues((key, value) -> value)
                .flatMap((key, value) -> List.of(KeyValue.pair(value, key)))
                .flatMapValues(value -> List.of(value))
                .flatMapValues((key, value) -> List.of(value))
                .selectKey((key, value) -> value)
                .peek((key, value) -> { });
            last.print(Printed.toSysOut());
            last.foreach((key, value) -> { });
        });
        add("every operator named", b -> {
            final KStream<String, String> a = b.stream("a", Consumed.as("n-source"));
            final KStream<String, String> last = a.filter((key, value) -> true, Named.as("n-filter"))
                .filterNot((key, value) -> false, Named.as("n-filter-not"))
                .map((key, value) -> KeyValue.pair(value, key), Named.as("n-map"))
                .mapValues(value -> value, Named.as("n-map-values"))
                .flatMap((key, value) -> List.of(KeyValue.pair(value, key)), Named.as("n-flat-map"))
                .flatMapValues(value -> List.of(value), Named.as("n-flat-map-values"))
                .selectKey((key, value) -> value, Named.as("n-select-key"))
                .peek((key, value) -> { }, Named.as("n-peek"));
            last.print(Printed.<String, String>toSysOut().withName("n-print"));
            last.foreach((key, value) -> { }, Named.as("n-for-each"));
            last.to("out", Produced.as("n-to"));
        });
        add("names burn numbers", b -> {
            final KStream<String, String> a = b.stream("a");
            a.mapValues(value -> value, Named.as("first")).mapValues(value -> value).to("out");
        });
        add("several topics", b -> b.stream(List.of("payments", "clicks", "views", "users", "orders")).to("out"));
        add("two sub-topologies", b -> {
            b.stream("b").to("out");
            b.stream("a").to("out");
        });
        add("a sink that is another's source", b -> {
            b.stream("a").to("b");
            b.stream("b").to("out");
        });
        add("a fork in three", b -> {
            final KStream<String, String> a = b.stream("a");
            a.mapValues(value -> value).to("out-1");
            a.filter((key, value) -> true).mapValues(value -> value).peek((key, value) -> { }).to("out-2");
            a.to("out-3");
        });
        add("a fork in nine", b -> {
            final KStream<String, String> a = b.stream("a");
            for (int branch = 0; branch < 9; branch++) {
                KStream<String, String> stream = a;
                for (int depth = 0; depth < (branch * 5) % 9; depth++) {
                    stream = stream.mapValues(value -> value);
                }
                stream.to("out-" + branch);
            }
        });
        add("forks of forks", b -> {
            KStream<String, String> stream = b.stream("a");
            for (int depth = 0; depth < 6; depth++) {
                stream.filter((key, value) -> true).peek((key, value) -> { }).to("side-" + depth);
                stream.filterNot((key, value) -> true).to("other-side-" + depth);
                stream = stream.mapValues(value -> value);
            }
            stream.to("out");
        });
        add("merge", b -> {
            final KStream<String, String> a = b.stream("a");
            final KStream<String, String> other = b.stream("b");
            a.merge(other).merge(b.stream("c"), Named.as("all")).to("out");
        });
        add("merge of a fork", b -> {
            final KStream<String, String> a = b.stream("a");
            a.mapValues(value -> value).merge(a.filter((key, value) -> true)).to("out");
        });
        add("merge with itself", b -> {
            final KStream<String, String> a = b.stream("a");
            a.merge(a).to("out");
        });
        add("diamonds", b -> {
            KStream<String, String> stream = b.stream("a");
            for (int depth = 0; depth < 7; depth++) {
                stream = stream.mapValues(value -> value).merge(stream.filter((key, value) -> true).peek((key, value) -> { }));
            }
            stream.to("out");
        });
        add("a topic read twice", b -> {
            b.stream("a").mapValues(value -> value).to("out-1");
            b.stream("b").to("out-2");
            b.stream("a").filter((key, value) -> true).to("out-3");
        });
        add("topics read twice in another order", b -> {
            b.stream(List.of("a", "b")).to("out-1");
            b.stream(List.of("b", "a")).to("out-2");
        });
        add("a topic read twice and merged", b -> b.<String, String>stream("a").merge(b.stream("a")).to("out"));
    }

    private static void splits() {
        add("split", b -> {
            final BranchedKStream<String, String> split = b.<String, String>stream("a").split();
            final Map<String, KStream<String, String>> branches = split
                .branch((key, value) -> true)
                .branch((key, value) -> false)
                .defaultBranch();
            branches.get("KSTREAM-BRANCH-00000000011").to("out-1");
            branches.get("KSTREAM-BRANCH-00000000012").to("out-2");
            branches.get("KSTREAM-BRANCH-00000000010").to("out-3");
        });
        add("split named", b -> {
            final Map<String, KStream<String, String>> branches = b.<String, String>stream("a")
                .split(Named.as("by-size-"))
                .branch((key, value) -> true, Branched.as("small"))
                .branch((key, value) -> false)
                .defaultBranch(Branched.as("rest"));
            branches.get("by-size-small").mapValues(value -> value).to("out-1");
            branches.get("by-size-2").to("out-2");
            branches.get("by-size-rest").to("out-3");
        });
        add("split without default", b -> {
            final Map<String, KStream<String, String>> branches = b.<String, String>stream("a")
                .split(Named.as("split"))
                .branch((key, value) -> true)
                .noDefaultBranch();
            branches.get("split1").to("out");
        });
        add("split with work between branches", b -> b.<String, String>stream("a")
            .split()
            .branch((key, value) -> true, Branched.withConsumer(branch -> branch.mapValues(value -> value).to("out-1")))
            .branch((key, value) -> true, Branched.withConsumer(branch -> branch.to("out-2"), "second"))
            .defaultBranch(Branched.withConsumer(branch -> branch.to("out-3"))));
        add("split of a split", b -> {
            final Map<String, KStream<String, String>> outer = b.<String, String>stream("a")
                .split(Named.as("outer-"))
                .branch((key, value) -> true)
                .defaultBranch();
            final Map<String, KStream<String, String>> inner = outer.get("outer-1")
                .split(Named.as("inner-"))
                .branch((key, value) -> true)
                .defaultBranch();
            inner.get("inner-1").merge(inner.get("inner-0")).merge(outer.get("outer-0")).to("out");
        });
    }

    private static void repartitions() {
        add("repartition", b -> b.<String, String>stream("a").repartition().to("out"));
        add("repartition named", b -> b.<String, String>stream("a")
            .repartition(Repartitioned.<String, String>as("spread").withNumberOfPartitions(12))
            .mapValues(value -> value)
            .to("out"));
        add("repartition with partitions", b -> b.<String, String>stream("a")
            .repartition(Repartitioned.<String, String>numberOfPartitions(3))
            .to("out"));
        add("repartition of a changed key", b -> keyed(b.stream("a")).repartition().groupByKey().count());
        add("repartition twice", b -> b.<String, String>stream("a")
            .repartition()
            .map((key, value) -> KeyValue.pair(value, key))
            .repartition(Repartitioned.as("second-repartition"))
            .to("out"));
    }

    private static void aggregates() {
        add("count", b -> b.<String, String>stream("a").groupByKey().count().toStream().to("out"));
        add("count named", b -> b.<String, String>stream("a").groupByKey().count(Named.as("counting"))
            .toStream(Named.as("counts")).to("out"));
        add("count stored", b -> b.<String, String>stream("a").groupByKey().count(Materialized.as("counts")));
        add("count named and stored", b -> b.<String, String>stream("a").groupByKey()
            .count(Named.as("counting"), Materialized.as("counts")));
        add("count not cached", b -> b.<String, String>stream("a").groupByKey()
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>with(null, null).withCachingDisabled()));
        add("count not logged", b -> b.<String, String>stream("a").groupByKey()
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withLoggingDisabled()));
        add("count with changelog settings", b -> b.<String, String>stream("a").groupByKey()
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                .withLoggingEnabled(Map.of("segment.bytes", "1048576", "cleanup.policy", "compact,delete"))));
        add("group by", b -> b.<String, String>stream("a").groupBy((key, value) -> value).count().toStream().to("out"));
        add("group by named", b -> b.<String, String>stream("a").groupBy((key, value) -> value, Grouped.as("by-value"))
            .count().toStream().to("out"));
        add("group by stored", b -> b.<String, String>stream("a").groupBy((key, value) -> value)
            .count(Materialized.as("counts")));
        add("group by named and stored", b -> b.<String, String>stream("a")
            .groupBy((key, value) -> value, Grouped.as("by-value"))
            .count(Named.as("counting"), Materialized.as("counts")));
        add("group by not cached", b -> b.<String, String>stream("a").groupBy((key, value) -> value)
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>with(null, null).withCachingDisabled()));
        add("group by key named", b -> b.<String, String>stream("a").groupByKey(Grouped.as("unused")).count());
        add("group by key named of a changed key", b -> keyed(b.stream("a")).groupByKey(Grouped.as("used")).count());
        add("reduce", b -> b.<String, String>stream("a").groupByKey().reduce((left, right) -> left).toStream().to("out"));
        add("reduce of a changed key", b -> keyed(b.stream("a")).groupByKey().reduce((left, right) -> left)
            .toStream().to("out"));
        add("reduce named and stored", b -> b.<String, String>stream("a").groupByKey()
            .reduce((left, right) -> left, Named.as("reducing"), Materialized.as("reduced")));
        add("aggregate", b -> b.<String, String>stream("a").groupByKey()
            .aggregate(() -> "", (key, value, aggregate) -> value).toStream().to("out"));
        add("aggregate of a changed key stored", b -> keyed(b.stream("a")).groupByKey()
            .aggregate(() -> "", (key, value, aggregate) -> value, Materialized.as("texts")));
        add("a changed key stays changed", b -> keyed(b.stream("a"))
            .filter((key, value) -> true)
            .mapValues(value -> value)
            .peek((key, value) -> { })
            .flatMapValues(value -> List.of(value))
            .groupByKey().count());
        add("a repartitioned key is not changed", b -> {
            final KStream<String, Long> counts = b.<String, String>stream("a").groupBy((key, value) -> value).count()
                .toStream();
            counts.groupByKey(Grouped.with(Serdes.String(), Serdes.Long())).count(Materialized.as("again"));
        });
        add("merge of a changed and an unchanged key", b -> keyed(b.stream("a")).merge(b.stream("b")).groupByKey().count());
        add("branches of a changed key", b -> {
            final Map<String, KStream<String, String>> branches = keyed(b.stream("a"))
                .split(Named.as("split-"))
                .branch((key, value) -> true)
                .defaultBranch();
            branches.get("split-1").groupByKey().count();
            branches.get("split-0").groupByKey().reduce((left, right) -> left, Materialized.as("rest"));
        });
        add("two aggregates of a group", b -> {
            final KGroupedStream<String, String> group = b.<String, String>stream("a").groupBy((key, value) -> value);
            group.count();
            group.reduce((left, right) -> left);
        });
        add("two aggregates of a named group", b -> {
            final KGroupedStream<String, String> group = b.<String, String>stream("a")
                .groupBy((key, value) -> value, Grouped.as("shared"));
            group.count(Named.as("counting"));
            final KStream<String, String> other = b.stream("b");
            other.to("out");
            group.reduce((left, right) -> left, Materialized.as("reduced"));
        });
        add("a group by key that needs no topic", b -> {
            final KGroupedStream<String, String> group = b.<String, String>stream("a").groupByKey();
            group.count();
            group.aggregate(() -> "", (key, value, aggregate) -> value);
        });
    }

    private static void windows() {
        add("tumbling count", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING).count()
            .toStream().to("out"));
        add("tumbling count named", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
            .count(Named.as("counting")).toStream().to("out"));
        add("tumbling count stored", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
            .count(Materialized.as("counts")));
        add("tumbling count retained", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts").withRetention(Duration.ofDays(7))));
        add("tumbling count retained without a store's name", b -> b.<String, String>stream("a").groupByKey()
            .windowedBy(TUMBLING)
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>with(null, null).withRetention(Duration.ofDays(7))));
        add("tumbling count of a changed key", b -> b.<String, String>stream("a").groupBy((key, value) -> value)
            .windowedBy(TUMBLING).count().toStream().to("out"));
        add("hopping reduce", b -> b.<String, String>stream("a").groupByKey().windowedBy(HOPPING)
            .reduce((left, right) -> left).toStream().to("out"));
        add("hopping reduce of a changed key named and stored", b -> keyed(b.stream("a")).groupByKey(Grouped.as("keyed"))
            .windowedBy(HOPPING)
            .reduce((left, right) -> left, Named.as("reducing"),
                Materialized.<String, String, WindowStore<Bytes, byte[]>>as("reduced")
                    .withLoggingEnabled(Map.of("segment.bytes", "1048576"))));
        add("tumbling aggregate not logged", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
            .aggregate(() -> "", (key, value, aggregate) -> value,
                Materialized.<String, String, WindowStore<Bytes, byte[]>>with(null, null).withLoggingDisabled()));
        add("two windows of a named group", b -> {
            final KGroupedStream<String, String> group = b.<String, String>stream("a")
                .groupBy((key, value) -> value, Grouped.as("shared"));
            group.windowedBy(TUMBLING).count();
            group.windowedBy(HOPPING).count(Materialized.as("hopping"));
            group.count();
        });
        add("operators on a windowed table", b -> {
            final KTable<Windowed<String>, Long> counts = b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
                .count(Materialized.as("counts"));
            counts.filter((key, count) -> true).mapValues(count -> "" + count).toStream().to("out");
            counts.toStream().map((key, count) -> KeyValue.pair(key.key(), "" + count)).groupByKey().count();
        });
        add("a windowed table grouped again", b -> {
            final KTable<Windowed<String>, Long> counts = b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
                .count();
            counts.groupBy((key, count) -> KeyValue.pair(key.key(), count), Grouped.with(Serdes.String(), Serdes.Long()))
                .count().toStream().to("out");
        });
    }

    private static void tables() {
        add("table", b -> b.<String, String>table("t").toStream().to("out"));
        add("table alone", b -> b.table("t"));
        add("table named", b -> b.<String, String>table("t", Consumed.as("users")).toStream().to("out"));
        add("table stored", b -> b.<String, String>table("t", Materialized.as("rows")).toStream().to("out"));
        add("table named and stored", b -> b.table("t", Consumed.as("users"),
            Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("rows").withLoggingDisabled()));
        add("table not cached", b -> b.<String, String>table("t",
            Materialized.<String, String, KeyValueStore<Bytes, byte[]>>with(null, null).withCachingDisabled())
            .toStream().to("out"));
        add("table operators", b -> b.<String, String>table("t")
            .filter((key, value) -> true)
            .filterNot((key, value) -> false)
            .mapValues(value -> value)
            .mapValues((key, value) -> value)
            .toStream().to("out"));
        add("table operators named", b -> b.<String, String>table("t")
            .filter((key, value) -> true, Named.as("n-filter"))
            .filterNot((key, value) -> false, Named.as("n-filter-not"))
            .mapValues(value -> value, Named.as("n-map-values"))
            .toStream(Named.as("n-to-stream")).to("out"));
        add("table operators stored", b -> b.<String, String>table("t")
            .filter((key, value) -> true, Materialized.as("filtered"))
            .filterNot((key, value) -> false, Named.as("n-filter-not"), Materialized.as("filtered-not"))
            .mapValues(value -> value, Materialized.as("mapped"))
            .toStream().to("out"));
        add("table operators not cached", b -> b.<String, String>table("t")
            .filter((key, value) -> true, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>with(null, null)
                .withCachingDisabled())
            .mapValues(value -> value, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>with(null, null)
                .withCachingDisabled())
            .toStream().to("out"));
        add("to table", b -> b.<String, String>stream("a").toTable().toStream().to("out"));
        add("to table named", b -> b.<String, String>stream("a").toTable(Named.as("latest")).toStream().to("out"));
        add("to table stored", b -> b.<String, String>stream("a").toTable(Materialized.as("latest")));
        add("to table of a changed key", b -> keyed(b.stream("a")).toTable().toStream().to("out"));
        add("to table of a changed key named and stored", b -> keyed(b.stream("a"))
            .toTable(Named.as("making"), Materialized.as("latest")));
        add("to table of a windowed key", b -> b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING).count()
            .toStream().map((key, count) -> KeyValue.pair(key.key(), "" + count)).toTable().toStream().to("out"));
        add("a table's stream grouped", b -> b.<String, String>table("t").toStream().groupBy((key, value) -> value).count());
    }

    private static void groupedTables() {
        add("table group count", b -> b.<String, String>table("t").groupBy((key, value) -> KeyValue.pair(value, key))
            .count().toStream().to("out"));
        add("table group named", b -> b.<String, String>table("t")
            .groupBy((key, value) -> KeyValue.pair(value, key), Grouped.as("by-value")).count().toStream().to("out"));
        add("table group count named", b -> b.<String, String>table("t").groupBy((key, value) -> KeyValue.pair(value, key))
            .count(Named.as("counting")).toStream().to("out"));
        add("table group count stored", b -> b.<String, String>table("t").groupBy((key, value) -> KeyValue.pair(value, key))
            .count(Materialized.as("counts")));
        add("table group count not cached", b -> b.<String, String>table("t")
            .groupBy((key, value) -> KeyValue.pair(value, key))
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>with(null, null).withCachingDisabled())
            .toStream().to("out"));
        add("table group reduce", b -> b.<String, String>table("t").groupBy((key, value) -> KeyValue.pair(value, key))
            .reduce((left, right) -> left, (left, right) -> left).toStream().to("out"));
        add("table group aggregate", b -> b.<String, String>table("t").groupBy((key, value) -> KeyValue.pair(value, key))
            .aggregate(() -> "", (key, value, aggregate) -> value, (key, value, aggregate) -> value,
                Named.as("aggregating"), Materialized.as("texts")).toStream().to("out"));
        add("two aggregates of a table group", b -> {
            final KGroupedTable<String, String> group = b.<String, String>table("t")
                .groupBy((key, value) -> KeyValue.pair(value, key));
            group.count();
            group.reduce((left, right) -> left, (left, right) -> left);
        });
        add("two aggregates of a named table group", b -> {
            final KGroupedTable<String, String> group = b.<String, String>table("t")
                .groupBy((key, value) -> KeyValue.pair(value, key), Grouped.as("shared"));
            group.count();
            group.reduce((left, right) -> left, (left, right) -> left);
        });
        add("a filtered table grouped", b -> b.<String, String>table("t").filter((key, value) -> true)
            .mapValues(value -> value)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count().toStream().to("out"));
        add("a stored filtered table grouped", b -> b.<String, String>table("t")
            .filter((key, value) -> true, Materialized.as("filtered"))
            .groupBy((key, value) -> KeyValue.pair(value, key)).count().toStream().to("out"));
        add("an aggregate grouped", b -> b.<String, String>stream("a").groupByKey().reduce((left, right) -> left)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count()
            .mapValues(count -> "" + count)
            .groupBy((key, value) -> KeyValue.pair(value, key)).count().toStream().to("out"));
    }

    private static void joins() {
        add("join", b -> {
            final KTable<String, String> table = b.table("t");
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out");
        });
        add("join with the stream first", b -> {
            final KStream<String, String> stream = b.stream("a");
            stream.leftJoin(b.<String, String>table("t"), (left, right) -> left).to("out");
        });
        add("join named", b -> {
            final KTable<String, String> table = b.table("t", Materialized.as("rows"));
            b.<String, String>stream("a").join(table, (left, right) -> left, Joined.as("joining")).to("out");
        });
        add("join of a changed key", b -> {
            final KTable<String, String> table = b.table("t");
            keyed(b.stream("a")).join(table, (left, right) -> left).to("out");
        });
        add("left join of a changed key", b -> {
            final KTable<String, String> table = b.table("t");
            keyed(b.stream("a")).leftJoin(table, (left, right) -> left).groupByKey().count();
        });
        add("join of a changed key named", b -> {
            final KTable<String, String> table = b.table("t");
            keyed(b.stream("a")).join(table, (left, right) -> left, Joined.as("joining")).to("out");
        });
        add("join of a changed key that has a name", b -> {
            final KTable<String, String> table = b.table("t");
            b.<String, String>stream("a").selectKey((key, value) -> value, Named.as("keyed"))
                .join(table, (left, right) -> left).to("out");
        });
        add("two joins of a changed key", b -> {
            final KTable<String, String> table = b.table("t");
            final KTable<String, String> other = b.table("u");
            final KStream<String, String> stream = keyed(b.stream("a"));
            stream.join(table, (left, right) -> left).to("out-1");
            stream.leftJoin(other, (left, right) -> left).to("out-2");
        });
        add("two named joins of a changed key", b -> {
            final KTable<String, String> table = b.table("t");
            final KStream<String, String> stream = keyed(b.stream("a"));
            stream.join(table, (left, right) -> left, Joined.as("first")).to("out-1");
            stream.join(table, (left, right) -> left, Joined.as("second")).to("out-2");
            stream.groupByKey().count();
        });
        add("join of a join", b -> {
            final KTable<String, String> table = b.table("t");
            b.<String, String>stream("a")
                .join(table, (left, right) -> left)
                .join(b.<String, String>table("u"), (left, right) -> left)
                .groupByKey().count();
        });
        add("join with a filtered and mapped table", b -> {
            final KTable<String, String> table = b.<String, String>table("t").filter((key, value) -> true)
                .mapValues(value -> value);
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out");
        });
        add("join with a stored mapped table", b -> {
            final KTable<String, String> table = b.<String, String>table("t")
                .mapValues(value -> value, Materialized.as("mapped"))
                .filter((key, value) -> true);
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out");
        });
        add("join with an aggregate", b -> {
            final KTable<String, Long> counts = b.<String, String>stream("a").groupBy((key, value) -> value).count();
            b.<String, String>stream("b").join(counts, (left, right) -> left).to("out");
        });
        add("join with its own aggregate", b -> {
            final KStream<String, String> stream = b.stream("a");
            stream.join(stream.groupByKey().count(), (left, right) -> left).to("out");
        });
        add("join with a stream's table", b -> {
            final KTable<String, String> table = b.<String, String>stream("b").toTable();
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out");
        });
        add("join with a repartitioned stream's table", b -> {
            final KTable<String, String> table = keyed(b.stream("b")).toTable();
            keyed(b.stream("a")).join(table, (left, right) -> left).to("out");
        });
        add("join with a grouped table", b -> {
            final KTable<String, Long> counts = b.<String, String>table("t")
                .groupBy((key, value) -> KeyValue.pair(value, key)).count();
            b.<String, String>stream("a").leftJoin(counts, (left, right) -> left).to("out");
        });
        add("join with a windowed table", b -> {
            final KTable<Windowed<String>, Long> counts = b.<String, String>stream("a").groupByKey().windowedBy(TUMBLING)
                .count();
            counts.toStream().join(counts, (left, right) -> "" + left).to("out");
        });
        add("join of partitioned streams", b -> {
            final KTable<String, String> table = b.<String, String>stream("b")
                .repartition(Repartitioned.<String, String>as("right").withNumberOfPartitions(4)).toTable();
            b.<String, String>stream("a").repartition(Repartitioned.<String, String>as("left").withNumberOfPartitions(4))
                .join(table, (left, right) -> left).to("out");
        });
        add("joins that share a table", b -> {
            final KTable<String, String> table = b.table("t");
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out-1");
            b.<String, String>stream("b").leftJoin(table, (left, right) -> left).to("out-2");
        });
        add("a table that is joined, filtered and grouped", b -> {
            final KTable<String, String> table = b.table("t");
            table.filter((key, value) -> true).toStream().to("out-1");
            b.<String, String>stream("a").join(table, (left, right) -> left).to("out-2");
            table.filterNot((key, value) -> true).toStream().to("out-3");
            table.groupBy((key, value) -> KeyValue.pair(value, key)).count();
        });
    }

    private static void globalTables() {
        add("global table", b -> b.globalTable("g"));
        add("global table named and stored", b -> b.globalTable("g", Consumed.as("everywhere"), Materialized.as("rows")));
        add("global join", b -> {
            final GlobalKTable<String, String> global = b.globalTable("g");
            b.<String, String>stream("a").join(global, (key, value) -> value, (left, right) -> left).to("out");
        });
        add("global left join", b -> {
            final GlobalKTable<String, String> global = b.globalTable("g");
            b.<String, String>stream("a").leftJoin(global, (key, value) -> value, (left, right) -> left).to("out");
        });
        add("global join named", b -> {
            final GlobalKTable<String, String> global = b.globalTable("g", Materialized.as("rows"));
            b.<String, String>stream("a")
                .join(global, (key, value) -> value, (left, right) -> left, Named.as("joining")).to("out");
        });
        add("global tables between sub-topologies", b -> {
            b.stream("a").to("out-1");
            final GlobalKTable<String, String> first = b.globalTable("g");
            final KStream<String, String> stream = b.stream("b");
            final GlobalKTable<String, String> second = b.globalTable("h", Consumed.as("second"));
            stream.join(first, (key, value) -> value, (left, right) -> left)
                .join(second, (key, value) -> value, (left, right) -> left).to("out-2");
            b.stream("c").to("out-3");
        });
        add("a global join of a changed key", b -> {
            final GlobalKTable<String, String> global = b.globalTable("g");
            keyed(b.stream("a")).join(global, (key, value) -> value, (left, right) -> left).groupByKey().count();
        });
    }

    private static void processors() {
        final ProcessorSupplier<String, String, String, String> nothing = Nothing::new;
        final FixedKeyProcessorSupplier<String, String, String> nothingFixed = NothingFixed::new;
        final StoreBuilder<?> seen = store("seen");
        final StoreBuilder<?> totals = store("totals");
        final StoreBuilder<?> names = store("names");
        add("process", b -> b.<String, String>stream("a").process(nothing).to("out"));
        add("process named", b -> b.<String, String>stream("a").process(nothing, Named.as("processing")).to("out"));
        add("process with stores", b -> {
            b.addStateStore(seen).addStateStore(totals).addStateStore(names);
            b.<String, String>stream("a").process(nothing, "totals", "seen", "names").to("out");
        });
        add("process values with a store", b -> {
            b.addStateStore(seen);
            b.<String, String>stream("a").processValues(nothingFixed, "seen").groupByKey().count();
        });
        add("process values named", b -> b.<String, String>stream("a")
            .processValues(nothingFixed, Named.as("processing")).to("out"));
        add("process changes the key", b -> b.<String, String>stream("a").process(nothing).groupByKey().count());
        add("processors that share a store", b -> {
            b.addStateStore(seen).addStateStore(totals);
            b.<String, String>stream("a").process(nothing, "seen").to("out-1");
            b.<String, String>stream("c").process(nothing, "totals").to("out-3");
            b.<String, String>stream("b").process(nothing, Named.as("other"), "seen").to("out-2");
        });
        add("a processor's store that is not logged", b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("seen"), Serdes.String(), Serdes.String())
                .withLoggingDisabled());
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("totals"), Serdes.String(), Serdes.String())
                .withLoggingEnabled(Map.of("segment.bytes", "1048576")));
            b.<String, String>stream("a").process(nothing, "seen", "totals").to("out");
        });
    }

    private static final class Nothing implements Processor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) { }
    }

    private static final class NothingFixed implements FixedKeyProcessor<String, String, String> {
        @Override
        public void process(final FixedKeyRecord<String, String> record) { }
    }

    private static StoreBuilder<?> store(final String name) {
        final Serde<String> text = Serdes.String();
        return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), text, text);
    }

    private static void programs() {
        add("word count", b -> b.<String, String>stream("lines")
            .flatMapValues(line -> List.of(line.split(" ")))
            .groupBy((key, word) -> word)
            .count()
            .toStream()
            .to("word-counts"));
        add("clicks per country", b -> {
            final KTable<String, String> users = b.table("users");
            b.<String, String>stream("clicks")
                .filter((user, click) -> true)
                .join(users, (click, country) -> country)
                .groupBy((user, country) -> country)
                .windowedBy(TUMBLING)
                .count(Materialized.as("clicks-by-country"))
                .toStream()
                .to("activity");
        });
        add("orders", b -> {
            final GlobalKTable<String, String> articles = b.globalTable("articles", Materialized.as("articles"));
            final KTable<String, String> customers = b.table("customers", Consumed.as("customers"));
            final Map<String, KStream<String, String>> orders = b.<String, String>stream("orders")
                .join(articles, (key, order) -> order, (order, article) -> order)
                .split(Named.as("orders-"))
                .branch((key, order) -> true, Branched.as("known"))
                .defaultBranch(Branched.as("unknown"));
            orders.get("orders-unknown").to("rejected");
            final KStream<String, String> known = orders.get("orders-known").selectKey((key, order) -> order);
            known.leftJoin(customers, (order, customer) -> order, Joined.as("with-customer")).to("confirmed");
            final KTable<String, Long> perCustomer = known.groupByKey(Grouped.as("per-customer"))
                .count(Named.as("count-orders"), Materialized.as("orders-per-customer"));
            perCustomer.groupBy((customer, count) -> KeyValue.pair("" + count, customer),
                Grouped.with(Serdes.String(), Serdes.String())).count(Materialized.as("customers-per-count"));
        });
    }

    private Topologies() { }

    private static void sinks() {
        add("partitioners", b -> {
            final KStream<String, String> a = b.stream("a");
            final StreamPartitioner<String, String> first = (topic, key, value, partitions) -> Optional.of(Set.of(0));
            a.to("out-1", Produced.streamPartitioner(first));
            a.repartition(Repartitioned.streamPartitioner(first).withNumberOfPartitions(3).withName("spread"))
                .to("out-2", Produced.as("last"));
        });
        add("topics chosen record by record", b -> {
            final TopicNameExtractor<String, String> chosen = new TopicNameExtractor<>() {
                @Override
                public String extract(final String key, final String value, final RecordContext context) {
                    return "out";
                }

                @Override
                public String toString() {
                    return "describe::topologies::chosen_topic";
                }
            };
            final KStream<String, String> a = b.stream("a");
            a.to(chosen);
            keyed(a).to(chosen, Produced.<String, String>as("chosen")
                .withStreamPartitioner((topic, key, value, partitions) -> Optional.of(Set.of(0))));
            keyed(a).groupByKey().count().toStream().filter((key, value) -> value != null).to("out");
        });
    }
}
