package millstream.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;

/** Processors in the DSL, and the stores they need. */
final class Processors {
    static Flow add(final Plan plan, final String op, final JsonNode step) {
        switch (op) {
            case "store":
                plan.builder.addStateStore(StoreSteps.of(step, plan.onDisk));
                return null;
            case "global_store":
                final ProcessorSupplier<Object, String, Void, Void> keep = Flow.cast(supplier(step, plan.place()));
                plan.builder.addGlobalStore(StoreSteps.of(step, plan.onDisk).withLoggingDisabled(),
                    Json.text(step, "topic"), Sources.consumed(step, "source"), keep);
                return null;
            case "process":
                return Flow.of(process(plan, step));
            default:
                return plan.in(step).like(processValues(plan, step));
        }
    }

    private static KStream<Object, String> process(final Plan plan, final JsonNode step) {
        final KStream<Object, String> in = plan.in(step).stream();
        final ProcessorSupplier<Object, String, Object, String> supplier = supplier(step, plan.place());
        final String[] stores = Json.texts(step, "stores").toArray(String[]::new);
        final Named name = Options.named(step);
        return Options.choose(name, () -> in.process(supplier, stores), n -> in.process(supplier, n, stores));
    }

    private static KStream<Object, String> processValues(final Plan plan, final JsonNode step) {
        final KStream<Object, String> in = plan.in(step).stream();
        final FixedKeyProcessorSupplier<Object, String, String> supplier = fixedKeySupplier(step, plan.place());
        final String[] stores = Json.texts(step, "stores").toArray(String[]::new);
        final Named name = Options.named(step);
        return Options.choose(name, () -> in.processValues(supplier, stores),
            n -> in.processValues(supplier, n, stores));
    }

    static ProcessorSupplier<Object, String, Object, String> supplier(final JsonNode step, final Place place) {
        final Supplier<Behaviour> behaviour = Behaviours.of(Json.need(step, "does"));
        final String store = storeOf(step);
        return new ProcessorSupplier<>() {
            @Override
            public Processor<Object, String, Object, String> get() {
                return new Free(behaviour.get(), store, place);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return StoreSteps.attached(step, place.onDisk());
            }
        };
    }

    private static FixedKeyProcessorSupplier<Object, String, String> fixedKeySupplier(final JsonNode step,
                                                                                       final Place place) {
        final Supplier<Behaviour> behaviour = Behaviours.of(Json.need(step, "does"));
        final String store = storeOf(step);
        return new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<Object, String, String> get() {
                return new FixedKey(behaviour.get(), store, place);
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return StoreSteps.attached(step, place.onDisk());
            }
        };
    }

    /** The behaviour's own choice, else the first store that is connected, attached or the step's own (a global one). */
    private static String storeOf(final JsonNode step) {
        final String own = Json.textOrNull(Json.need(step, "does"), "store");
        final List<String> stores = Json.texts(step, "stores");
        if (own != null || !stores.isEmpty()) {
            return own != null ? own : stores.get(0);
        }
        return Json.has(step, "attached") ? Json.text(step.get("attached").get(0), "name") : Json.textOrNull(step, "name");
    }

    private static final class Free implements Processor<Object, String, Object, String> {
        private final Behaviour behaviour;
        private final String store;
        private final Place place;

        Free(final Behaviour behaviour, final String store, final Place place) {
            this.behaviour = behaviour;
            this.store = store;
            this.place = place;
        }

        @Override
        public void init(final ProcessorContext<Object, String> context) {
            behaviour.enter(new Room(context, store, place) {
                @Override
                void forward(final Item item, final String child) {
                    final Record<Object, String> record =
                        new Record<>(item.key(), item.value(), item.time(), item.headers());
                    if (child == null) {
                        context.forward(record);
                    } else {
                        context.forward(record, child);
                    }
                }
            });
        }

        @Override
        public void process(final Record<Object, String> record) {
            behaviour.process(new Item(Text.key(record.key()), record.value(), record.timestamp(), record.headers()));
        }

        @Override
        public void close() {
            behaviour.close();
        }
    }

    private static final class FixedKey implements FixedKeyProcessor<Object, String, String> {
        private final Behaviour behaviour;
        private final String store;
        private final Place place;
        /** The record that is being processed: only it can make others with its key. */
        private FixedKeyRecord<Object, String> current;

        FixedKey(final Behaviour behaviour, final String store, final Place place) {
            this.behaviour = behaviour;
            this.store = store;
            this.place = place;
        }

        @Override
        public void init(final FixedKeyProcessorContext<Object, String> context) {
            behaviour.enter(new Room(context, store, place) {
                @Override
                void forward(final Item item, final String child) {
                    final FixedKeyRecord<Object, String> record =
                        current.withValue(item.value()).withTimestamp(item.time()).withHeaders(item.headers());
                    if (child == null) {
                        context.forward(record);
                    } else {
                        context.forward(record, child);
                    }
                }
            });
        }

        @Override
        public void process(final FixedKeyRecord<Object, String> record) {
            current = record;
            behaviour.process(new Item(Text.key(record.key()), record.value(), record.timestamp(), record.headers()));
            current = null;
        }

        @Override
        public void close() {
            behaviour.close();
        }
    }

    private Processors() { }
}
