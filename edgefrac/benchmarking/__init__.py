"""How fast a file is, what it costs in memory, and how far that is from what the machine can do."""
