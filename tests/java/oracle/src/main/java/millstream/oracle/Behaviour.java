package millstream.oracle;

/** What a processor does (B of FORMAT.md). Each processor has its own. */
abstract class Behaviour {
    private Room room;

    final void enter(final Room its) {
        room = its;
        start();
    }

    final Room room() {
        return room;
    }

    /** Opens stores and schedules punctuations. */
    void start() { }

    abstract void process(Item item);

    /** The application ends. */
    void close() { }

    final void forward(final Item item) {
        room.forward(item);
    }
}
