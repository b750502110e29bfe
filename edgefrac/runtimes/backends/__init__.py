"""One file per kind of backend; see ``runtimes.backend``."""
