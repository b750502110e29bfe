"""The same work on many items: in this process, in several that may crash, or on a Ray cluster."""
