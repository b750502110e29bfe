"""From an image's first byte in to its answers' last byte out, at one image a second.

    python -m benchmarks.reading_room.latency BUNDLE --data FracAtlas [--images 300] [--side 2048] [--every 1.0]

A C-STORE of a 16-bit DICOM image of that many pixels a side begins; what is timed ends when the other end holds both
the picture and the report, sent by C-STORE too. Beside it, in turns, the same image by ``POST /v1/predict``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reading_room.images import files
from benchmarks.reading_room.pacs import TITLE, Pacs, Sender
from benchmarks.reading_room.room import Room, free_port
from edgefrac.workers.pool import usable_cores

_LONGEST = 30.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one image to the next")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sent = files(folder / "images", given.data, given.images, given.side)
        port = free_port()
        pacs = Pacs(port)
        room = Room(given.bundle, folder / "state", "--send", f"dicom://{TITLE}@127.0.0.1:{port}")
        room.start()
        try:
            dicom, rest = _times(room, pacs, sent, given.every)
        finally:
            room.stop()
            pacs.close()
    print(f"{usable_cores()} cores, {given.images} images of {given.side} px, one every {given.every:g} s")
    for what, seconds in (("C-STORE in, picture and report back", dicom), ("POST /v1/predict", rest)):
        print(f"{what}: {_figures(seconds)}")


def _times(room: Room, pacs: Pacs, sent: list[tuple[str, Path]], every: float) -> tuple[list[float], list[float]]:
    """Seconds of each image by DICOM, and of each by REST, halfway between."""
    sender = Sender(room.dicom_port)
    dicom, rest = [], []
    for uid, path in sent:
        started = time.monotonic()
        status = sender.send(path)
        if status != 0:
            raise RuntimeError(f"an image was refused with status {status}")
        back = pacs.answers(uid, wait=_LONGEST)
        if len({each.uid for each in back}) < 2:
            raise RuntimeError(f"only {len(back)} objects came back within {_LONGEST:g} s")
        dicom.append(max(each.at for each in back) - started)
        time.sleep(max(0.0, started + every / 2 - time.monotonic()))
        rest.append(_posted(room, path.read_bytes()))
        time.sleep(max(0.0, started + every - time.monotonic()))
    sender.close()
    return dicom, rest


def _posted(room: Room, data: bytes) -> float:
    request = urllib.request.Request(f"{room.address}/v1/predict", data, {"Content-Type": "application/dicom"})
    started = time.monotonic()
    with urllib.request.urlopen(request, timeout=_LONGEST) as response:
        response.read()
    return time.monotonic() - started


def _figures(seconds: list[float]) -> str:
    """Median and 95th percentile in milliseconds with intervals (percentiles of 2,000 resamples), and the slowest."""
    milliseconds = 1000 * np.array(seconds)
    rng = np.random.default_rng(0)
    again = milliseconds[rng.integers(0, len(seconds), (2000, len(seconds)))]
    return (
        f"median {_with_interval(milliseconds, again, 50)}, p95 {_with_interval(milliseconds, again, 95)}, "
        f"slowest {milliseconds.max():.0f} ms"
    )


def _with_interval(values: NDArray[np.float64], again: NDArray[np.float64], percent: float) -> str:
    low, high = np.percentile(np.percentile(again, percent, axis=1), [2.5, 97.5])
    return f"{np.percentile(values, percent):.0f} ms ({low:.0f}–{high:.0f})"


if __name__ == "__main__":
    main()
