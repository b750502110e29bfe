"""Time many small TFLite files in turns, so that a busy machine disturbs all of them alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.runtimes.litert import make_interpreter

_WARM_UP = 3


def seconds_in_turns(files: Sequence[bytes], threads: int, turns: int) -> NDArray[np.float64]:
    """Seconds float64 [files, 2, turns]: in each turn every file runs twice, in the order given.

    Before the first run all other files passed through the caches, before the second only the file itself. With one
    thread the time is the processor's, which other programs do not lengthen except through the caches and the clock
    rate; with several it is the time that passes. Raises ``RuntimeError`` or ``ValueError`` for a damaged file.
    """
    interpreters = [_filled(file, threads) for file in files]
    taken = np.zeros((len(files), 2, turns))
    clock = time.process_time if threads == 1 else time.perf_counter
    for turn in range(-_WARM_UP, turns):
        for number, interpreter in enumerate(interpreters):
            for again in (0, 1):
                started = clock()
                interpreter.invoke()
                ended = clock()
                if turn >= 0:
                    taken[number, again, turn] = ended - started
    return taken


def _filled(file: bytes, threads: int) -> Any:
    """An interpreter whose inputs hold numbers of ordinary size: none is zero everywhere, subnormal or infinite."""
    rng = np.random.default_rng(0)
    interpreter = make_interpreter(file, threads)
    for given in interpreter.get_input_details():
        values = rng.uniform(-1, 1, given["shape"])
        if given["dtype"] is not np.float32:
            values = 100 * (values + (given["dtype"] is np.uint8))
        interpreter.set_tensor(given["index"], values.astype(given["dtype"]))
    return interpreter
