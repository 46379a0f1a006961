"""Labels in a table: a CSV with a path in one column and one label, or several, in others."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, count_of, join_names, unknown_name
from . import picture_file
from .arrays import Labels, check_classes
from .folder import Folder, Tree
from .layout import part_of as part_of_name

ENDINGS = {".csv", ".tsv"}
PATHS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "image_name",
    "image_id",
    "img",
)
LABELS = ("label", "class", "category", "target", "labels", "classes", "tags", "categories")
SPLITS = ("split", "part", "subset", "set")
SEPARATORS = re.compile(r"\s*[|;]\s*")


@dataclass(frozen=True, slots=True)
class Rows:
    """The cells of a table by column."""

    path: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, kind: str, wanted: str | None, known: Sequence[str], flag: str) -> str:
        """The column that is asked for, else the first one that has a known name, in any letter case.

        Raises   InputError that lists the columns
        """
        if wanted is not None:
            if wanted not in self.columns:
                raise unknown_name(f"column of {self.path}", wanted, self.columns)
            return wanted
        plain = {name.strip().casefold().replace(" ", "_"): name for name in self.columns}
        if name := next((plain[name] for name in known if name in plain), None):
            return name
        raise InputError(f"{self.path} has no column of {kind} among {join_names(list(self.columns))}: name it with {flag}")


def is_table(path: Path) -> bool:
    """Whether a path is that of a table, by its ending."""
    return path.suffix.lower() in ENDINGS and path.is_file()


def read_table(
    path: Path,
    folder: Path | None = None,
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    group_by: str | None = None,
) -> Folder:
    """The parts of a table: those that a column such as `split` names, else one, from which test images are to be drawn.

    A label column with `a|b`, `a;b` or `["a", "b"]` in some cell gives several labels per image, and so do columns of 0 and 1
    in the place of one; an empty cell is then an image without a label.
    Paths are relative to `folder`, or to the table's own. Images are grouped by a column, or else by a pattern of their paths.

    Raises   InputError if it is no table, or lacks a column, or an image stands in it with two labels
    """
    rows = read_rows(path)
    group_column = group_by if group_by in rows.columns else None
    images = rows.column("paths", path_column, PATHS, "--path-column")
    split = next((name for name in rows.columns if name.strip().casefold() in SPLITS and is_split(rows.columns[name])), None)
    labels, classes = read_label_columns(rows, label_column, {images, split, group_column})
    groups = np.array(rows.columns[group_column], np.str_) if group_column else None
    root = folder or path.parent
    names = with_ending(root, rows.columns[images])
    first = first_rows(path, names, labels)
    part_of = [part_name(cell) for cell in rows.columns[split]] if split else ["train"] * len(names)

    def tree(part: str) -> Tree | None:
        places = np.array([i for i in first if part_of[i] == part], np.int64)
        if not len(places):
            return None
        own = groups[places] if groups is not None else None
        return Tree(root, classes, tuple(names[i] for i in places), labels[places], (), own)

    train, val, test = (tree(part) for part in ("train", "val", "test"))
    if train is None:
        raise InputError(f"{path} has no image for training: its column {split} needs rows of train")
    check_classes(str(path), classes, several=labels.ndim == 2)
    check_paths(path, root, train)
    source = Folder(train, val, test, whole=split is None)
    return source.group(group_by) if group_by and not group_column else source


def read_rows(path: Path) -> Rows:
    """The cells of a table; commas, semicolons or tabs stand between them.

    Raises   InputError if it is no text, has no rows, or rows of unequal length
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        words = (
            "is no UTF-8 text: save it as CSV in UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error}"
        )
        raise InputError(f"{path} {words}") from None
    head = text.partition("\n")[0]
    delimiter = max("\t;,", key=head.count) if any(mark in head for mark in "\t;,") else ","
    try:
        cells = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise InputError(f"{path} is no table: {error}") from None
    if len(cells) < 2:
        raise InputError(
            f"{path} needs a line with the names of its columns and one line per image, got {count_of(len(cells), 'line')}"
        )
    names = [name.strip() for name in cells[0]]
    if len(set(names)) < len(names):
        raise InputError(f"{path} has two columns of one name among {join_names(names)}: give each its own")
    for number, row in enumerate(cells[1:], start=2):
        if len(row) != len(names):
            raise InputError(
                f"{path} needs {count_of(len(names), 'cell')} in each row, got {len(row)} in row {number}: "
                f"quote cells that hold {delimiter!r}"
            )
    return Rows(path, {name: [row[i].strip() for row in cells[1:]] for i, name in enumerate(names)})


