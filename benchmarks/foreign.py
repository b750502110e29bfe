"""How many images of another kind are told apart from radiographs, by colour and by look?

    python benchmarks/foreign.py MODEL FOLDER [FOLDER ...]

Each folder holds images of one kind, photographs or chest films. Beside the share that `edgefrac predict` would call
foreign stands the share that it would had they been grey: colour alone gives most photographs away. The other side, how
many radiographs are called foreign, is a figure of `edgefrac evaluate`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgefrac.cli.output import note, track
from edgefrac.errors import ImageError
from edgefrac.imaging.familiarity import foreign
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load
from edgefrac.verification.statistics import wilson

_SMALLEST = 64  # pixels a side; less is an icon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    contract = load(arguments.model).contract
    print("| images | n | foreign | foreign as grey |\n|---|---|---|---|")
    for folder in arguments.folders:
        found = []
        for path in track(sorted(path for path in folder.rglob("*") if path.is_file()), folder.name):
            try:
                radiograph = read_radiograph(path)
            except ImageError as error:
                note(error.message)
                continue
            if min(radiograph.height, radiograph.width) >= _SMALLEST:
                network_input = preprocess(radiograph.pixels, contract.input.size)
                as_it_is = foreign(radiograph, network_input, contract.familiar)
                grey = foreign(replace(radiograph, chroma=0.0), network_input, contract.familiar)
                found.append((as_it_is is not None, grey is not None))
        cells = (wilson(int(hits), len(found)) for hits in np.sum(found, axis=0))
        shown = (f"{cell.value:.3f} ({cell.low:.3f}–{cell.high:.3f})" for cell in cells)
        print(f"| {folder.name} | {len(found)} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
