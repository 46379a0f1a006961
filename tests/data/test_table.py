"""Labels in a table: which columns are which, what a cell means, and what is said of a table that cannot be right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convatlas.data import load
from convatlas.data.table import read_table
from convatlas.errors import InputError

Maker = Callable[..., Path]


@pytest.fixture
def photographs(pictures: Maker) -> Path:
    """a/0.png to b/5.png."""
    return pictures("a", "b", count=6)


def write(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


NAMES = [f"{folder}/{i}.png" for folder in "ab" for i in range(6)]


def rows(*cells: str, names: list[str] = NAMES) -> str:
    return "".join(f"{name},{cells[i % len(cells)]}\n" for i, name in enumerate(names))


def test_a_label_per_image_and_parts_drawn_as_of_a_folder(photographs: Path) -> None:
    data = load(str(write(photographs, "image,label\n" + rows("cat", "dog"))), image_size=8)
    assert (data.name, data.title, data.classes, data.task) == ("labels", "labels.csv", ("cat", "dog"), "classify")
    assert [len(part or ()) for part in (data.train, data.val, data.test)] == [8, 2, 2]


@pytest.mark.parametrize(
    ("head", "mark", "encoding"),
    [("Path,Class", ",", "utf-8"), ("file name\tCategory", "\t", "utf-8"), ("IMG;target", ";", "utf-8-sig")],
)
def test_columns_by_usual_names_in_any_case_and_other_separators(
    photographs: Path, head: str, mark: str, encoding: str
) -> None:
    text = f"{head}\n{rows('2', '10')}".replace(",", mark)
    source = read_table(write(photographs, text, encoding=encoding))
    assert source.train.classes == ("2", "10")  # numbers in their order
    assert source.train.labels.tolist() == [0, 1] * 6


def test_columns_that_are_named_and_a_folder_for_the_paths(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    table = write(tmp_path / "elsewhere", "where,what,label\n" + rows("x,?", "y,?"), "t.tsv")
    data = load(str(table), data_dir=photographs, path_column="where", label_column="what", image_size=8)
    assert data.classes == ("x", "y")
    with pytest.raises(InputError, match=r"none of its 12 images exists, such as .*elsewhere.a.0\.png: name the folder"):
        load(str(table), path_column="where", label_column="what")


def test_a_column_of_splits(photographs: Path) -> None:
    parts = ["Train", "train", "VALID", "training", "train", "test"]
    text = "path,label,split\n" + "".join(f"{name},{name[0]},{parts[i % 6]}\n" for i, name in enumerate(NAMES))
    data = load(str(write(photographs, text.replace("training", "train"))), image_size=8)
    assert [len(part or ()) for part in (data.train, data.val, data.test)] == [8, 2, 2]
    folds = load(str(photographs / "labels.csv"), image_size=8, folds=2)
    assert [len(part or ()) for part in (folds.train, folds.val, folds.test)] == [5, 5, 2]


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (("cat|dog", "", "dog"), ("cat", "dog")),
        (("cat; dog", "owl", ""), ("cat", "dog", "owl")),
        (('"[""cat"", ""dog""]"', "[]", '"[""owl""]"'), ("cat", "dog", "owl")),
        (("\"['cat', 'dog']\"", "[]", "cat"), ("cat", "dog")),
    ],
)
def test_several_labels_in_a_cell(photographs: Path, cells: tuple[str, ...], classes: tuple[str, ...]) -> None:
    data = load(str(write(photographs, "image,tags\n" + rows(*cells))), image_size=8)
    assert (data.task, data.classes) == ("multilabel", classes)


def test_columns_of_zero_and_one_are_several_labels(photographs: Path) -> None:
    source = read_table(write(photographs, "image,age,cat,dog\n" + rows("31,0,1", "7,1,1", "9,0,0")))
    assert source.train.classes == ("cat", "dog")
    assert source.train.labels[:3].tolist() == [[0, 1], [1, 1], [0, 0]]


def test_names_without_an_ending_get_that_of_the_files(photographs: Path) -> None:
    bare = [name.removesuffix(".png") for name in NAMES]
    assert read_table(write(photographs, "image_id,label\n" + rows("x", "y", names=bare))).train.names == tuple(NAMES)


def test_an_image_that_stands_twice_with_the_same_label_counts_once(photographs: Path) -> None:
    text = "image,label\n" + rows("x", "y") * 2
    assert len(read_table(write(photographs, text)).train.names) == 12


def test_a_missing_picture_is_left_out_and_said(photographs: Path) -> None:
    text = "image,label\n" + rows("x", "y") + "gone.png,x\n"
    data = load(str(write(photographs, text)), image_size=8)
    assert any("gone.png" in warning for warning in data.warnings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a line with the names of its columns and one line per image, got 0 lines"),
        ("image,label\n", "got 1 line"),
        ("when,label\n" + rows("x", "y"), "has no column of paths among when, label: name it with --path-column"),
        ("image,mood\n" + rows("x", "y"), "has no column of labels among image, mood: name it with --label-column"),
        ("image,label\n" + rows("x", ""), "column label has none in row 3"),
        ("image,label\n" + rows("x"), "has one class, x: a classifier needs two or more"),
        ("image,label\n" + rows("x", "y") + "a/0.png,y\n", "has a/0.png in rows 2 and 14 with different labels"),
        ("image,label\n,x\n" + rows("x", "y"), "needs a path in each row, and row 2 has none"),
        ("image,label\n" + rows("x,1", "y"), "needs 2 cells in each row, got 3 in row 2"),
        ("image,label,label\n" + rows("x,1", "y,1"), "has two columns of one name"),
        ("image,tags\n" + rows("x|y", '"[x, y"', "[x]"), r"needs lists of labels as a\|b"),
        ('image,label\n"a/0.png,x\n', "is no table"),
        ("image,label,split\n" + rows("x,test", "y,val"), "has no image for training: its column split needs rows of train"),
    ],
)
def test_a_table_that_cannot_be_right_says_why(photographs: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_table(write(photographs, text))


def test_other_text_is_refused(photographs: Path) -> None:
    with pytest.raises(InputError, match="is no UTF-8 text"):
        read_table(write(photographs, "image,label\nä.png,x\n", encoding="latin-1"))
    with pytest.raises(InputError, match=r"unknown column of .*: did you mean label"):
        read_table(write(photographs, "image,label\n" + rows("x", "y")), label_column="labl")
    with pytest.raises(InputError, match="columns are those of a table"):
        load("digits", label_column="label")


def test_groups_of_a_column_or_of_paths_are_never_split(tmp_path: Path) -> None:
    lines = []
    for i in range(60):
        name = f"p{i % 12:02d}_{i}.png"
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(tmp_path / name)
        lines.append(f"{name},{'xy'[i % 12 > 5]},film {i % 12}\n")
    table = write(tmp_path, "image,label,film\n" + "".join(lines))
    for group_by in ("film", r"^(p\d+)_"):
        for options in ({}, {"folds": 3, "fold": 2}, {"split_seed": 5}):
            data = load(str(table), image_size=8, group_by=group_by, resident_share=0, **options)
            parts = [
                {data_part.path(i).name[:3] for i in range(len(data_part))} for data_part in (data.train, data.val, data.test)
            ]
            assert sum(len(part) for part in parts) == len(set.union(*parts)) == 12
            assert min(map(len, parts)) >= 1
    with pytest.raises(InputError, match=r"--group-by q\(\.\) needs to match every path"):
        load(str(table), group_by="q(.)")
    with pytest.raises(InputError, match=r"--group-by \( is no regular expression"):
        load(str(table), group_by="(")
    with pytest.raises(InputError, match="needs images in files"):
        load("digits", group_by="x")


def test_groups_that_stand_in_two_given_parts_are_said(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "test/a", "test/b")
    data = load(str(root), image_size=8, group_by=r"(\d+)\.png")
    assert "4 of the groups of test, such as '0', stand in train too: its figures flatter" in data.warnings
