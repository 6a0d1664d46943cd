package millstream.oracle;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A folder for the state of one case. It is only made if something is stored on disk, and is gone afterwards. */
final class StateFolder implements AutoCloseable {
    private static final Path ROOT = root();
    private static final AtomicLong NUMBER = new AtomicLong();

    private final Path path = ROOT.resolve(Long.toString(NUMBER.getAndIncrement()));

    String path() {
        return path.toString();
    }

    @Override
    public void close() {
        delete(path);
    }

    /** Kafka Streams makes it when it needs it, so a program that is killed leaves nothing unless it was on disk. */
    private static Path root() {
        final Path root = parent().resolve("oracle-" + UUID.randomUUID());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(root)));
        return root;
    }

    /** In memory if there is such a folder, because nothing here has to outlive the program. */
    private static Path parent() {
        final Path inMemory = Path.of("/dev/shm");
        return Files.isWritable(inMemory) ? inMemory : Path.of(System.getProperty("java.io.tmpdir"));
    }

    private static void delete(final Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(folder)) {
            final List<Path> paths = walk.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
            for (final Path path : paths) {
                Files.deleteIfExists(path);
            }
        } catch (final IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
