"""Telling images of another kind: numbers of appearance, their distance, and colour."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from sklearn.datasets import load_sample_image

from edgefrac.cli.main import main
from edgefrac.contract import Familiar
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.appearance import NUMBERS, appearance
from edgefrac.imaging.familiarity import COLOURED, WITHIN, distance, fit_familiar, foreign
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph

SIZE = 96
TRAINING = [sample.read().pixels for sample in phantom_dataset(80, 4, longer_side=128).samples]
UNSEEN = [sample.read().pixels for sample in phantom_dataset(40, 5, longer_side=128).samples]
PHOTOGRAPHS = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]


def inputs(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.stack([preprocess(image, SIZE) for image in images])


@pytest.fixture(scope="module")
def familiar() -> Familiar:
    fitted = fit_familiar(inputs(TRAINING))
    assert fitted is not None
    return fitted


def test_numbers_of_a_flat_image() -> None:
    numbers = appearance(np.full((32, 32), 51, np.uint8))
    assert len(numbers) == NUMBERS
    assert numbers[:7] == pytest.approx(0.2)
    assert numbers[7:12] == pytest.approx(np.log(0.1)) and numbers[12] == 0  # nothing steep, one grey level
    assert numbers[13:].tolist() == pytest.approx([0.2, 0, 0, 0])


def test_numbers_of_a_ramp() -> None:
    ramp = np.tile(np.arange(1, 129, dtype=np.uint8), (128, 1))
    numbers = appearance(ramp)
    assert numbers[3] == pytest.approx(64.5 / 255) and numbers[12] == pytest.approx(7 / 8)  # 128 levels are 7 bits
    assert np.exp(numbers[[7, 8, 9]]) == pytest.approx(1.1) and np.exp(numbers[[10, 11]]) == pytest.approx(0.1)


def test_a_black_border_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(1, 256, (40, 30)).astype(np.uint8)
    assert np.array_equal(appearance(np.pad(image, ((3, 9), (20, 14)))), appearance(image))


@pytest.mark.parametrize("image", [np.zeros((20, 20), np.uint8), np.pad(np.full((2, 9), 7, np.uint8), 4)])
def test_where_nothing_is_shown_the_numbers_are_nought(image: NDArray[np.uint8]) -> None:
    assert not appearance(image).any()


def test_training_images_are_familiar_and_their_negatives_are_not(familiar: Familiar) -> None:
    within = [distance(image, familiar) <= familiar.limit for image in inputs(TRAINING)]
    assert np.mean(within) == pytest.approx(WITHIN, abs=0.013)
    assert np.mean([distance(image, familiar) <= familiar.limit for image in inputs(UNSEEN)]) > 0.7
    negatives = inputs([255 - image for image in UNSEEN])
    assert np.mean([distance(image, familiar) > familiar.limit for image in negatives]) > 0.9
    reason = foreign(Radiograph(negatives[0], "PNG"), negatives[0], familiar)
    assert reason is not None and "unlike the training radiographs" in reason


def test_the_distance_is_that_of_mahalanobis(familiar: Familiar) -> None:
    numbers = np.array([appearance(image) for image in inputs(TRAINING)])
    off = appearance(inputs(UNSEEN)[0]) - numbers.mean(0)
    wanted = np.sqrt(off @ np.linalg.solve(np.cov(numbers.T) + 1e-5 * np.eye(NUMBERS), off))
    assert distance(inputs(UNSEEN)[0], familiar) == pytest.approx(wanted, rel=1e-3)


def test_colour_is_foreign_to_any_model(tmp_path: Path) -> None:
    Image.fromarray(PHOTOGRAPHS[1]).save(tmp_path / "flower.jpg")
    radiograph = read_radiograph(tmp_path / "flower.jpg")
    assert radiograph.chroma > 10 * COLOURED
    assert "colour image" in str(foreign(radiograph, preprocess(radiograph.pixels, SIZE), None))
    assert foreign(replace(radiograph, chroma=0), preprocess(radiograph.pixels, SIZE), None) is None


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I;16"])
def test_grey_files_have_no_chroma_however_they_are_stored(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(TRAINING[0])
    stored = Image.fromarray(TRAINING[0].astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    stored.save(tmp_path / "grey.png")
    assert read_radiograph(tmp_path / "grey.png").chroma == 0


def test_too_few_images_say_nothing() -> None:
    assert fit_familiar(inputs(TRAINING[:20])) is None


def test_it_survives_json_and_must_be_square(familiar: Familiar) -> None:
    assert Familiar.model_validate_json(familiar.model_dump_json()) == familiar
    with pytest.raises(ValidationError, match="mean and precision differ in size"):
        Familiar(mean=(0.0, 1.0), precision=((1.0,),), limit=3.0)


def test_predict_and_explain_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flower.png"
    Image.fromarray(PHOTOGRAPHS[1]).save(path)
    assert main(["predict", str(path), "--json"]) == 0
    assert "colour image" in json.loads(capsys.readouterr().out)[0]["foreign"]
    assert main(["predict", str(path)]) == 0
    assert "do not rely on this answer: it is a colour image" in capsys.readouterr().err
    assert main(["explain", str(path)]) == 0
    assert "do not rely on this answer: it is a colour image" in capsys.readouterr().out
