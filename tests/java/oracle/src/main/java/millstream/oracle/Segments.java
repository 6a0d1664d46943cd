package millstream.oracle;

/**
 * Which writes a store on RocksDB refuses. It drops (and counts) a row only if the whole segment of the row has expired;
 * an expired row of another segment is written, though nobody can read it.
 */
final class Segments {
    private final long retention;
    private final long interval;
    private long streamTime = -1;

    Segments(final long retention) {
        this.retention = retention;
        interval = Math.max(retention / 2, 60_000);
    }

    /** Whether a row that is written now can't be read but isn't refused either. */
    boolean isHidden(final long time, final long shownLonger) {
        streamTime = Math.max(streamTime, time);
        return time <= streamTime - retention - shownLonger && time / interval >= (streamTime - retention) / interval;
    }
}
