"""The exact int8 plan against what each format's own quantizer makes of the same network: speed and parity.

    python benchmarks/quantizers.py [CHECKPOINT] [--data FracAtlas] [--threads 1 2] [--rounds 40] [--images 200]

In LiteRT, ONNX Runtime and OpenVINO: float32, the exact plan, and the native quantizer (ai-edge-quantizer, ONNX
Runtime's static QDQ with signed weights and unsigned activations, NNCF). All files run in turns, one image each, so
that what else the machine does strikes all alike; printed are medians with quartiles, and the ratio to float32 of the
same runtime.
Parity, with --data: against torch float32 on radiographs that the checkpoint never saw. ONNX Runtime's and NNCF's
calibrate on radiographs that it was trained on (without --data: on phantoms); TFLite's and the exact plan have the
ranges that it carries.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.cli.output import track
from edgefrac.contract import remembered
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.errors import ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.pipeline.quantizing import carried_exact
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject, load_subject
from edgefrac.quantization.plan import Native
from edgefrac.runtimes.session import Session, open_session
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.targets.registry import find

Images = NDArray[np.uint8]
CALIBRATION = 128


def files(subject: Subject, calibration: Images, folder: Path) -> dict[str, Path]:
    """All files by what they are: "LiteRT float32" and the like."""
    network, made = carried_exact(subject).network, {}
    for name in ("tflite", "onnx", "openvino"):
        target = find(name)
        graph = target.convert(subject.exportable)
        fp32, int8 = (target.promise(subject.exportable.contract(p, subject.identity)) for p in ("fp32", "int8"))
        paths = {kind: folder / f"{kind}{target.suffix}" for kind in ("float32", "exact", "native")}
        target.write(graph, fp32, None, paths["float32"])
        target.write_integers(network, int8, paths["exact"])
        target.write(graph, int8, Native(calibration, subject.plan), paths["native"])
        for kind, path in paths.items():
            bytes_ = sum(file.stat().st_size for file in (path, *target.companions(path)))
            made[f"{target.runtime.partition(',')[0]} {kind}"] = path
            print(f"{target.title} {kind}: {bytes_ / 1e6:.2f} MB")
    return made


def speed(made: dict[str, Path], images: Images, threads: int, rounds: int) -> None:
    sessions = {name: open_session(path, threads) for name, path in made.items()}
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(rounds + 3):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.predict(images[turn % len(images)])
            if turn >= 3:
                taken[name].append(1000 * (time.perf_counter() - started))
    print(f"\n{threads} thread(s), {rounds} rounds in turns: milliseconds, median (quartiles)")
    for name, times in taken.items():
        low, median, high = np.percentile(times, [25, 50, 75])
        beside = np.median(np.array(times) / np.array(taken[f"{name.rpartition(' ')[0]} float32"]))
        print(f"  {name:24} {median:6.2f} ({low:.2f}–{high:.2f})  {1 / beside:.2f} times as fast as float32")
    for runtime in {name.rpartition(" ")[0] for name in made}:
        ratio = np.median(np.array(taken[f"{runtime} exact"]) / np.array(taken[f"{runtime} native"]))
        print(f"  {runtime}: the exact plan takes {ratio:.3f} of its native quantizer's time")


def parity(subject: Subject, made: dict[str, Path], images: Images, labels: NDArray[np.int64]) -> None:
    from sklearn.metrics import roc_auc_score

    contract = subject.exportable.contract("fp32", subject.identity)
    reference = answers(ExportableSession(subject.exportable, contract, subject.path), images)
    threshold = contract.task().threshold
    print(f"\nparity on {len(labels)} radiographs ({labels.sum()} fractured) that the checkpoint never saw")
    for name, path in made.items():
        probability, evidence = answers(open_session(path), images)
        flips = int(((probability >= threshold) != (reference[0] >= threshold)).sum())
        maps = zip(reference[1], evidence, strict=True)
        alike = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in maps])
        loss = roc_auc_score(labels, reference[0]) - roc_auc_score(labels, probability)
        print(f"  {name:24} AUROC loss {loss:+.4f}, {flips} decisions change, maps correlate {alike:.4f}")


def answers(session: Session, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probability [N] and evidence [N, h, w] of the fracture channel."""
    found = [session.predict(image) for image in images]
    return np.stack([f.probability[0] for f in found]), np.stack([np.asarray(f.evidence)[..., 0] for f in found])


def radiographs(data: str, size: int, seen: frozenset[str], count: int) -> tuple[Images, NDArray[np.int64], Images]:
    """Unseen network inputs with their labels, and inputs that the checkpoint was trained on."""
    unseen, labels, trained = [], [], []
    for sample in track(fracture_task(open_dataset(data)).samples, "radiographs"):
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        if remembered(radiograph.sha256) not in seen:
            if len(unseen) < count:
                unseen.append(preprocess(radiograph.pixels, size))
                labels.append(sample.label)
        elif len(trained) < CALIBRATION * 8:
            trained.append(preprocess(radiograph.pixels, size))
    return np.stack(unseen), np.array(labels), np.stack(trained[::8])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--images", type=int, default=10_000)
    chosen = parser.parse_args()
    subject = load_subject(chosen.checkpoint, None, ExportRecipe())
    size = subject.exportable.size
    if chosen.data:
        seen = subject.identity.training_data.seen_hashes()
        images, labels, calibration = radiographs(chosen.data, size, seen, chosen.images)
    else:
        images = np.stack([preprocess(s.read().pixels, size) for s in phantom_dataset(CALIBRATION + 8, 3).samples])
        images, calibration = images[:8], images[8:]
    with tempfile.TemporaryDirectory() as folder:
        made = files(subject, calibration, Path(folder))
        for threads in chosen.threads:
            speed(made, images, threads, chosen.rounds)
        if chosen.data:
            parity(subject, made, images, labels)


if __name__ == "__main__":
    main()
