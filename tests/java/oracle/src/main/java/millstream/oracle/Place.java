package millstream.oracle;

/** Where a processor is built: what it needs besides its step. */
record Place(boolean onDisk, Seen seen, int step) { }
