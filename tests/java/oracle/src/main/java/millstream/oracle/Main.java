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
 * tests/oracle/FORMAT.md. `--threads N` sets how many cases run at once (by default as many as there are cores), and with
 * `--broker ADDRESS` each case is a real application on that broker.
 */
public final class Main {
    private static final int CASES_AHEAD = 64;

    public static void main(final String[] args) throws Exception {
        int threads = Runtime.getRuntime().availableProcessors();
        String broker = null;
        for (int at = 0; at < args.length; at += 2) {
            if (args[at].equals("--threads") && at + 1 < args.length) {
                threads = Integer.parseInt(args[at + 1]);
            } else if (args[at].equals("--broker") && at + 1 < args.length) {
                broker = args[at + 1];
            } else {
                throw new IllegalArgumentException("usage: Main [--threads N] [--broker ADDRESS]");
            }
        }
        final PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // Standard output belongs to the answers: what `print` prints there is lost.
        System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
        run(threads, broker, answers);
    }

    private static void run(final int threads, final String broker, final PrintStream answers) throws Exception {
        final ExecutorService workers = Executors.newFixedThreadPool(threads);
        final BlockingQueue<Future<String>> queue = new ArrayBlockingQueue<>(CASES_AHEAD);
        final Future<String> end = CompletableFuture.completedFuture(null);
        final Thread writer = new Thread(() -> write(queue, end, answers));
        writer.start();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                final String one = line;
                if (!one.isBlank()) {
                    queue.put(workers.submit(() -> answer(one, broker)));
                }
            }
        }
        queue.put(end);
        writer.join();
        workers.shutdown();
    }

    private static String answer(final String line, final String broker) {
        String id = null;
        try {
            final Case what = Case.read(line);
            id = what.id();
            return broker == null ? Run.answer(what) : RealRun.answer(what, broker);
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
