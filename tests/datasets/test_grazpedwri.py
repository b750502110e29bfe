"""GRAZPEDWRI-DX in its published layout, with noise for images."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.datasets import Box, Dataset, Sample, open_dataset
from edgefrac.errors import DatasetError

COLUMNS = (
    "filestem,patient_id,study_number,timehash,gender,age,laterality,projection,initial_exam,ao_classification,cast,"
    "diagnosis_uncertain,osteopenia,fracture_visible,metal,pixel_spacing,device_manufacturer"
)
ROWS = {
    "0001_0100000001_01_WRI-L1_M014": "1,1,100000001,M,14.9,L,1,1.0,23r-M/3.1; 23u-E/7,,,,1.0,,0.144,Siemens",
    "0001_0100000002_01_WRI-L2_M014": "1,1,100000002,M,14.9,L,2,1.0,23r-M/3.1; 23u-E/7,,,,,,0.144,Siemens",
    "0002_0200000001_02_WRI-R1_F003": "2,2,200000001,F,3.2,R,1,,23-M/2.1,1.0,1.0,1.0,1.0,1.0,0.144,Agfa",
    "0003_0300000001_01_WRI-R3_F010": "3,1,300000001,F,10.0,R,3,1.0,,,,,,,0.144,Siemens",
}
STEMS = tuple(ROWS)
LABELS = {
    STEMS[0]: "8 0.1 0.1 0.1 0.1\n3 0.5 0.5 0.25 0.5\n",
    STEMS[1]: "8 0.1 0.1 0.1 0.1\n",
    STEMS[2]: "4 0.5 0.5 0.9 0.9\n3 0.25 0.75 0.1 0.1\n3 0.75 0.25 0.1 0.1\n",
}


def png(seed: int) -> bytes:
    """A 16-bit PNG of 60×40 pixels, of which 12 bits are used."""
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 4096, (40, 60), dtype=np.uint16)
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


def write_table(root: Path, rows: dict[str, str], columns: str = COLUMNS) -> None:
    (root / "dataset.csv").write_text("\n".join([columns, *(f"{stem},{row}" for stem, row in rows.items())]) + "\n")


@pytest.fixture
def graz(tmp_path: Path) -> Path:
    """As unpacked: two parts of the images, and the folder structure with labels."""
    root = tmp_path / "graz"
    for seed, stem in enumerate(STEMS):
        folder = root / f"images_part{1 + seed // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.png").write_bytes(png(seed))
    labels = root / "folder_structure" / "yolov5" / "labels"
    labels.mkdir(parents=True)
    for stem, text in LABELS.items():
        (labels / f"{stem}.txt").write_text(text)
    (root / "folder_structure" / "pascalvoc").mkdir()
    (root / "folder_structure" / "pascalvoc" / f"{STEMS[0]}.xml").write_text("<annotation/>")
    write_table(root, ROWS)
    return root


def packed(graz: Path) -> Path:
    """As downloaded: the table beside the archives."""
    out = graz.parent / "packed"
    out.mkdir()
    (out / "dataset.csv").write_bytes((graz / "dataset.csv").read_bytes())
    for folder in ("images_part1", "images_part2", "folder_structure"):
        with zipfile.ZipFile(out / f"{folder}.zip", "w") as archive:
            for file in (graz / folder).rglob("*.*"):
                inside = file.relative_to(graz if folder == "folder_structure" else graz / folder)
                archive.write(file, inside.as_posix())
    return out


def sample(dataset: Dataset, number: int) -> Sample:
    return next(s for s in dataset.samples if s.id == f"{STEMS[number]}.png")


def test_labels_groups_and_boxes(graz: Path) -> None:
    dataset = open_dataset(graz)
    assert (dataset.name, len(dataset), dataset.findings) == ("GRAZPEDWRI-DX", 4, ())
    assert [s.label for s in dataset.samples] == [1, 0, 1, 0]
    assert [s.group for s in dataset.samples] == ["patient 1", "patient 1", "patient 2", "patient 3"]
    assert sample(dataset, 0).boxes == (Box(22.5, 10, 15, 20),)
    assert len(sample(dataset, 2).boxes) == 2 and sample(dataset, 1).boxes == ()
    radiograph = sample(dataset, 0).read()
    assert radiograph.pixels.shape == (40, 60) and radiograph.pixels.max() > 250  # 12 bits use the whole grey scale
    assert dataset.licence == "CC-BY-4.0" and "10.1038/s41597-022-01328-z" in dataset.attribution


def test_facets(graz: Path) -> None:
    dataset = open_dataset(graz)
    assert sample(dataset, 2).facets == {
        "region": "wrist",
        "view": "frontal",
        "side": "right",
        "sex": "female",
        "age": "0-4",
        "ao": "23-M/2",
        "hardware": "yes",
        "cast": "yes",
        "osteopenia": "yes",
        "exam": "follow-up",
        "diagnosis": "uncertain",
        "scanner": "Agfa",
    }
    assert sample(dataset, 0).facets["ao"] == "23-E/7+23-M/3" and sample(dataset, 3).facets["ao"] == "none"
    assert [s.facets["view"] for s in dataset.samples] == ["frontal", "lateral", "frontal", "oblique"]
    assert [s.facets["age"] for s in dataset.samples] == ["10-14", "10-14", "0-4", "10-14"]
    assert sample(dataset, 3).facets["exam"] == "initial"


def test_no_text_gets_through(graz: Path) -> None:
    row = "Miller,1,1,divers,Jane,left,ap,maybe,see letter of Dr Miller,,,,1,,Miller,Miller & Co"
    write_table(graz, {**ROWS, STEMS[0]: row})
    written = repr(open_dataset(graz).samples)
    assert "Miller" not in written and "Jane" not in written and "letter" not in written
    assert sample(open_dataset(graz), 0).facets["ao"] == "other"


def test_packed_equals_unpacked(graz: Path) -> None:
    folder, archives = open_dataset(graz), open_dataset(packed(graz))
    assert archives.findings == ()
    for a, b in zip(folder.samples, archives.samples, strict=True):
        assert (a.id, a.label, a.group, a.boxes, a.facets) == (b.id, b.label, b.group, b.boxes, b.facets)
        assert np.array_equal(a.read().pixels, b.read().pixels)


def test_images_merged_in_one_folder(graz: Path) -> None:
    """Also told from FracAtlas, which has an images folder beside its dataset.csv too."""
    (graz / "images").mkdir()
    for file in list(graz.glob("images_part*/*.png")):
        file.rename(graz / "images" / file.name)
    assert open_dataset(graz).name == "GRAZPEDWRI-DX"


def test_archives_within_an_archive(graz: Path) -> None:
    outer = graz.parent / "14825193.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        for file in packed(graz).iterdir():
            archive.write(file, file.name)
    with pytest.raises(DatasetError, match="none of the images") as error:
        open_dataset(outer)
    assert "unpack the outer archive" in error.value.hint


def test_archive_that_points_outside_is_refused(graz: Path) -> None:
    folder = packed(graz)
    with zipfile.ZipFile(folder / "images_part2.zip", "a") as archive:
        archive.writestr("../evil.png", b"x")
    with pytest.raises(DatasetError, match=r"images_part2\.zip.*outside the archive"):
        open_dataset(folder)


def test_archive_cut_short(graz: Path) -> None:
    path = packed(graz) / "images_part1.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"images_part1\.zip"):
        open_dataset(path.parent)


def test_table_and_boxes_may_contradict(graz: Path) -> None:
    labels = graz / "folder_structure/yolov5/labels"
    (labels / f"{STEMS[0]}.txt").write_text("8 0.1 0.1 0.1 0.1\n")
    (labels / f"{STEMS[1]}.txt").write_text("3 0.5 0.5 0.1 0.1\n")
    dataset = open_dataset(graz)
    assert (sample(dataset, 0).label, sample(dataset, 1).label) == (1, 1)
    assert any("not so by boxes" in f and STEMS[0] in f for f in dataset.findings)
    assert any("not so by dataset.csv" in f and STEMS[1] in f for f in dataset.findings)


def test_boxes_in_pixels_are_left_out_and_named(graz: Path) -> None:
    (graz / f"folder_structure/yolov5/labels/{STEMS[2]}.txt").write_text("3 15 30 6 4\n3 0.5 0.5 0.1 0.1\n")
    dataset = open_dataset(graz)
    assert len(sample(dataset, 2).boxes) == 1
    assert any("in pixels or other units" in f and STEMS[2] in f for f in dataset.findings)


def test_boxes_beyond_the_image_are_left_out_and_named(graz: Path) -> None:
    (graz / f"folder_structure/yolov5/labels/{STEMS[2]}.txt").write_text("3 0.95 0.5 0.5 0.1\n3 0.5 0.5 0.1 0.1\n")
    dataset = open_dataset(graz)
    assert len(sample(dataset, 2).boxes) == 1
    assert any("outside the image" in f and STEMS[2] in f for f in dataset.findings)


@pytest.mark.parametrize("line", ["3 0.5 0.5 0.1", "fracture 0.5 0.5 0.1 0.1", "3 0.5 0.5 0.1 0.1 0.9"])
def test_damaged_labels_are_named(graz: Path, line: str) -> None:
    (graz / f"folder_structure/yolov5/labels/{STEMS[2]}.txt").write_text(f"8 0.1 0.1 0.1 0.1\n{line}\n")
    with pytest.raises(DatasetError, match=rf"{STEMS[2]}\.txt, line 2: not five numbers"):
        open_dataset(graz)


def test_categories_in_another_order(graz: Path) -> None:
    (graz / "folder_structure/yolov5/meta.yaml").write_text("nc: 2\nnames: [x, y, z, text, metal, a, b, c, fracture]\n")
    dataset = open_dataset(graz)
    assert len(sample(dataset, 0).boxes) == 1 and sample(dataset, 1).label == 1
    (graz / "folder_structure/yolov5/meta.yaml").write_text("names: [metal, text]\n")
    with pytest.raises(DatasetError, match=r"meta\.yaml: lists no category 'fracture'"):
        open_dataset(graz)


def test_files_missing_and_files_not_listed(graz: Path) -> None:
    (graz / f"images_part1/{STEMS[0]}.png").rename(graz / "images_part1/stranger.png")
    dataset = open_dataset(graz)
    assert len(dataset) == 3
    assert any("without an image file" in f and STEMS[0] in f for f in dataset.findings)
    assert any("not listed" in f and "stranger" in f for f in dataset.findings)
    for file in graz.glob("images_part*/*.png"):
        file.unlink()
    with pytest.raises(DatasetError, match="none of the images") as error:
        open_dataset(graz)
    assert "images_part1.zip" in error.value.hint


def test_two_labels_for_one_file(graz: Path) -> None:
    with (graz / "dataset.csv").open("a") as stream:
        stream.write(f"{STEMS[3]},3,1,300000001,F,10.0,R,3,1.0,,,,,1.0,,0.144,Siemens\n")
    dataset = open_dataset(graz)
    assert len(dataset) == 4 and sample(dataset, 3).label == 1
    assert any("different labels, taken as fractured" in f and STEMS[3] in f for f in dataset.findings)


def test_without_labels_there_are_no_boxes(graz: Path) -> None:
    for file in graz.glob("folder_structure/yolov5/labels/*"):
        file.unlink()
    dataset = open_dataset(graz)
    assert [s.label for s in dataset.samples] == [1, 0, 1, 0] and not any(s.boxes for s in dataset.samples)
    assert any("no YOLO labels" in f for f in dataset.findings)


def test_damaged_tables(graz: Path) -> None:
    write_table(graz, ROWS, COLUMNS.replace("fracture_visible", "seen"))
    with pytest.raises(DatasetError, match=r"dataset\.csv: no column fracture_visible"):
        open_dataset(graz)
    write_table(graz, {**ROWS, STEMS[3]: ROWS[STEMS[3]].replace(",,,0.144", ",perhaps,,0.144")})
    with pytest.raises(DatasetError, match=r"dataset\.csv, line 5: fracture_visible is neither"):
        open_dataset(graz)
    write_table(graz, {**ROWS, STEMS[3]: "3,1"})
    with pytest.raises(DatasetError, match=r"dataset\.csv, line 5: columns are missing"):
        open_dataset(graz)


def test_empty_class(graz: Path) -> None:
    write_table(graz, {stem: row for stem, row in ROWS.items() if stem in (STEMS[0], STEMS[2])})
    with pytest.raises(DatasetError, match="no images of class 'no fracture'"):
        open_dataset(graz)


def test_opening_decodes_no_pixels(graz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set has 20,327 images of several megapixels; Pillow decodes a PNG when asked for its EXIF data."""
    decoded: list[str] = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: decoded.append(image.filename))
    assert len(open_dataset(graz)) == 4 and decoded == []


def test_an_image_without_readable_header_keeps_its_label(graz: Path) -> None:
    (graz / f"images_part1/{STEMS[0]}.png").write_bytes(b"text")
    dataset = open_dataset(graz)
    assert (sample(dataset, 0).label, sample(dataset, 0).boxes) == (1, ())
    assert any("header unreadable" in f and STEMS[0] in f for f in dataset.findings)
