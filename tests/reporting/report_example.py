"""Reports to test with. Their figures are invented: no device was asked."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from edgefrac.benchmarking.document import Change, Document, EndToEnd, Parity, Row, Stage
from edgefrac.benchmarking.figures import Difference
from edgefrac.benchmarking.host import Host
from edgefrac.reporting.bench_report import Answer, Answers, BenchReport, Picture
from edgefrac.verification.verdict import Outcome
from tests.verification import examples
from tests.verification.simulation import study

REASON = "no adb on the path (invented)"


def row(name: str = "tiny-int8.tflite", **changes: Any) -> Row:
    """A row measured on the CPU."""
    first = {
        "path": f"bundle/{name}",
        "sha256": "b" * 64,
        "target": "tflite",
        "precision": "int8",
        "bytes": 3_970_000,
        "device": "cpu",
        "runtime": "LiteRT",
        "threads": 1,
        "evidence_level": "measured",
        "median_ms": 4.3,
        "median_ci": (4.2, 4.5),
        "p90_ms": 4.7,
        "p99_ms": 5.6,
        "percentiles_ms": tuple(np.linspace(4.1, 6.0, 21).tolist()),
        "cpu_ms": 4.2,
        "runs": 400,
        "peak_rss_mb": 59.1,
        "load_ms": 9.0,
        "cold_start_ms": 94.0,
        "operators": {"CONV_2D": 51, "ADD": 10},
    }
    return Row.model_validate(first | changes)


def unavailable(device: str, reason: str = REASON, **changes: Any) -> Row:
    """A row without figures."""
    plain = {"path", "sha256", "target", "precision", "bytes", "threads"}
    kept = row(**changes).model_dump(include=plain)
    return Row.model_validate({**kept, "device": device, "evidence_level": "unavailable", "reason": reason})


@cache
def parity(outcome: Outcome = "passed", level: str = "measured") -> Parity:
    """A simulated file beside its reference; ``outcome`` is written over the gate's."""
    certificate = examples.certificate(noise=1.0 if outcome == "failed" else 0.03)
    (artefact,) = certificate.artefacts
    verdict = artefact.verdict.model_copy(update={"verdict": outcome})
    return Parity.model_validate(
        {"evidence_level": level, "beside": "tiny.safetensors", "figures": artefact.figures, "verdict": verdict}
    )


def host() -> Host:
    """A machine that does not tell its frequency."""
    return Host(
        cpu="An invented processor",
        machine="x86_64",
        cores=2,
        flags=("avx2", "fma"),
        governor=None,
        frequency_mhz=None,
        load_before=0.31,
        load_after=0.82,
        waiting=0.002,
        energy="unavailable: the system has no RAPL counters (invented)",
        kernel="6.0",
        python="3.11.7",
        versions={"numpy": "2.4.6"},
    )


def document(*rows: Row, **more: Any) -> Document:
    """The document of these rows, on the simulated radiographs."""
    return Document(rows=rows, host=host(), **({"data": examples.certificate().data} | more))


def all_levels() -> Document:
    """Rows of every evidence level, stages, and a change."""
    passed = parity()
    first = row("tiny-fp32.tflite", precision="fp32", bytes=13_400_000, median_ms=10.1, median_ci=(9.9, 10.4))
    first = first.model_copy(update={"parity": passed})
    second = row(
        beside_first=Difference(ratio=0.42, ratio_ci=(0.41, 0.43), verdict="faster"), energy_mj=31.2, parity=passed
    )
    untimed: dict[str, Any] = {"median_ms": None, "median_ci": None, "p90_ms": None, "p99_ms": None, "cpu_ms": None}
    untimed |= {"percentiles_ms": (), "runs": 0, "peak_rss_mb": None, "load_ms": None, "cold_start_ms": None}
    emulated = row(
        device="gpu",
        runtime="LiteRT GPU",
        evidence_level="emulated",
        parity=parity(level="emulated").model_copy(update={"max_abs_diff_cpu": 0.0021}),
        **untimed,
    )
    predicted = row(
        device="npu",
        runtime="Ethos-U85",
        evidence_level="predicted",
        parity=parity(level="emulated"),
        **untimed | {"median_ms": 12.7, "cycles": 12_700_000, "sram_kb": 1530.0, "elsewhere": {"SOFTMAX": 1}},
    )
    whole = EndToEnd(
        path=second.path,
        runtime="LiteRT",
        image="a phantom",
        stages=(
            Stage(name="decode", median_ms=6.0, median_ci=(5.8, 6.2), share=0.6),
            Stage(name="run", median_ms=4.0, median_ci=(3.9, 4.1), share=0.4),
        ),
        whole_ms=10.4,
        whole_ci=(10.1, 10.8),
        picture_ms=25.5,
        over_bare=Difference(ratio=1.04, ratio_ci=(1.01, 1.07), verdict="slower"),
    )
    change = Change(
        path=second.path,
        device="cpu",
        runtime="LiteRT",
        threads=1,
        then_ms=4.4,
        now_ms=4.3,
        difference=Difference(ratio=0.977, ratio_ci=(0.95, 1.01), verdict="no difference shown"),
    )
    rows = (first, second, emulated, predicted, unavailable("android"))
    return document(*rows, end_to_end=whole, changes=(change,))


def answers() -> Answers:
    """What the simulated reference says."""
    simulated = study(n=600)
    given = [
        Answer(id=f"{k:064x}", label=int(label), probability=float(p), group=str(group))
        for k, (label, p, group) in enumerate(
            zip(simulated.labels, simulated.reference.probability, simulated.groups, strict=True)
        )
    ]
    return Answers(file="tiny-int8.tflite", runtime="LiteRT", device="cpu", given=tuple(given))


def report(found: Document | None = None, **more: Any) -> BenchReport:
    """A report with all that one can have, of ``found`` or of all evidence levels."""
    png = io.BytesIO()
    Image.new("L", (8, 6), 77).save(png, "PNG")
    given: dict[str, Any] = {
        "document": found or all_levels(),
        "contract": examples.contract(),
        "certificate": examples.certificate(),
        "answers": answers(),
        "examples": (Picture(png=png.getvalue(), caption="Phantom 3 in LiteRT, int8"),),
        "command": "edgefrac bench bundle --report report.html",
    }
    return BenchReport(**given | more)
