"""A small contract and certificate, as an export would make them."""

from __future__ import annotations

from edgefrac.contract import Contract
from edgefrac.verification.certificate import ArtefactCertificate, Calibration, Certificate, Data, environment
from edgefrac.verification.diagnosis import diagnose
from edgefrac.verification.figures import figures
from edgefrac.verification.gate import Limits, judge
from tests.verification.simulation import THRESHOLD, shifted, study

FILE = "tiny-int8.tflite"


def contract(precision: str = "int8") -> Contract:
    return Contract.model_validate(
        {
            "schema": "edgefrac.contract/1",
            "name": "tiny",
            "version": "0.1",
            "source_commit": "0" * 40,
            "checkpoint_sha256": "a" * 64,
            "architecture": "tiny",
            "precision": precision,
            "input": {"shape": (1, 32, 32, 1)},
            "outputs": (
                {"name": "probability", "shape": (1, 1), "index": 0},
                {"name": "evidence", "shape": (1, 2, 2, 1), "index": 1},
            ),
            "tasks": (
                {
                    "name": "fracture",
                    "kind": "binary",
                    "classes": ("no fracture", "fracture"),
                    "bias": (0.25,),
                    "temperature": 1.5,
                    "threshold": THRESHOLD,
                    "threshold_rule": "sensitivity 0.90 on validation folds",
                },
            ),
            "training_data": {
                "names": ("FracAtlas",),
                "licence": "CC-BY-4.0",
                "attribution": "FracAtlas: Abedeen et al., Scientific Data 10 (2023)",
            },
            "calibration": "256 radiographs of the training split",
        }
    )


def certificate(noise: float = 0.03) -> Certificate:
    simulated = study(n=600)
    candidate = shifted(simulated.reference, noise)
    verdict = judge(simulated.reference, candidate, **simulated.facts, precision="int8")
    before, after = (
        figures(simulated.labels, outputs.probability, simulated.groups, THRESHOLD)
        for outputs in (simulated.reference, candidate)
    )
    artefact = ArtefactCertificate(
        file=FILE,
        target="tflite",
        bytes=123,
        sha256="b" * 64,
        runtime="LiteRT",
        calibration=Calibration(source="FracAtlas, training split", sha256=("c" * 64, "d" * 64)),
        figures=after,
        verdict=verdict,
        diagnosis=diagnose(simulated.reference, candidate, verdict, {}),
    )
    return Certificate(
        model="tiny",
        checkpoint_sha256="a" * 64,
        data=Data(
            name="FracAtlas",
            n=600,
            positives=before.positives,
            sha256="e" * 64,
            left_out_seen_in_training=17,
        ),
        threshold=THRESHOLD,
        limits=Limits(),
        reference=before,
        artefacts=(artefact,),
        environment=environment(["numpy", "pydantic", "no-such-package"]),
    )
