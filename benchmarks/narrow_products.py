"""What do few columns, or little depth, cost an int8 matrix product in LiteRT?

    python benchmarks/narrow_products.py [--threads 1]

1×1 convolutions of one image: as many rows as pixels, the depth is the channels that are read, the columns those that
are written. Two tables, one with the columns varied and one with the depth.
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
    print(f"\n| {varied} | µs | GMAC/s |\n|---|---|---|")
    taken = net_seconds([product("int8", ROWS, *size) for size in sizes], threads)
    for (depth, columns), seconds in zip(sizes, taken, strict=True):
        rate = ROWS * depth * columns / seconds / 1e9
        print(f"| {columns if varied == 'columns' else depth} | {1e6 * seconds:.0f} | {rate:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    table("columns", [(WIDE, columns) for columns in COLUMNS], threads)
    table("depth", [(depth, WIDE) for depth in DEPTHS], threads)


if __name__ == "__main__":
    main()
