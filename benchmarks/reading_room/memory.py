"""Whether the reading room's memory stays flat over many images, and how fast it reads them.

    python -m benchmarks.reading_room.memory BUNDLE --data FracAtlas [--images 10000] [--side 512] [--clients 2]

Images go in by C-STORE as fast as they are taken, answers go back to a PACS. Memory (proportional set size) is read
every 100 images. The slope over the last three quarters comes with an interval over blocks of ten readings.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reading_room.images import dicoms, radiographs
from benchmarks.reading_room.pacs import TITLE, Pacs, Sender
from benchmarks.reading_room.room import Room, free_port
from edgefrac.workers.pool import usable_cores

_EVERY = 100
_BUSY = range(0xA700, 0xA800)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--clients", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        pacs = Pacs(port)
        room = Room(given.bundle, folder / "state", "--send", f"dicom://{TITLE}@127.0.0.1:{port}")
        room.start()
        try:
            source = _Source(folder, given.data, given.side, given.images)
            started = time.monotonic()
            readings = _watch(room, source, given.clients)
            room.wait_until_read()
            seconds = time.monotonic() - started
            while room.get("/v1/worklist?limit=1")["deliveries"]["pending"]:
                time.sleep(0.2)
            delivered = time.monotonic() - started
        finally:
            room.stop()
            pacs.close()
    both = {uid for uid, found in pacs.arrivals.items() if len({each.uid for each in found}) == 2}
    print(f"{usable_cores()} cores, {given.images} images of {given.side} px by C-STORE from {given.clients} clients")
    print(f"read at {given.images / seconds:.1f} a second, answered to the PACS at {given.images / delivered:.1f}")
    print(f"refused because busy, and sent again: {source.refused}; answered with both objects: {len(both)}")
    _print_memory(readings)


class _Source:
    """Hands out images to several clients, each once."""

    def __init__(self, folder: Path, data: str, side: int, count: int) -> None:
        self._made = dicoms(radiographs(data, 100), side)
        self._folder, self._left = folder, count
        self._lock = threading.Lock()
        self.done = self.refused = 0

    def next(self) -> Path | None:
        """A file with the next image, for one client to send and remove."""
        with self._lock:
            if not self._left:
                return None
            self._left -= 1
            _, data = next(self._made)
            path = self._folder / f"{self._left}.dcm"
        path.write_bytes(data)
        return path


def _watch(room: Room, source: _Source, clients: int) -> list[tuple[int, float, float]]:
    """Images sent so far, and MiB of server and readers, from time to time until all are sent."""
    threads = [threading.Thread(target=_send, args=(room, source)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    readings: list[tuple[int, float, float]] = []
    while any(thread.is_alive() for thread in threads):
        if source.done >= len(readings) * _EVERY:
            memory = room.memory()
            readings.append((source.done, memory["server"], memory["readers"]))
        time.sleep(0.05)
    return readings


def _send(room: Room, source: _Source) -> None:
    sender = Sender(room.dicom_port)
    while path := source.next():
        while (status := sender.send(path)) != 0:
            if status is None or status not in _BUSY:
                raise RuntimeError(f"an image was refused with status {status}")
            source.refused += 1
            time.sleep(0.2)
        path.unlink()
        source.done += 1
    sender.close()


def _print_memory(readings: list[tuple[int, float, float]]) -> None:
    table = np.array(readings)
    for column, what in ((1, "server"), (2, "readers")):
        later = table[len(table) // 4 :]
        slope = float(np.polyfit(later[:, 0], later[:, column], 1)[0]) * 1000
        low, high = _interval(later[:, 0], later[:, column])
        print(
            f"memory of the {what}: {table[0, column]:.0f} MiB at first, {later[0, column]:.0f} after "
            f"{later[0, 0]:.0f} images, {table[-1, column]:.0f} at the end, {table[:, column].max():.0f} at most; "
            f"slope {slope:+.2f} ({low:+.2f} to {high:+.2f}) MiB per 1,000 images"
        )


def _interval(images: NDArray[np.float64], memory: NDArray[np.float64], block: int = 10) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    starts = np.arange(0, len(images) - block + 1)
    slopes = []
    for _ in range(2000):
        chosen = (rng.choice(starts, -(-len(images) // block))[:, None] + np.arange(block)).ravel()
        slopes.append(np.polyfit(images[chosen], memory[chosen], 1)[0] * 1000)
    low, high = np.percentile(slopes, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
