"""Where does the time of a TFLite file go, and how far is it from what this machine can do?

    python benchmarks/roofline.py FILE... [--threads 1] [--turns 40] [--out roofline.png] [--json]

Each layer is cut out of the file and timed alone, in turns with the whole; the machine's peaks are measured by ideal
1×1 convolutions and additions in the same runtime (edgefrac/benchmarking/roofline.py tells what that neglects).
With one thread times are the processor's, so that they can be measured on a machine that is busy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgefrac.benchmarking.roofline import TURNS, Group, Roofline, by_kind, measure_roofline, pointwise_by_side
from edgefrac.benchmarking.roofline_document import roofline_document
from edgefrac.reporting.roofline_plot import draw_roofline
from edgefrac.verification.certificate import cpu_model


def table(roofline: Roofline) -> str:
    """Markdown: the machine, then one line for each kind of layer, and for the 1×1 convolutions of each size."""
    peaks, document = roofline.peaks, roofline_document(roofline)
    rates = [f"{element} {rate / 1e9:.0f} GMAC/s" for element, rate in peaks.macs.items()]
    rates += [f"{rate / 1e9:.0f} GB/s at {size / 1e6:.1f} MB" for size, rate in peaks.bandwidths.items()]
    low, middle, high = roofline.parts_over_whole(1)
    lines = [
        f"\n{roofline.file}: {document['whole_ms']:.2f} ms, {roofline.threads} thread(s), load {roofline.load:.1f}",
        f"Peaks, measured: {', '.join(rates)}",
        f"Sum of the layers over the whole file: {middle:.2f} ({low:.2f} to {high:.2f}); "
        f"with cold caches {roofline.parts_over_whole(0)[1]:.2f}",
        "",
        "| layers | number | ms | of the time | GMAC/s | of the peak | results cost | of the roof |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(kind, found) for kind, found in by_kind(roofline).items()]
    lines += [_row(f"1×1, {side} × {side}", found) for side, found in pointwise_by_side(roofline).items()]
    return "\n".join(lines)


def _row(name: str, group: Group) -> str:
    computed = "| – | – | – |"
    if group.macs:
        rate = group.macs / group.seconds / 1e9
        computed = f"| {rate:.0f} | {group.of_peak:.0%} | {group.of_results:.0%} |"
    time = f"{1e3 * group.seconds:.2f} | {group.share:.1%}"
    return f"| {name} | {group.layers} | {time} {computed} {group.of_roof:.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--out", type=Path, help="write the picture there")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    measured = [measure_roofline(path, chosen.threads, chosen.turns) for path in chosen.files]
    if chosen.json:
        print(json.dumps([roofline_document(one) for one in measured], indent=2, ensure_ascii=False))
    else:
        print("\n".join(table(one) for one in measured))
    if chosen.out:
        load = ", ".join(f"{one.load:.1f}" for one in measured)
        caption = f"measured on {cpu_model()} with LiteRT and XNNPACK, load {load}; layers timed one by one"
        chosen.out.write_bytes(draw_roofline(measured, caption))


if __name__ == "__main__":
    main()
