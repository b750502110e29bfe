"""What a diagnosis may ask beside the outputs of a file: the file itself, the network again, and some radiographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.datasets.sample import FileReader, Sample, ZipReader
from edgefrac.errors import ImageError
from edgefrac.evaluation import Answers, Case
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.raster import recognises_raster, stored_samples
from edgefrac.models.exportable import Exportable
from edgefrac.pipeline.outputs import channel_of, outputs_of
from edgefrac.progress import silent
from edgefrac.quantization.exact_plan import ExactPlan
from edgefrac.targets import tflite
from edgefrac.targets.layers import Layer, paired
from edgefrac.targets.tflite_graph import read_graph
from edgefrac.targets.tflite_layers import layers
from edgefrac.targets.tflite_quantize import calibrate, tensor_keys
from edgefrac.verification.diagnosis import Diagnosis, FileFacts, diagnose
from edgefrac.verification.hypotheses import Shot
from edgefrac.verification.rerun import Rerun
from edgefrac.verification.verdict import Outputs, Verdict

SHOTS = 24


@dataclass(frozen=True)
class Inquiry:
    """The network as torch computes it, how it is converted to a float graph, and the first images of the gate.

    ``plan`` is the exact plan of int8 files that have one.
    """

    exportable: Exportable
    convert: Callable[[], bytes]
    shots: Callable[[], Sequence[Shot]]
    plan: ExactPlan | None = None

    def diagnosis(
        self, reference: Answers, candidate: Answers, contract: Contract, verdict: Verdict, path: Path, facts: FileFacts
    ) -> Diagnosis | None:
        """The likely cause of ``verdict`` on the file at ``path``, of which ``facts`` are known already.

        Only a failed file is looked into, and that takes as long as some hundred images more.
        """
        before, after = outputs_of(reference, contract), outputs_of(candidate, contract)
        if verdict.verdict != "failed":
            return diagnose(before, after, verdict, facts)
        task = contract.task()
        more = FileFacts(temperature=task.temperature, bias=task.bias[0])
        if path.suffix == tflite.SUFFIX and contract.precision != "mixed":  # whose layers are not of one kind
            found = layers(path.read_bytes())
            if self.plan and contract.precision == "int8":
                found = tuple(map(_in_network_units, found, self.plan.ratios()))
            more["layers"] = paired(found, self._layers)
        rerun = Rerun(self.exportable.size, self._shots, lambda seen: self._answers(seen, contract))
        return diagnose(before, after, verdict, {**facts, **more}, others=_others(reference, contract), rerun=rerun)

    @cached_property
    def _shots(self) -> Sequence[Shot]:
        return self.shots()

    @cached_property
    def _layers(self) -> tuple[Layer, ...]:
        """The network's convolutions, with the ranges that calibrating on the gate's images would find."""
        graph = self.convert()
        images = np.stack([preprocess(shot.radiograph.pixels, self.exportable.size) for shot in self._shots])
        ranges = calibrate(graph, images, silent).ranges
        return layers(graph, {index: ranges[key] for key, index in tensor_keys(read_graph(graph)).items()})

    def _answers(self, seen: NDArray[np.float32], contract: Contract) -> Outputs:
        with torch.inference_mode():
            output = self.exportable.module(torch.from_numpy(seen)[:, None])
        if not self.exportable.has_evidence:
            return outputs_of(Answers(output.numpy(), None), contract)
        probability, evidence = output
        return outputs_of(Answers(probability.numpy(), evidence.permute(0, 2, 3, 1).numpy()), contract)


def _in_network_units(layer: Layer, ratios: tuple[float, float]) -> Layer:
    """What a file states in powers of two, in the float32 network's own units; see ``ExactPlan.ratios``."""
    before, after = ratios
    return replace(
        layer,
        weight=layer.weight * after / before,
        bias=layer.bias * after,
        step=layer.step * after / before,
        output=None if layer.output is None else (layer.output[0] * after, layer.output[1] * after),
    )


def shots_of(samples: Sequence[Sample], cases: Sequence[Case]) -> list[Shot]:
    """The first cases of the gate, read again with the samples that their files store."""
    by_id = {sample.id: sample for sample in samples}
    return [_shot(by_id[case.id]) for case in cases[:SHOTS]]


def _shot(sample: Sample) -> Shot:
    radiograph = sample.read()
    if isinstance(sample.reader, FileReader | ZipReader) and recognises_raster(data := sample.reader.data()):
        try:
            return Shot(radiograph, stored_samples(data, sample.id))
        except ImageError:  # a JPEG cut short, of which the reader took what was there
            pass
    return Shot(radiograph)


def _others(answers: Answers, contract: Contract) -> dict[str, Outputs]:
    """What the network says in each channel but the fracture's, by task and class."""
    return {
        f"{task.name}: {task.classes[-1] if task.kind == 'binary' else task.classes[k]}": channel_of(answers, first + k)
        for task in contract.tasks
        for first in [task.first_channel]
        for k in range(task.channels)
        if first + k != contract.task().first_channel
    }
