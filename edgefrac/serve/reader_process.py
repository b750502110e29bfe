"""The reader: a child process that turns bytes from strangers into answers, one job after the other.

    python -m edgefrac.serve.reader_process MODEL THREADS MEGABYTES SECONDS

Speaks ``framing`` over its standard input and output. Jobs, by the head's ``do``:

    answer     blob: an image. Reply: ``answer``
    picture    blob: an image. Reply: ``answer``, and a blob: the overlay as PNG
    read       ``incoming``, ``into``, ``envelope``: paths. Reply: ``answer``; leaves the image's numbers in the file
               ``into``, and where there is a path for it and the image is DICOM, its envelope

A job may set a ``window``. A reply with ``error`` says why the image has no answer, without a word from the image;
``disk`` says that the disk is why.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from edgefrac.errors import EdgeFracError, MissingDecoderError, OutputError
from edgefrac.serve.answer import NAMELESS
from edgefrac.serve.framing import Message, SpokeNoMoreError, receive, send

_AFTER_THE_SERVER = 5  # seconds


def main(model: str, threads: str, megabytes: str, seconds: str) -> int:
    """Serve jobs until the other side is gone."""
    pipe_in, pipe_out = os.dup(0), os.dup(1)
    # native libraries print where they like, and must not print into the messages
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    from edgefrac.serve.reading import Reader

    try:
        reader = Reader(Path(model) if model else None, int(threads))
    except EdgeFracError as error:
        send(pipe_out, {"error": error.message, "hint": error.hint})
        return error.exit_status
    reader.make_ready()
    _limit_memory(int(megabytes))
    try:
        send(pipe_out, {"contract": reader.contract.document(), "sha256": reader.sha256})
        while True:
            job = receive(pipe_in)
            # the kernel ends a reader that stands still, also when the server that would have done so is gone
            signal.alarm(int(float(seconds)) + _AFTER_THE_SERVER)
            reply = _reply(reader, *job)
            signal.alarm(0)
            send(pipe_out, *reply)
    except SpokeNoMoreError:
        return 0


def _reply(reader: Any, head: dict[str, Any], blobs: list[bytes]) -> Message:
    try:
        return reader.do(head, blobs)  # type: ignore[no-any-return]
    except MissingDecoderError as error:
        return {"error": error.message, "missing_extra": error.extra}, []
    except OutputError as error:
        return {"error": error.message, "disk": True}, []
    except EdgeFracError as error:
        return {"error": error.message, "hint": error.hint}, []
    except MemoryError:
        return {"error": f"{NAMELESS}: needs more memory than a reader may have"}, []
    except Exception as error:  # the image's fault or ours: the room goes on, and the message shows none of the data
        return {"error": f"{NAMELESS}: cannot be read ({type(error).__name__})"}, []


def _limit_memory(megabytes: int) -> None:
    """Let the process allocate so much more than it has now."""
    used = next(
        int(line.split()[1]) << 10 for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line
    )
    limit = used + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
