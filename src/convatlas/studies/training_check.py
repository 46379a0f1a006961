"""What training would take of a folder, by default, or why it would refuse it."""

from collections.abc import Mapping
from pathlib import Path

from ..data import folder
from ..data.feed import Split
from ..data.file_list import PARTS
from ..data.from_files import divide
from ..engine.recipe import Recipe
from ..errors import InputError
from ..runs.build import split_options


def scan_for_training(root: Path) -> tuple[folder.Folder | None, str]:
    """The parts of a folder as training reads them, or why it refuses them."""
    try:
        return folder.scan(root), ""
    except InputError as error:
        return None, str(error)


def trees_of(source: folder.Folder) -> dict[str, folder.Tree]:
    """The parts of a folder that can be trained on, or all of it."""
    if source.root is None:
        return {"all": source.train}
    trees = {"train": source.train, "val": source.val, "test": source.test}
    return {part: tree for part, tree in trees.items() if tree is not None}


def images_for_training(root: Path, source: folder.Folder | None, broken: Mapping[str, str]) -> dict[str, int]:
    """How many readable images training takes for each part, by default."""
    if source is None:
        return {}
    parts = zip(PARTS, divide(source, Split(**split_options(Recipe()))), strict=True)
    listed = {
        part: [(files.root / name).relative_to(root).as_posix() for name in files.names] if files else []
        for part, files in parts
    }
    return {part: sum(name not in broken for name in names) for part, names in listed.items()}
