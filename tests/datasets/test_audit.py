"""The audit, each trap planted in a small data set: it must be found by name, and not where it isn't."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.auditing import audit
from edgefrac.datasets import Box, Dataset, Sample, find_duplicates, make_folds, open_dataset
from edgefrac.datasets.audit.finding import Audit, AuditFinding
from edgefrac.errors import DatasetError
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.reporting.audit_page import audit_page
from tests.datasets.conftest import coco, write_image
from tests.datasets.test_duplicates import Broken, Given, blotches

COCO = "Annotations/COCO JSON/COCO_fracture_masks.json"


def found(document: Audit, kind: str) -> AuditFinding:
    finding = document.finding(kind)
    assert finding is not None, [finding.kind for finding in document.findings]
    assert finding.rule
    return finding


def samples(n: int, **facets: str) -> tuple[Sample, ...]:
    return tuple(Sample(f"s{i}", i % 2, Given(blotches(i)), f"g{i}", facets=facets) for i in range(n))


def test_a_clean_data_set_has_no_findings(atlas: Path) -> None:
    document = audit(open_dataset(atlas)).audit
    assert [f.kind for f in document.findings if f.kind != "region-not-exclusive"] == []
    assert document.classes == {"no fracture": 5, "fracture": 3} and document.excluded == ()
    (hand,) = [c for c in document.counts if (c.facet, c.value) == ("region", "hand")]
    assert (hand.n, hand.positives) == (5, 2)


def test_unreadable_and_truncated_files(atlas: Path) -> None:
    first = atlas / "images/Fractured/IMG0000001.jpg"
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 160), dtype=np.uint8)).save(whole, "JPEG")
    first.write_bytes(whole.getvalue()[: len(whole.getvalue()) * 2 // 3])
    (atlas / "images/Non_fractured/IMG0000002.jpg").write_bytes(b"not an image")
    document = audit(open_dataset(atlas)).audit
    assert found(document, "truncated").items == (("IMG0000001.jpg",),)
    assert found(document, "unreadable").items == (("IMG0000002.jpg",),)
    assert document.excluded == ("IMG0000002.jpg",)


def test_copies_and_contradicting_labels(atlas: Path) -> None:
    images = atlas / "images"
    shutil.copy(images / "Fractured/IMG0000001.jpg", images / "Non_fractured/IMG0000002.jpg")
    shutil.copy(images / "Non_fractured/IMG0000003.jpg", images / "Non_fractured/IMG0000005.jpg")
    document = audit(open_dataset(atlas)).audit
    assert found(document, "identical-copies").count == 2
    assert found(document, "contradicting-copies").items == (("IMG0000001.jpg", "IMG0000002.jpg"),)
    assert document.excluded == ("IMG0000001.jpg", "IMG0000002.jpg")


def test_contradictions_between_table_folder_and_boxes_keep_their_names(atlas: Path) -> None:
    (atlas / COCO).write_text(coco({f"IMG000000{n}.jpg": [(1, 1, 5, 5)] for n in (1, 2, 4, 7)}, {}))
    document = audit(open_dataset(atlas)).audit
    (finding,) = [f for f in document.findings if f.kind.startswith("source-contradiction")]
    assert finding.items == (("IMG0000002.jpg",),) and finding.concern == "labels"
    assert finding.rule.startswith("taken as fractured")


def test_more_names_than_a_line_holds_are_all_kept(atlas: Path) -> None:
    for number in range(100, 140):
        write_image(atlas / f"images/Non_fractured/IMG0000{number}.jpg", number)
    document = audit(open_dataset(atlas)).audit
    (finding,) = [f for f in document.findings if "not-listed" in f.kind]
    assert finding.count == len(finding.items) == 40


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        (Box(10, 120, 20, 15), ""),
        (Box(0.2, 0.3, 0.1, 0.1), "boxes-units"),
        (Box(120, 10, 15, 20), "boxes-swapped"),
        (Box(150, 150, 15, 20), "boxes-outside"),
        (Box(10, 20, 0, 5), "boxes-outside"),
    ],
)
def test_impossible_boxes(box: Box, kind: str) -> None:
    """The rasters are 110 wide and 140 high."""
    first, *rest = samples(4)
    odd = replace(first, label=1, boxes=(box,))
    document = audit(Dataset("test", (odd, *rest))).audit
    assert [f.kind for f in document.findings if f.kind.startswith("boxes")] == ([kind] if kind else [])


def test_box_on_a_negative_and_small_targets() -> None:
    first, *rest = samples(4)
    document = audit(Dataset("test", (replace(first, boxes=(Box(5, 5, 6, 7),)), *rest))).audit
    assert found(document, "boxes-negative").items == (("s0",),)
    share = found(document, "small-targets").figures["median share of the image"]
    assert share == pytest.approx(42 / (110 * 140))


def test_empty_class_and_several_regions() -> None:
    only = tuple(replace(s, label=0, facets={"region": "hand+leg", "mixed": "yes"}) for s in samples(3))
    document = audit(Dataset("test", only)).audit
    assert "fracture" in found(document, "empty-class").title
    several = found(document, "region-not-exclusive")
    assert several.count == 3 and several.figures == {"flagged 'mixed'": 3}


def test_leaks_across_the_data_sets_own_split() -> None:
    a, b, c, d = samples(4)
    copy = replace(a, id="copy", group="elsewhere", facets={"split": "test"})
    own = [replace(s, facets={"split": "train"}) for s in (a, b, c)]
    document = audit(Dataset("test", (*own, replace(d, group="g1", facets={"split": "test"}), copy))).audit
    assert found(document, "copies-across-splits").items == (("s0", "copy"),)
    assert found(document, "groups-across-splits").items == (("s1", "s3"),)


def test_leaks_across_a_stored_split_and_one_for_other_data() -> None:
    dataset = Dataset("test", samples(12))
    folds = make_folds(dataset, k=2, duplicates=find_duplicates(dataset))
    assert not any("across" in f.kind for f in audit(dataset, split=folds).audit.findings)
    same_patient = [replace(s, group="one") if s.id in ("s0", "s1", "s2", "s3", "s4") else s for s in dataset.samples]
    leaky = folds.model_copy(update={"fold_of": folds.fold_of | {"s0": 0, "s1": 1}})
    assert found(audit(Dataset("test", tuple(same_patient)), split=leaky).audit, "groups-across-splits").count == 1
    with pytest.raises(DatasetError, match="1 missing"):
        audit(Dataset("test", dataset.samples[1:]), split=folds)


def test_neighbours_of_one_patient_are_told_from_chance() -> None:
    def numbered(labels: list[int]) -> Dataset:
        return Dataset("test", tuple(Sample(f"i{n}", y, Broken(), f"ids {n // 50}") for n, y in enumerate(labels)))

    runs = [int(n % 40 < 4) for n in range(400)]
    assert found(audit(numbered(runs)).audit, "neighbours-alike").count == 40
    apart = [int(n % 10 == 0) for n in range(400)]
    assert audit(numbered(apart)).audit.finding("neighbours-alike") is None


def bright(level: int, seed: int) -> Given:
    return Given(np.clip(blotches(seed) // 2 + level, 0, 255).astype(np.uint8))


def test_the_probe_tells_brightness_from_nothing() -> None:
    """Labels by brightness are told from it and from nothing else; labels by lot from nothing."""
    pytest.importorskip("sklearn")
    told = tuple(Sample(f"x{i}", i % 2, bright(40 * (i % 2), i), f"g{i}") for i in range(60))
    probes = {p.source: p for p in audit(Dataset("test", told)).audit.probes}
    assert probes["brightness"].auroc > 0.95 and probes["brightness"].verdict == "tells the class"
    by_lot = np.random.default_rng(5).permutation(60) % 2
    untold = tuple(replace(s, reader=bright(0, i), label=int(by_lot[i])) for i, s in enumerate(told))
    document = audit(Dataset("test", untold)).audit
    assert all(probe.verdict != "tells the class" for probe in document.probes)
    assert not any(finding.concern == "shortcuts" for finding in document.findings)


def test_hardware_that_goes_with_fractures_is_a_shortcut() -> None:
    some = tuple(
        Sample(f"x{i}", int(i < 30), Broken(), f"g{i}", facets={"hardware": "yes" if 2 <= i < 30 else "no"})
        for i in range(120)
    )
    finding = found(audit(Dataset("test", some)).audit, "shortcut-hardware")
    assert "28 of 28" in finding.title and finding.count == 28


def test_the_page_is_whole_and_fetches_nothing(atlas: Path) -> None:
    images = atlas / "images"
    shutil.copy(images / "Non_fractured/IMG0000003.jpg", images / "Non_fractured/IMG0000005.jpg")
    (images / "Non_fractured/IMG0000002.jpg").write_bytes(b"<script>alert(1)</script>")
    dataset = replace(open_dataset(atlas), name="<b>mine</b>")
    audited = audit(dataset)
    page = audit_page(audited.audit, audited.looks)
    assert page.count("data:image/jpeg;base64,") >= 2
    assert "IMG0000003.jpg = IMG0000005.jpg" in page and "text, not an image" in page
    assert "<b>mine" not in page and "http" not in page.replace("http-equiv", "")
    for finding in audited.audit.findings:
        assert f'id="{finding.kind}"' in page


def test_reading_in_processes_gives_the_same() -> None:
    dataset = open_dataset("phantom:n=4,seed=1")
    many = Dataset("many", tuple(replace(s, id=f"{s.id}-{n}") for n in range(50) for s in dataset.samples))
    from edgefrac.datasets.survey import survey

    for a, b in zip(survey(many, workers=2), survey(many), strict=True):
        assert (a.id, a.sha256, a.brightness) == (b.id, b.sha256, b.brightness)


def test_radiograph_without_a_file_has_no_tables() -> None:
    from edgefrac.datasets.survey import survey

    (look,) = survey(Dataset("test", samples(1)))
    assert look.encoding == {"format": Radiograph(blotches(0), "test").source_format}
