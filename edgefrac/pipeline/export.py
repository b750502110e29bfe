"""Export from end to end: network -> files -> gate -> bundle. No file leaves that was not shown to be equivalent."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edgefrac import durable
from edgefrac.bundle import CERTIFICATE_PAGE, MODEL_CARD, PLAN, SBOM, GoldenVector, expected, write_bundle
from edgefrac.clock import created
from edgefrac.contract import Precision
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Dataset
from edgefrac.errors import UsageError
from edgefrac.evaluation import Collection, collect, require_both_classes
from edgefrac.imaging.preprocess import preprocess
from edgefrac.pipeline.gating import Ingredients, Judged, make_and_judge
from edgefrac.pipeline.outputs import figures_of
from edgefrac.pipeline.quantizing import Quantization, Source, quantization_of
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject, load_subject
from edgefrac.progress import Note, Track
from edgefrac.recipes.reading import read_recipe
from edgefrac.reporting.certificate_page import certificate_page
from edgefrac.reporting.model_card import model_card
from edgefrac.reporting.sbom import sbom
from edgefrac.runtimes.session import open_session
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.targets.registry import Target, find
from edgefrac.verification.certificate import Certificate, Data, environment

PACKAGES = ("edgefrac", "torch", "timm", "numpy")  # and those of the targets
_GOLDEN_SEED = 2026
_TOLERANCES: dict[Precision, tuple[float, float]] = {
    "fp32": (1e-4, 1e-3),
    "fp16": (5e-3, 5e-2),
    "int8": (0.02, 1.0),
    "mixed": (0.02, 1.0),
}


@dataclass(frozen=True)
class ExportRequest:
    """What ``edgefrac export`` was asked for."""

    checkpoint: Path | None = None
    network: str | None = None
    targets: tuple[str, ...] = ("tflite",)
    precision: str | None = None
    data: str | None = None
    quantizer: str | None = None
    calibration: Path | None = None
    plan: Path | None = None
    out: Path = Path("bundle")
    recipe: Path | None = None
    keep_rejected: bool = False
    strict: bool = False


@dataclass(frozen=True)
class ExportResult:
    """Rows of the files that were made, passed or not; ``bundle`` is None where none passed."""

    bundle: Path | None
    rows: tuple[dict[str, Any], ...]
    seconds: float
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """The document of ``edgefrac export --json``."""
        return {
            "bundle": str(self.bundle) if self.bundle else None,
            "artefacts": list(self.rows),
            "seconds": round(self.seconds, 1),
        }


def export_bundle(request: ExportRequest, *, note: Note, track: Track) -> ExportResult:
    """Convert, quantize, gate and bundle; raises an EdgeFracError where that cannot even be tried."""
    started = time.monotonic()
    created()  # raises now, not after all the work
    durable.require_writable(request.out.parent)
    durable.clear(request.out.parent, request.out.name)
    recipe = read_recipe(request.recipe, ExportRecipe) if request.recipe else ExportRecipe()
    asked = {"precision": request.precision, "quantizer": request.quantizer, "strict": request.strict}
    recipe = ExportRecipe.model_validate({**recipe.model_dump(), **{k: v for k, v in asked.items() if v}})
    targets = _targets(request, recipe)
    subject = load_subject(request.checkpoint, request.network, recipe)
    given = open_dataset(request.data) if request.data else phantom_dataset(recipe.phantoms, recipe.phantom_seed)
    data = fracture_task(given)
    note(f"gate: {len(data)} images of {data.name}")
    reference_session = ExportableSession(
        subject.exportable, subject.exportable.contract("fp32", subject.identity), subject.path
    )
    seen = subject.identity.training_data.seen_hashes()
    reference = collect([reference_session], data.samples, leave_out=seen, track=track)
    require_both_classes(data.name, reference)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as scratch:
        graph = cache(lambda target: target.convert(subject.exportable))
        source = Source(request.calibration, request.plan)
        quantization = quantization_of(source, recipe, subject, targets, graph, reference, note, track)
        ingredients = Ingredients(tuple(targets), graph, quantization)
        judged = make_and_judge(recipe, subject, ingredients, data, reference, Path(scratch), note, track)
        bundle = _bundle(request, recipe, subject, data, reference, judged, quantization)
        rows = [_row(j, bundle) for j in judged]
        if request.keep_rejected:
            _keep_rejected(judged, request.out)
    if recipe.stops_early:
        ok = {j.target for j in judged if j.passed} == set(targets)
    else:
        ok = all(j.passed for j in judged) and bool(judged)
    return ExportResult(bundle, tuple(rows), time.monotonic() - started, ok)


def _targets(request: ExportRequest, recipe: ExportRecipe) -> list[Target]:
    """The targets asked for; raises UsageError for unknown ones and those not in int8, MissingExtraError."""
    targets = [find(name) for name in dict.fromkeys(request.targets)]
    for target in targets:
        if target.integers_only and "int8" not in recipe.precisions:
            raise UsageError(f"target '{target.name}' is in int8 alone", hint="--precision int8")
        target.require()
    return targets


def _bundle(
    request: ExportRequest,
    recipe: ExportRecipe,
    subject: Subject,
    data: Dataset,
    reference: Collection,
    judged: list[Judged],
    quantization: Quantization | None,
) -> Path | None:
    passed = [j for j in judged if j.passed]
    if not passed:
        return None
    packages = [package for target in {j.target: None for j in judged} for package in target.packages]
    contract = passed[0].contract
    certificate = Certificate(
        model=subject.identity.name,
        checkpoint_sha256=subject.identity.checkpoint_sha256,
        data=Data(
            name=data.name,
            n=len(reference.cases),
            positives=sum(case.label for case in reference.cases),
            sha256=reference.data_sha256,
            left_out_seen_in_training=reference.left_out,
            unreadable=len(reference.unreadable),
        ),
        threshold=contract.task().threshold,
        limits=recipe.limits,
        reference=figures_of(reference, reference.answers[0], contract),
        artefacts=tuple(j.certificate for j in judged),
        environment=environment((*PACKAGES, *packages)),
        created=created(),
    )
    files = [file for j in passed for file in j.files]
    contracts = {j.path.name: j.contract for j in passed}
    write_bundle(
        request.out,
        name=subject.identity.name,
        artefacts=files,
        contracts=contracts,
        certificate=certificate.to_json(),
        texts={
            MODEL_CARD: model_card(contract, subject.metrics, certificate),
            CERTIFICATE_PAGE: certificate_page(certificate),
            SBOM: sbom(contracts, certificate, files),
            **_plan(passed, quantization),
        },
        golden=_golden(passed, recipe.golden_vectors),
    )
    return request.out


def _plan(passed: list[Judged], quantization: Quantization | None) -> dict[str, str]:
    """The exact plan, with the layers that a mixed file keeps in float32, if one passed."""
    plans = [j.exact.plan for j in passed if j.exact]
    if not plans and quantization and quantization.exact:
        plans = [quantization.exact.plan]
    return {PLAN: max(plans, key=lambda plan: len(plan.floats)).to_json()} if plans else {}


def _golden(passed: list[Judged], count: int) -> list[GoldenVector]:
    """Phantoms, what the network gets to see of them, and what each file answers."""
    sessions = {j.path.name: open_session(j.path) for j in passed}
    vectors = []
    for sample in phantom_dataset(count, _GOLDEN_SEED).samples:
        raster = sample.read().pixels
        network_input = preprocess(raster, passed[0].contract.input.size)
        answers = {}
        for name, session in sessions.items():
            prediction = session.predict(network_input)
            probability, evidence = _TOLERANCES[session.contract.precision]
            answers[name] = expected(
                prediction.probability,
                prediction.evidence,
                probability_tolerance=probability,
                evidence_tolerance=evidence,
            )
        vectors.append(GoldenVector(sample.id, raster, network_input, answers))
    return vectors


def _row(judged: Judged, bundle: Path | None) -> dict[str, Any]:
    certificate, verdict = judged.certificate, judged.certificate.verdict
    return {
        "path": str(bundle / certificate.file) if bundle and judged.passed else None,
        "target": certificate.target,
        "precision": judged.contract.precision,
        "bytes": certificate.bytes,
        "sha256": certificate.sha256,
        "verdict": verdict.verdict,
        "auroc_loss": verdict.auroc_loss.value,
        "auroc_loss_ci": verdict.auroc_loss.interval,
        "flips": len(verdict.flips),
        "max_abs_diff": verdict.max_abs_diff,
        "max_abs_diff_evidence": verdict.max_abs_diff_evidence,
        "reasons": verdict.reasons,
        "stray_floats": certificate.stray_floats,
        "diagnosis": certificate.diagnosis.model_dump() if certificate.diagnosis else None,
    }


def _keep_rejected(judged: list[Judged], out: Path) -> None:
    """Beside the bundle, never in it, and under a name that no runtime loads by accident."""
    for file in (file for j in judged if not j.passed for file in j.files):
        with durable.writing(out.parent / f"{file.name}.rejected") as kept:
            shutil.copyfile(file, kept)
