"""Do values that were planted in image files come out of any command?

    python -m benchmarks.reliability.canary [--quick] [--out FILE.json]

Plants hundreds of values in DICOM, JPEG, PNG, TIFF, BMP, WebP, NIfTI and NPZ files, sound and damaged, runs every
command on them and a reading room, and searches what was printed and every file that was made: as text of several
encodings, by digest, and unpacked. ``--quick`` leaves out training, sweep and export. Status 1 where a value is found.
Kinds of files and forms of values: ``tests/privacy``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import tflite_model
from tests.privacy.search import Searcher, contents
from tests.privacy.walk import COMMANDS, QUICK, prepare, walk


def searched(searcher: Searcher, places: dict[str, bytes]) -> dict[str, Any]:
    """How much was searched and what is in it."""
    leaks = [
        [place, value]
        for place, content in places.items()
        for value in {*searcher.found_in(place.encode()), *searcher.found_in(content)}
    ]
    return {"files": len(places), "bytes": sum(map(len, places.values())), "found": len(leaks), "leaks": leaks}


def commands(workplace: Path, secrets: list[str], names: list[str]) -> list[dict[str, Any]]:
    """Every command, and what it left."""
    searcher, rows = Searcher(secrets), []
    for step in walk(workplace, names):
        places = {file: (workplace / file).read_bytes() for file in step.files}
        about = {"command": step.name, "status": step.status, "seconds": round(step.seconds, 1), "values": len(secrets)}
        rows.append(about | searched(searcher, places))
    return rows


def reading_room(workplace: Path, secrets: list[str]) -> dict[str, Any]:
    """A server that is sent every single image, answers it, and is ended."""
    from tests.serve.running import all_done, as_files, serving

    state, started = workplace / "state", time.monotonic()
    options = ("--readers", "1", "--requests-per-second", "0")
    with serving(workplace / "tiny.tflite", state, *options) as server, server.client() as client:
        images = [(path.name, path.read_bytes()) for path in sorted((workplace / "singles").iterdir())]
        places = {"receipts": client.post("/v1/worklist", files=as_files(images)).content}
        all_done(client, 120)
        listed = client.get("/v1/worklist?limit=1000")
        places |= {"list": listed.content, "metrics": client.get("/metrics").content}
        for item in listed.json()["items"]:
            for view in ("", "/overlay.png", "/report.html"):
                places[f"{item['id']}{view}"] = client.get(f"/v1/worklist/{item['id']}{view}").content
        status = server.end()
        places |= {"printed": server.output.encode(), **contents(state)}
    about = {"command": "serve", "status": status, "seconds": round(time.monotonic() - started, 1)}
    return about | {"values": len(secrets)} | searched(Searcher(secrets), places)


def main() -> int:
    """Run, print a table, and end with 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        workplace = Path(folder) / "workplace"
        secrets = prepare(workplace, tflite_model.build(tflite_model.contract()))
        heard = {value for place in contents(workplace).values() for value in Searcher(secrets).found_in(place)}
        rows = commands(workplace, secrets, list(QUICK if options.quick else COMMANDS))
        rows.append(reading_room(workplace, secrets))
    for row in rows:
        looked = f"{row['files']:4} files, {row['bytes']:11,} bytes"
        print(f"{row['command']:32} {row['values']} values, {looked}: {row['found']} found")
        for place, value in row["leaks"]:
            print(f"  {value} in {place}")
    total, found = sum(row["bytes"] for row in rows), sum(row["found"] for row in rows)
    print(f"{len(secrets)} values planted, of which the search hears {len(heard)} in the images themselves")
    print(f"{len(rows)} commands, {total:,} bytes searched: {found} found")
    if options.out:
        document = {"planted": len(secrets), "heard_in_the_images": len(heard), "commands": rows}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
