"""What do few columns, or little depth, cost a matrix product in LiteRT?

    python benchmarks/narrow_products.py [--threads 1]

1×1 convolutions of one image: as many rows as pixels, the depth is the channels that are read, the columns those that
are written. Two tables, one with the columns varied and one with the depth, in int8 and float32.
"""

from __future__ import annotations

import argparse

from edgefrac.benchmarking.ideal_files import product
from edgefrac.benchmarking.peaks import net_seconds

ROWS, WIDE = 80 * 80, 144
COLUMNS = (8, 16, 24, 32, 40, 48, 64)
DEPTHS = (8, 16, 24, 40, 80, 112, 144)


def table(varied: str, sizes: list[tuple[int, int]], threads: int) -> None:
    """Print microseconds and GMAC/s of products of ``ROWS`` rows with these depths and columns."""
    print(f"\n| {varied} | int8 µs | GMAC/s | float32 µs | GMAC/s |\n|---|---|---|---|---|")
    taken = {e: net_seconds([product(e, ROWS, *size) for size in sizes], threads) for e in ("int8", "float32")}
    for number, (depth, columns) in enumerate(sizes):
        cells = [f"{1e6 * t[number]:.0f} | {ROWS * depth * columns / t[number] / 1e9:.0f}" for t in taken.values()]
        print(f"| {columns if varied == 'columns' else depth} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    table("columns", [(WIDE, columns) for columns in COLUMNS], threads)
    table("depth", [(depth, WIDE) for depth in DEPTHS], threads)


if __name__ == "__main__":
    main()
