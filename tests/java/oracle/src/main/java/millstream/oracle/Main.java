package millstream.oracle;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads cases from standard input, one a line, and answers each with a line on standard output, in the same order. See
 * tests/oracle/FORMAT.md. `--threads N` sets how many cases run at once (by default as many as there are cores).
 */
public final class Main {
    private static final int CASES_AHEAD = 64;

    public static void main(final String[] args) throws Exception {
        int threads = Runtime.getRuntime().availableProcessors();
        if (args.length == 2 && args[0].equals("--threads")) {
            threads = Integer.parseInt(args[1]);
        } else if (args.length != 0) {
            throw new IllegalArgumentException("usage: Main [--threads N]");
        }
        final PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // Standard output belongs to the answers: what `print` prints there is lost.
        System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
        run(threads, answers);
    }

    private static void run(final int threads, final PrintStream answers) throws Exception {
        final ExecutorService workers = Executors.newFixedThreadPool(threads);
        final BlockingQueue<Future<String>> queue = new ArrayBlockingQueue<>(CASES_AHEAD);
        final Future<String> end = CompletableFuture.completedFuture(null);
        final Thread writer = new Thread(() -> write(queue, end, answers));
        writer.start();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                final String one = line;
                if (!one.isBlank()) {
                    queue.put(workers.submit(() -> answer(one)));
                }
            }
        }
        queue.put(end);
        writer.join();
        workers.shutdown();
    }

    private static String answer(final String line) {
        String id = null;
        try {
            final Case what = Case.read(line);
            id = what.id();
            return Run.answer(what);
        } catch (final BadCase error) {
            return Answer.bad(id, error.getMessage());
        }
    }

    /** Writes answers in the order of their cases, and lets the reader have them whenever there is none to write. */
    private static void write(final BlockingQueue<Future<String>> queue, final Future<String> end,
                              final PrintStream answers) {
        try {
            for (Future<String> next = queue.take(); next != end; next = queue.take()) {
                if (!next.isDone()) {
                    answers.flush();
                }
                answers.append(next.get()).append('\n');
                if (queue.isEmpty()) {
                    answers.flush();
                }
            }
            answers.flush();
        } catch (final InterruptedException | ExecutionException error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private Main() { }
}
