"""Sound documents to start from: what EdgeFrac writes as JSON, YAML, tables and bundles, as small as it gets."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.mutation_binary import write_zip
from edgefrac.benchmarking.document import Document
from edgefrac.benchmarking.host import Host
from edgefrac.bundle import GoldenVector, expected, write_bundle
from edgefrac.datasets.duplicates import Duplicates
from edgefrac.datasets.splits import Folds
from edgefrac.quantization.exact_plan import ExactPlan, Grid
from tests import tflite_model
from tests.benchmarking.examples import row
from tests.imaging.files import noise, png
from tests.verification import examples

_REPOSITORY = Path(__file__).parents[2]
MODEL = "tiny-fp32.tflite"
DIGEST = "a" * 64


def contracts() -> Mapping[str, bytes]:
    """Of float and integer files."""
    made = {"fp32.json": tflite_model.contract(seen="AAAAAAAA"), "int8.json": examples.contract()}
    return {name: contract.to_json().encode() for name, contract in made.items()}


def plans() -> Mapping[str, bytes]:
    """An exact plan of two convolutions."""
    grids = {name: Grid(exponent=-4, zero_point=0, step=0.05) for name in ("image", "stem", "evidence")}
    plan = ExactPlan(
        architecture="tiny",
        source="phantoms",
        grids=grids,
        factors={"stem": (3, 5), "evidence": (7,)},
        sources={"stem": "image", "evidence": "stem"},
        evidence_shift=(0.25,),
        floats=("stem",),
    )
    return {"plan.json": plan.to_json().encode()}


def certificates() -> Mapping[str, bytes]:
    """One that passed, and one that did not."""
    return {f"{noise}.json": examples.certificate(noise).to_json().encode() for noise in (0.03, 0.5)}


def bench_documents() -> Mapping[str, bytes]:
    """Two rows on a made-up machine."""
    known = {"cpu": "x", "machine": "x86_64", "cores": 2, "flags": ("avx",), "kernel": "6", "python": "3.11"}
    measured = {
        "load_before": 0.1,
        "load_after": 0.1,
        "waiting": 0.0,
        "energy": "unavailable",
        "versions": {"numpy": "2"},
    }
    machine = Host.model_validate({**dict.fromkeys(Host.model_fields), **known, **measured})
    return {"bench.json": Document(rows=(row(3.0), row(4.0)), host=machine).model_dump_json().encode()}


def splits() -> Mapping[str, bytes]:
    """Four radiographs in two folds."""
    names = [f"a-{number}.png" for number in range(4)]
    folds = Folds(dataset="x", k=2, seed=1, fold_of={n: i % 2 for i, n in enumerate(names)}, sha256={names[0]: DIGEST})
    return {"split.json": folds.model_dump_json(by_alias=True).encode()}


def duplicates() -> Mapping[str, bytes]:
    """A pair of copies."""
    found = Duplicates(dataset="x", pairs=(("a", "b"),), excluded=("c",), sha256={"a": DIGEST}, findings=("one",))
    return {"duplicates.json": found.model_dump_json(by_alias=True).encode()}


def train_recipes() -> Mapping[str, bytes]:
    """The bundled ones."""
    return {p.name: p.read_bytes() for p in sorted((_REPOSITORY / "train").glob("*.yaml")) if "sweep" not in p.name}


def sweep_recipes() -> Mapping[str, bytes]:
    """The bundled ones."""
    return {p.name: p.read_bytes() for p in sorted((_REPOSITORY / "train").glob("*sweep.yaml"))}


def export_recipes() -> Mapping[str, bytes]:
    """The bundled ones."""
    return {p.name: p.read_bytes() for p in sorted((_REPOSITORY / "export").glob("*.yaml"))}


def coco_files() -> Mapping[str, bytes]:
    """A box, a polygon and a mask without corners on three images."""
    images = [{"id": n, "file_name": f"{n}.png", "width": 24, "height": 20, "patient_id": n} for n in range(3)]
    drawn = [
        {"image_id": 0, "category_id": 1, "bbox": [1, 2, 5.5, 6]},
        {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]},
        {"image_id": 1, "category_id": 2, "segmentation": {"counts": [1, 2], "size": [20, 24]}},
    ]
    categories = [{"id": 1, "name": "fracture"}, {"id": 2, "name": "metal"}]
    document = {"images": images, "annotations": drawn, "categories": categories}
    return {"coco.json": json.dumps(document).encode()}


def voc_files() -> Mapping[str, bytes]:
    """Two boxes."""
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8.5</ymax></bndbox>"
    item = f"<object><name>fracture</name>{box}</object>"
    text = f"<annotation><size><width>24</width><height>20</height></size>{item}{item}</annotation>"
    return {"voc.xml": text.encode()}


def yolo_files() -> Mapping[str, bytes]:
    """Two lines, and one of another category."""
    return {"yolo.txt": b"3 0.5 0.5 0.25 0.125\n3 0.1 0.2 0.05 0.05\n1 0.3 0.3 0.1 0.1\n"}


def label_tables() -> Mapping[str, bytes]:
    """With commas, semicolons and tabs."""
    text = "file,label,patient\na.png,0,1\nb.png,1,2\nsub/c.png,fracture,3\n"
    kinds = {"comma": ",", "semicolon": ";", "tab": "\t"}
    return {f"{name}.csv": text.replace(",", sign).encode() for name, sign in kinds.items()}


def arrays() -> Mapping[str, bytes]:
    """Grey, 16 bits, colour and volumes, packed or not."""
    found = {}
    shapes = {"grey": (3, 28, 28), "colour": (2, 28, 28, 3), "volume": (2, 17, 28, 28)}
    for name, shape in shapes.items():
        labels = (np.arange(shape[0]) % 2)[:, None].astype(np.uint8)
        for kind, save, high in (("", np.savez, 256), ("-packed", np.savez_compressed, 65536)):
            stream = io.BytesIO()
            save(stream, train_images=noise(*shape, high=high) // 64, train_labels=labels)
            found[f"{name}{kind}.npz"] = stream.getvalue()
    return found


def phantom_lists() -> Mapping[str, bytes]:
    """Two images of a folder of phantoms."""
    entry = {"label": 1, "group": "g", "boxes": [{"x": 1, "y": 2, "width": 3, "height": 4}], "polygons": [[[1, 2]]]}
    images = [{**entry, "file": f"{name}.png", "facets": {"part": "wrist"}, "mask": None} for name in "ab"]
    document = {"schema": "edgefrac.phantoms/1", "name": "x", "classes": ["no fracture", "fracture"], "images": images}
    return {"phantoms.json": json.dumps(document).encode()}


def zipped_sets() -> Mapping[str, bytes]:
    """Folders of classes, images with a COCO file, and the published sets, as small as they get."""
    image = png(noise(20, 24), level=6)
    members = [(f"{folder}/{n}.png", image) for folder in ("normal", "fracture") for n in range(2)]
    coco = [("coco.json", coco_files()["coco.json"]), *((f"{n}.png", image) for n in range(3))]
    return {"classes.zip": write_zip(members), "coco.zip": write_zip(coco), **_published(image)}


def _published(image: bytes) -> Mapping[str, bytes]:
    """FracAtlas, GRAZPEDWRI-DX and MURA."""
    folders = {"IMG0000001.png": "Fractured", "IMG0000002.png": "Non_fractured"}
    table = "image_id,hand,leg,hip,shoulder,mixed,hardware,multiscan,fractured,fracture_count,frontal,lateral,oblique\n"
    table += "IMG0000001.png,1,0,0,0,0,0,0,1,1,1,0,0\nIMG0000002.png,0,1,0,0,0,0,0,0,0,0,1,0\n"
    listed = json.loads(coco_files()["coco.json"])
    for record, name in zip(listed["images"], folders, strict=False):
        record["file_name"] = name
    fracatlas = [("dataset.csv", table.encode()), *((f"images/{f}/{n}", image) for n, f in folders.items())]
    fracatlas.append(("Annotations/COCO JSON/COCO_fracture_masks.json", json.dumps(listed).encode()))
    fracatlas.append(("Annotations/PASCAL VOC/IMG0000001.xml", voc_files()["voc.xml"]))
    stems = [f"000{n}_01_01_WRI-L1_M0{n}" for n in (1, 2)]
    rows = "".join(f"{stem},{n},{n},23r-M/3.1,8.5,L,1,M\n" for n, stem in enumerate(stems))
    head = "filestem,patient_id,fracture_visible,ao_classification,age,laterality,projection,gender\n"
    graz = [("dataset.csv", (head + rows).encode()), *((f"images/{stem}.png", image) for stem in stems)]
    graz += [("labels/" + stems[1] + ".txt", yolo_files()["yolo.txt"]), ("meta.yaml", b"names:\n- text\n- fracture\n")]
    studies = [
        f"MURA-v1.1/train/XR_WRIST/patient0000{n}/study1_{k}/image1.png" for n, k in enumerate(("positive", "negative"))
    ]
    found = {"fracatlas": fracatlas, "grazpedwri": graz, "mura": [(name, image) for name in studies]}
    return {f"{name}.zip": write_zip(members) for name, members in found.items()}


def bundles() -> Mapping[str, bytes]:
    """A bundle of one TFLite file in a .zip, with its certificate and plan."""
    random = np.random.default_rng(0)
    answer = expected(
        np.array([0.1], np.float32),
        random.normal(size=(2, 2, 1)).astype(np.float32),
        probability_tolerance=1e-5,
        evidence_tolerance=1e-4,
    )
    vector = GoldenVector("phantom-0", noise(20, 24), noise(32, 32), {MODEL: answer})
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / MODEL
        model.write_bytes(tflite_model.build(tflite_model.contract()))
        folder = Path(scratch) / "bundle"
        write_bundle(
            folder,
            name="tiny",
            artefacts=[model],
            contracts={MODEL: tflite_model.contract()},
            certificate=examples.certificate().to_json(),
            texts={"MODEL_CARD.md": "# tiny\n", "plan.json": plans()["plan.json"].decode()},
            golden=[vector],
        )
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {"bundle.zip": write_zip([(p.relative_to(folder).as_posix(), p.read_bytes()) for p in files])}


def envelopes() -> Mapping[str, bytes]:
    """What the reading room keeps of a received object."""
    from benchmarks.fuzzing.seeds_images import dicom_files
    from edgefrac.serve.dicom.envelope import envelope_of

    return {"envelope.json": envelope_of(dicom_files()["explicit.dcm"], "x").to_json().encode()}
