package millstream.oracle;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The topics of a real broker. */
final class Cluster implements AutoCloseable {
    private final String address;
    private final Admin admin;

    Cluster(final String address) {
        this.address = address;
        admin = Admin.create(Map.of("bootstrap.servers", address));
    }

    /** Creates those topics that are not there yet. */
    void create(final Collection<String> topics, final int partitions) throws ExecutionException, InterruptedException {
        final Set<String> there = admin.listTopics().names().get();
        admin.createTopics(topics.stream().filter(topic -> !there.contains(topic))
            .map(topic -> new NewTopic(topic, partitions, (short) 1)).collect(Collectors.toList())).all().get();
    }

    /** Writes the records in their order, each to the partition of its key. */
    void write(final List<Input> inputs) {
        final Map<String, Object> settings = Map.of("bootstrap.servers", address, ProducerConfig.LINGER_MS_CONFIG, 20);
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (final Input input : inputs) {
                if (input.topic() != null) {
                    producer.send(new ProducerRecord<>(input.topic(), null, input.time(), input.key(), input.value(),
                        input.headers()));
                }
            }
            producer.flush();
        }
    }

    /** The topics that an application reads and has made itself. */
    Set<String> internalSources(final String application) throws ExecutionException, InterruptedException {
        return admin.listTopics().names().get().stream()
            .filter(topic -> topic.startsWith(application + "-") && !topic.endsWith("-changelog"))
            .collect(Collectors.toSet());
    }

    /** The end of each partition that has records. */
    Map<TopicPartition, Long> ends(final Collection<String> topics) throws ExecutionException, InterruptedException {
        final Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        final Map<String, TopicDescription> descriptions = admin.describeTopics(topics).allTopicNames().get();
        descriptions.forEach((topic, description) -> description.partitions().forEach(partition ->
            wanted.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest())));
        final Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(wanted).all().get().forEach((partition, info) -> ends.put(partition, info.offset()));
        ends.values().removeIf(end -> end == 0);
        return ends;
    }

    /** How far a group has come. */
    Map<TopicPartition, Long> positions(final String group) throws ExecutionException, InterruptedException {
        final Map<TopicPartition, Long> positions = new HashMap<>();
        final Map<TopicPartition, OffsetAndMetadata> committed =
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        committed.forEach((partition, offset) -> {
            if (offset != null) {
                positions.put(partition, offset.offset());
            }
        });
        return positions;
    }

    /** All records of each topic, partition after partition. */
    Map<String, List<ConsumerRecord<byte[], byte[]>>> read(final Collection<String> topics)
            throws ExecutionException, InterruptedException {
        final Map<String, List<ConsumerRecord<byte[], byte[]>>> records = new TreeMap<>();
        topics.forEach(topic -> records.put(topic, new ArrayList<>()));
        final Map<TopicPartition, Long> ends = ends(topics);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", address),
                new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(ends.keySet());
            consumer.seekToBeginning(ends.keySet());
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> records.get(record.topic()).add(record));
            }
        }
        return records;
    }

    @Override
    public void close() {
        admin.close();
    }
}
