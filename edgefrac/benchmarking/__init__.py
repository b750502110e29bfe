"""How fast is a file, how much memory does it take, and how sure is that? One stopwatch for all runtimes."""
