"""``python -m tests.verification.zoo``: plant every fault and write the table into docs/faults.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.verification.zoo.catalogue import catalogue
from tests.verification.zoo.fault import judged
from tests.verification.zoo.material import make
from tests.verification.zoo.table import PAGE, Row, rewritten


def main() -> None:
    """Some two minutes; the test ``test_zoo`` compares the page with what it finds itself."""
    with tempfile.TemporaryDirectory() as folder:
        material = make(Path(folder))
        rows = []
        for fault in catalogue():
            rows.append(Row(fault, *judged(material.export, fault.plant(material))))
            print(rows[-1].caught_by, "named" if rows[-1].named else "NOT NAMED", fault.name, sep="\t", file=sys.stderr)
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main()
