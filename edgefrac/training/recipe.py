"""Training recipes: what may stand in ``train/*.yaml``, every key explained by its model."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

QUESTIONS = ("fracture", "region", "type")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Section):
    """What is trained on and how it is split."""

    path: str = Field(default="", description="folder, zip or table of labels (.csv); --data overrides it")
    columns: dict[Literal["file", "label", "patient"], str] = Field(
        default={}, description="how the table's columns are named, where not so"
    )
    split: str = Field(
        default="", description="a stored split, from `edgefrac data split`; it overrides folds and seed"
    )
    folds: int = Field(default=4, ge=2, description="id blocks or patients are dealt into this many folds")
    fold: int = Field(default=0, ge=0, description="the fold held out for validation")
    split_seed: int = Field(default=2026, ge=0)
    phantoms: int = Field(default=0, ge=0, description="phantoms added to the training split")
    phantom_seed: int = Field(default=1, ge=0)

    @field_validator("columns")
    @classmethod
    def _columns_need_a_table(cls, columns: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if columns and not str(info.data.get("path", "")).lower().endswith(".csv"):
            raise ValueError("columns are those of a table, but path is no .csv")
        return columns

    @property
    def location(self) -> str:
        """The path, with its columns as options."""
        return f"{self.path}?{urlencode(list(self.columns.items()))}" if self.columns else self.path


class Stage(_Section):
    """Some epochs at one input size; stages follow each other.

    With ``view`` below 1 a stage shows crops of that share of the image: fractures are small, so a crop of half the
    side teaches them at the resolution of the whole image for a quarter of the cost. A crop's label is whether its
    fracture mask is in view.
    """

    epochs: int = Field(ge=1)
    size: int = Field(ge=32, multiple_of=32)
    view: float = Field(default=1.0, gt=0, le=1)


class Sampling(_Section):
    """Class imbalance: each epoch shows every fractured radiograph and a fresh draw of the others."""

    negatives_per_positive: float = Field(default=2.0, gt=0)
    phantom_share: float = Field(default=0.1, ge=0, lt=1, description="share of an epoch's images that are phantoms")


class Augmentation(_Section):
    """Random changes that a radiograph may undergo in practice; magnitudes are maxima."""

    rotation_degrees: float = 25.0
    scale: float = Field(default=0.3, ge=0, lt=1)
    shift: float = Field(default=0.08, ge=0)
    flip: bool = True
    gamma: float = Field(default=0.4, ge=0, description="natural log of the exponent's range")
    contrast: float = Field(default=0.25, ge=0)
    blur: float = Field(default=1.2, ge=0, description="standard deviation in pixels; negative draws sharpen")
    noise: float = Field(default=0.02, ge=0, description="standard deviation in units of the full grey range")
    collimation: float = Field(default=0.0, ge=0, le=1, description="share of images with borders under a collimator")
    markers: float = Field(default=0.0, ge=0, le=1, description="share of images with a side marker, L or R")
    tone: float = Field(default=0.0, ge=0, description="another scanner's tone curve: spread of its slope's logarithm")
    resolution: float = Field(default=0.0, ge=0, lt=1, description="another scanner's detail: largest share lost")
    bits: int = Field(default=8, ge=3, le=8, description="another scanner's depth: fewest bits of grey")
    mixup: float = Field(default=0.0, ge=0, description="alpha of MixUp; 0 for none")
    cutmix: float = Field(default=0.0, ge=0, description="alpha of CutMix; with both, each batch draws one of them")


class Evidence(_Section):
    """Supervision of the evidence map by fracture boxes or masks."""

    weight: float = Field(default=3.0, ge=0)
    positive_weight: float = Field(default=8.0, gt=0, description="weight of cells that touch a fracture")
    pointing: float = Field(default=0.0, ge=0, description="beside it, that of the map's peak being on a fracture")
    scales: int = Field(default=1, ge=1, le=2, description="2: the map reads features of half the stride, too")
    refinement: int = Field(default=1, ge=1, le=4, description="how many times finer than its features the map is")


class Imbalance(_Section):
    """What the label loss does about rare classes, see ``training.imbalance``; as it stands, nothing."""

    positive_weight: float = Field(default=1.0, gt=0, description="weight of positives; of negatives it is 1")
    focal_gamma: float = Field(default=0.0, ge=0, description="focal loss: power by which easy images count less")
    logit_adjustment: float = Field(default=0.0, ge=0, description="tau, times the log-odds of a class in training")


class Distillation(_Section):
    """Learning from teachers, beside the labels, see ``training.distillation``; without teachers, none.

    The weights multiply their losses and add to that of the labels.
    """

    teachers: tuple[str, ...] = Field(default=(), description="checkpoints; {fold} stands for the held-out fold")
    weight: float = Field(default=1.0, ge=0, description="of the teachers' softened probabilities (Hinton)")
    temperature: float = Field(default=2.0, gt=0, description="what logits are divided by to soften probabilities")
    relation_weight: float = Field(default=0.0, ge=0, description="of how images rank within a batch (DIST)")
    map_weight: float = Field(default=1.0, ge=0, description="of the teachers' evidence maps")
    hint_weight: float = Field(default=0.0, ge=0, description="of where their features look (attention transfer)")

    @model_validator(mode="after")
    def _teachers_teach_something(self) -> Distillation:
        if self.teachers and not (self.weight or self.relation_weight or self.map_weight or self.hint_weight):
            raise ValueError("there are teachers, but every weight is 0")
        return self


class Optimiser(_Section):
    """AdamW (Loshchilov & Hutter 2019); for the course of the learning rate see ``training.schedule``."""

    learning_rate: float = Field(default=6e-4, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    batch_size: int = Field(default=16, ge=2)
    average_decay: float = Field(default=0.99, ge=0, lt=1, description="exponential moving average of the weights")
    freeze_stages: int = Field(default=0, ge=0, description="leading backbone stages kept as they are, the stem too")


class Int8(_Section):
    """Fine-tuning against int8 rounding once training is over, see ``training.hardening``; 0 epochs for none."""

    epochs: int = Field(default=0, ge=0)
    noise: float = Field(default=6.0, gt=0, description="how much larger than int8 rounding the added noise is")
    learning_rate: float = Field(default=5e-4, gt=0, description="peak, of each weight's relative change")


class Recipe(_Section):
    """One training run."""

    name: str
    architecture: str = "efficientnet-lite0"
    pretrained: bool = True
    start_from: str = Field(default="", description="checkpoint to start from; {fold} stands for the held-out fold")
    seed: int = Field(default=7, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="fp32", description="of the arithmetic; weights stay float32. auto: bf16 on GPUs that have it"
    )
    stages: tuple[Stage, ...] = Field(min_length=1)
    tasks: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={"fracture": 1.0}, description="what is learned, fracture first, with the weights of the losses"
    )
    minimum_sensitivity: float = Field(default=0.90, gt=0, lt=1, description="operating point, chosen on validation")
    data: Data = Data()
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    imbalance: Imbalance = Imbalance()
    evidence: Evidence = Evidence()
    distillation: Distillation = Distillation()
    optimiser: Optimiser = Optimiser()
    int8: Int8 = Int8()

    @field_validator("tasks")
    @classmethod
    def _fracture_is_first(cls, tasks: dict[str, float]) -> dict[str, float]:
        if next(iter(tasks), "") != QUESTIONS[0] or not set(tasks) <= set(QUESTIONS):
            raise ValueError(f"{QUESTIONS[0]} comes first, then any of {', '.join(QUESTIONS[1:])}")
        return tasks

    @property
    def input_size(self) -> int:
        """Input size of the trained network: that of the last stage."""
        return self.stages[-1].size

    @property
    def epochs(self) -> int:
        """Epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage_at(self, epoch: int) -> Stage:
        """The stage that the given epoch (from 0) belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        return self.stages[-1]
