package millstream.oracle;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.ProcessorWrapper;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.WrappedFixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.WrappedProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;

/** Wraps every processor, the DSL's too, into one that tells `seen` its name before each record. */
public final class SeenWrapper implements ProcessorWrapper {
    /** The setting that has the {@link Seen} to tell: Kafka Streams makes the wrapper, so it can be given nothing else. */
    static final String SEEN = "oracle.seen";

    private Seen seen;

    @Override
    public void configure(final Map<String, ?> configs) {
        seen = (Seen) configs.get(SEEN);
    }

    @Override
    public <KIn, VIn, KOut, VOut> WrappedProcessorSupplier<KIn, VIn, KOut, VOut> wrapProcessorSupplier(
            final String name, final ProcessorSupplier<KIn, VIn, KOut, VOut> inner) {
        return ProcessorWrapper.asWrapped(new ProcessorSupplier<>() {
            @Override
            public Processor<KIn, VIn, KOut, VOut> get() {
                return new Telling<>(name, inner.get());
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return inner.stores();
            }
        });
    }

    @Override
    public <KIn, VIn, VOut> WrappedFixedKeyProcessorSupplier<KIn, VIn, VOut> wrapFixedKeyProcessorSupplier(
            final String name, final FixedKeyProcessorSupplier<KIn, VIn, VOut> inner) {
        return ProcessorWrapper.asWrappedFixedKey(new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<KIn, VIn, VOut> get() {
                return new TellingFixedKey<>(name, inner.get());
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return inner.stores();
            }
        });
    }

    private final class Telling<KIn, VIn, KOut, VOut> implements Processor<KIn, VIn, KOut, VOut> {
        private final String name;
        private final Processor<KIn, VIn, KOut, VOut> inner;

        Telling(final String name, final Processor<KIn, VIn, KOut, VOut> inner) {
            this.name = name;
            this.inner = inner;
        }

        @Override
        public void init(final ProcessorContext<KOut, VOut> context) {
            inner.init(context);
        }

        @Override
        public void process(final Record<KIn, VIn> record) {
            seen.addName(name);
            inner.process(record);
        }

        @Override
        public void close() {
            inner.close();
        }
    }

    private final class TellingFixedKey<KIn, VIn, VOut> implements FixedKeyProcessor<KIn, VIn, VOut> {
        private final String name;
        private final FixedKeyProcessor<KIn, VIn, VOut> inner;

        TellingFixedKey(final String name, final FixedKeyProcessor<KIn, VIn, VOut> inner) {
            this.name = name;
            this.inner = inner;
        }

        @Override
        public void init(final FixedKeyProcessorContext<KIn, VOut> context) {
            inner.init(context);
        }

        @Override
        public void process(final FixedKeyRecord<KIn, VIn> record) {
            seen.addName(name);
            inner.process(record);
        }

        @Override
        public void close() {
            inner.close();
        }
    }
}
