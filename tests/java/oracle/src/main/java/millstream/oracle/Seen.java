package millstream.oracle;

import java.util.ArrayList;
import java.util.List;

/** What operators without any output have been given: `peek`, `for_each`, `print`; and what wrapped and closed processors tell. */
final class Seen {
    private List<String> lines = new ArrayList<>();

    void add(final int step, final Object key, final String value) {
        final StringBuilder line = new StringBuilder().append(step).append(' ');
        Escaped.add(line, Text.key(key));
        Escaped.add(line.append(' '), value);
        lines.add(line.toString());
    }

    /** A wrapped processor has been given a record. */
    void addName(final String processor) {
        lines.add("@" + processor);
    }

    /** A processor has been closed. */
    void addClosed(final int step) {
        lines.add(step + " closed");
    }

    /** The lines since the last call. */
    List<String> take() {
        final List<String> taken = lines;
        lines = new ArrayList<>();
        return taken;
    }
}
