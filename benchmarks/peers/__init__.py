"""The same trained student through EdgeFrac and through others' exporters: ``python -m benchmarks.peers``."""