def read_label_columns(rows: Rows, wanted: str | None, others: set[str | None]) -> tuple[Labels, tuple[str, ...]]:
    """The labels, and the names of the classes.

    Shapes   (n,) numbers of classes, or (n, classes) of 0 and 1 where images have several labels
    Raises   InputError if no column has labels, or a cell has none where each image needs one
    """
    if wanted is None and not any(name.strip().casefold() in LABELS for name in rows.columns):
        binary = [name for name, cells in rows.columns.items() if name not in others and set(cells) <= {"0", "1", "0.0", "1.0"}]
        if len(binary) > 1:
            columns = [[float(cell) for cell in rows.columns[name]] for name in binary]
            return np.array(columns, np.int64).T.copy(), tuple(binary)
    column = rows.column("labels", wanted, LABELS, "--label-column")
    cells = rows.columns[column]
    if any(holds_several(cell) for cell in cells):
        sets = [split_labels(rows.path, cell) for cell in cells]
        classes = sort_classes({name for labels in sets for name in labels})
        number = {name: i for i, name in enumerate(classes)}
        table = np.zeros((len(sets), len(classes)), np.int64)
        for row, labels in zip(table, sets, strict=True):
            row[[number[name] for name in labels]] = 1
        return table, classes
    if (empty := next((i for i, cell in enumerate(cells) if not cell), None)) is not None:
        raise InputError(
            f"{rows.path} needs a label in each row, and column {column} has none in row {empty + 2}: fill it, or remove "
            "the row"
        )
    classes = sort_classes(set(cells))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[cell] for cell in cells], np.int64), classes


def holds_several(cell: str) -> bool:
    """Whether a cell is a list of labels."""
    return "|" in cell or ";" in cell or (cell.startswith("[") and cell.endswith("]"))


def split_labels(path: Path, cell: str) -> list[str]:
    """The labels of a cell.

    Raises   InputError if it is a list in brackets that is not written as JSON
    """
    if not cell.startswith("["):
        return [name for name in SEPARATORS.split(cell) if name]
    try:
        names = json.loads(cell if '"' in cell else cell.replace("'", '"'))
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise InputError(f'{path} needs lists of labels as a|b or ["a", "b"], got {cell}')
    return [str(name) for name in names]


def sort_classes(names: set[str]) -> tuple[str, ...]:
    """The names in their order; as numbers if all are."""
    numbers = all(name.isdecimal() for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if numbers else 0, name)))


def is_split(cells: Sequence[str]) -> bool:
    """Whether every cell names a part."""
    return all(part_name(cell) for cell in cells)


def part_name(cell: str) -> str:
    """`train`, `val` or `test`; empty if the cell is none of their names."""
    return part_of_name(cell) or ""


def first_rows(path: Path, names: Sequence[str], labels: Labels) -> list[int]:
    """The rows in which an image stands first.

    Raises   InputError if it stands in another one with another label
    """
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if not name:
            raise InputError(f"{path} needs a path in each row, and row {i + 2} has none: fill it, or remove the row")
        other = first.setdefault(name, i)
        if other != i and (labels[other] != labels[i]).any():
            raise InputError(
                f"{path} has {name} in rows {other + 2} and {i + 2} with different labels: keep one of them, "
                "or write several labels in one cell, as a|b"
            )
    return list(first.values())


def with_ending(root: Path, names: Sequence[str]) -> list[str]:
    """The names, with the ending of the files where a table leaves it out."""
    first = next((name for name in names if name), "")
    if not first or Path(first).suffix or (root / first).is_file():
        return list(names)
    ending = next((ending for ending in sorted(picture_file.ENDINGS) if (root / f"{first}{ending}").is_file()), "")
    return [name and f"{name}{ending}" for name in names]


def check_paths(path: Path, root: Path, train: Tree) -> None:
    """Raises InputError if none of the training images exists, since paths are then relative to another folder."""
    if not any((root / name).is_file() for name in train.names):
        raise InputError(
            f"{path}: none of its {count_of(len(train.names), 'image')} exists, such as {root / train.names[0]}: "
            "name the folder that its paths are relative to with --data-dir"
        )
