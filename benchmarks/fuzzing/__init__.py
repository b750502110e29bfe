"""Fuzzing: what strangers' files, damaged in every way, do to the functions that read them.

    python -m benchmarks.fuzzing --count 1000000 --seed 1 --out FILE.json     the recorded run
    python -m benchmarks.fuzzing.guided READER --seconds 60                   coverage-guided, by atheris

An input is named by its reader, the seed of the run and a number: ``inputs.make_input`` makes it again from these
three. ``tests/fuzzing`` replays the corpus and every finding.
"""
