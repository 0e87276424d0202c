"""Does: observes, performs one step, executes a plan; the public commands of the library."""
