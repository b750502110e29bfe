"""A reading room with a node and a destination as a process that can be killed: STATE MODEL PORT DESTINATION.

Prints a line once it listens.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from edgefrac.serve.readers import Readers
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.state import State
from tests.serve.dicom.room import DicomRoom


def main(state: str, model: str, port: str, destination: str) -> None:
    room = ReadingRoom(State(Path(state)), Readers(Path(model), 1), [destination])
    DicomRoom(room, (destination,), port=int(port))
    print("listening", flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
