from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.datasets import open_dataset
from edgefrac.errors import DatasetError
from tests.datasets.conftest import write_image


def table(root: Path, text: str, *files: str, name: str = "labels.csv") -> Path:
    for seed, file in enumerate(files):
        write_image(root / file, seed)
    (root / name).write_text(text)
    return root / name


def test_default_columns(tmp_path: Path) -> None:
    text = "file,label,patient\nimg/a.png,1,Miller\nimg/b.png,0,Smith\nimg/c.jpg,normal,Miller\n"
    dataset = open_dataset(table(tmp_path, text, "img/a.png", "img/b.png", "img/c.jpg"))
    assert [(s.id, s.label) for s in dataset.samples] == [("img/a.png", 1), ("img/b.png", 0), ("img/c.jpg", 0)]
    assert [s.group for s in dataset.samples] == ["patient 1", "patient 2", "patient 1"]  # never by their names
    assert (dataset.name, dataset.classes, dataset.findings) == ("labels", ("no fracture", "fracture"), ())
    assert dataset.samples[2].read().pixels.shape == (40, 60)


def test_columns_of_other_names(tmp_path: Path) -> None:
    text = "pid;image path;fx\n7;a.png;1.0\n8;b.png;0.0\n"
    path = table(tmp_path, text, "a.png", "b.png")
    dataset = open_dataset(f"{path}?file=image%20path&label=fx&patient=pid")
    assert [(s.label, s.group) for s in dataset.samples] == [(1, "patient 1"), (0, "patient 2")]
    with pytest.raises(DatasetError, match=r"labels\.csv: no column file, label") as error:
        open_dataset(path)
    assert "it has pid, image path, fx" in error.value.hint


def test_types_and_classes_of_ones_own(tmp_path: Path) -> None:
    path = table(tmp_path, "file,label\na.png,normal\nb.png,spiral\nc.png,Torus\n", "a.png", "b.png", "c.png")
    assert open_dataset(path).classes == ("no fracture", "spiral", "torus")
    path = table(tmp_path, "file,label\na.png,A1\nb.png,-\n", name="own.csv")
    assert [s.label for s in open_dataset(f"{path}?classes=-,A1").samples] == [1, 0]


def test_without_patients_neighbours_share_a_group(tmp_path: Path) -> None:
    names = [f"x{n:03d}.png" for n in range(100)]
    path = table(tmp_path, "file,label\n" + "".join(f"{n},{int(n < 'x050')}\n" for n in names), *names)
    dataset = open_dataset(path)
    assert dataset.samples[0].group == dataset.samples[1].group and len({s.group for s in dataset.samples}) < 25
    assert any("no column of patients" in finding for finding in dataset.findings)
    with pytest.raises(DatasetError, match="no column pid"):
        open_dataset(f"{path}?patient=pid")


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    text = "file,label,patient\na.png,1,1\nb.png,0,2\ngone.png,1,3\nc.png,,4\n,1,5\n"
    dataset = open_dataset(table(tmp_path, text, "a.png", "b.png", "c.png"))
    assert len(dataset) == 2
    assert any("without an image file" in f and f.endswith(": gone.png") for f in dataset.findings)
    assert any("without file or label" in f and f.endswith("line 5, line 6") for f in dataset.findings)


def test_two_labels_for_one_file(tmp_path: Path) -> None:
    text = "file,label,patient\na.png,1,1\nb.png,0,2\nc.png,1,3\n./c.png,0,3\nd.png,1,4\nd.png,1,5\n"
    dataset = open_dataset(table(tmp_path, text, "a.png", "b.png", "c.png", "d.png"))
    assert [s.id for s in dataset.samples] == ["a.png", "b.png", "d.png"]
    assert any("several labels" in f and f.endswith(": c.png") for f in dataset.findings)
    assert any("several times" in f and f.endswith(": d.png") for f in dataset.findings)
    assert any("several patients" in f and f.endswith(": d.png") for f in dataset.findings)


def test_unknown_label(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"labels\.csv, line 3: label 'perhaps' names no class") as error:
        open_dataset(table(tmp_path, "file,label\na.png,1\nb.png,perhaps\n", "a.png", "b.png"))
    assert "classes=" in error.value.hint


def test_empty_class(tmp_path: Path) -> None:
    path = table(tmp_path, "file,label\na.png,1\nb.png,1\ngone.png,0\n", "a.png", "b.png")
    with pytest.raises(DatasetError, match="no images of class 'no fracture', only of 'fracture'"):
        open_dataset(path)
    path = table(tmp_path, "file,label\na.png,1\n")
    with pytest.raises(DatasetError, match="no images of class 'no fracture'"):
        open_dataset(path)
    path = table(tmp_path, "file,label\na.png,spiral\n")
    with pytest.raises(DatasetError, match="of one class, 'spiral'"):
        open_dataset(path)


def test_none_of_the_files_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none of its files is there"):
        open_dataset(table(tmp_path, "file,label\na.png,1\nb.png,0\n"))


@pytest.mark.parametrize(
    ("query", "says"),
    [("?fil=x", "no option 'fil'"), ("?file=", "is empty"), ("?file=a&file=b", "given twice"), ("?", "form option")],
)
def test_wrong_options(tmp_path: Path, query: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        open_dataset(f"{table(tmp_path, 'file,label')}{query}")


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: cannot be read"):
        open_dataset(tmp_path / "gone.csv")
    (tmp_path / "b.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(DatasetError, match=r"b\.csv: not UTF-8"):
        open_dataset(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(DatasetError, match=r"c\.csv: no column"):
        open_dataset(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text('file,label\n"' + "x" * 200_000 + '",1\n')
    with pytest.raises(DatasetError, match=r"d\.csv, line \d: not a CSV table"):
        open_dataset(tmp_path / "d.csv")
