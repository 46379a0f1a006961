"""The files that a run was trained and tested on, taken again when its data has changed, so that it is tested on no others."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..data import CATALOG, Data, load
from ..data.file_list import KeptFiles, size_of
from ..data.loading import folder_of
from ..data.walk import local_name, plain_name
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..errors import InputError, count_of
from .build import load_arguments, split_options, with_statistics
from .storage import with_storage_of


def files_of_run(run: Run | None, data: str, data_dir: Path | None = None) -> KeptFiles | None:
    """The files of a run where a folder or table holds them; None for another set, and for a run that has no list of them."""
    path = Path(data).expanduser()
    if run is None or data in CATALOG or not path.exists() or (files := run.files) is None:
        return None
    own, root = Path(run.recipe.data).expanduser(), folder_of(path, data_dir)
    if own.exists() and own.samefile(path):
        return KeptFiles(files)
    holds_some = any(size_of(root / local_name(file.path)) == file.size for file in files.files)
    return KeptFiles(files) if holds_some else None


def files_of_runs(folders: Iterable[Path], recipe: Recipe) -> KeptFiles | None:
    """The files of the first of some runs that divided its images as a recipe does, so that all runs of a study have the same.

    A run of another fold gives the files to divide. They have to be complete as long as a run is not finished.
    """
    runs = [Run.open(folder) for folder in folders if is_run(folder)]
    complete = not all(run.finished for run in runs)
    wanted = split_options(recipe)
    for apart in (set(), {"fold"}):
        for run in runs:
            own, files = split_options(run.recipe), run.files
            same = run.recipe.data == recipe.data and all(own[name] == wanted[name] for name in wanted.keys() - apart)
            if same and files is not None:
                return KeptFiles(files, pool=bool(apart), complete=complete)
    return None


class StudyImages:
    """The images of the runs of a study, opened once for all recipes that ask for the same."""

    def __init__(self) -> None:
        self.opened: tuple[dict[str, Any], Data] | None = None

    def keep(self, recipe: Recipe, data: Data) -> None:
        """Takes images that are open already."""
        self.opened = load_arguments(recipe), data

    def open(self, recipe: Recipe, folders: Iterable[Path]) -> Data:
        """The images of a recipe: the files of those runs that have begun, as they were divided then."""
        wanted = load_arguments(recipe)
        if self.opened is None or self.opened[0] != wanted:
            folders = [*folders]
            as_before = load_arguments(with_storage_of(recipe, folders))
            self.opened = wanted, load(**as_before, kept=files_of_runs(folders, recipe))
        return with_statistics(recipe, self.opened[1])


def files_to_go_on(run: Run) -> KeptFiles | None:
    """The files that a run goes on with, all of which it needs; None if it has no list of them."""
    return None if (files := run.files) is None else KeptFiles(files, complete=True)


def check_same_data(run: Run, data: Data) -> None:
    """Makes sure that a run that has begun goes on with what it began with.

    Raises   InputError if the classes, or the arrays, are others
    """
    if not (run.path / "env.json").is_file():
        return
    before = run.environment.get("data", {})
    classes = [plain_name(name) for name in before.get("classes", data.classes)]
    changes = []
    if classes != [*map(plain_name, data.classes)]:
        same = len(classes) == len(data.classes)
        changes = [
            f"other classes now, {len(classes)} as then" if same else f"{len(data.classes)} classes now, {len(classes)} then"
        ]
    elif before.get("digests", {}).get("train", data.digests.get("train")) != data.digests.get("train"):
        changes = ["its training images or labels are others now"]
    if changes:
        raise InputError(
            f"{run.recipe.data} has changed since {run.path} began: {changes[0]}; bring the data back, or start a new run "
            "with another --out"
        )


def changed_arrays(run: Run | None, name: str, data: Data) -> set[str]:
    """Which of train and test are others than a run had, where it is the very set of the run."""
    if run is None or run.recipe.data != name or not data.digests:
        return set()
    before = run.environment["data"].get("digests", data.digests) if (run.path / "env.json").is_file() else data.digests
    return {part for part in before if before[part] != data.digests[part]}


def check_same_arrays(run: Run | None, name: str, data: Data, split: str) -> None:
    """Raises InputError if images that the run learned from could be among those of a part, since the arrays are others."""
    if {"val": "train"}.get(split, split) in changed_arrays(run, name, data):
        raise InputError(
            f"the {split} images of {name} are others than those of the run, which may have learned from them: bring the data "
            "back, or give other images with --data"
        )


def learned_words(recipe: Recipe, data: Data) -> tuple[str, ...]:
    """A warning for each run that a recipe starts or learns from, if it has learned from images that are held out now."""
    notes = []
    for place in (recipe.weights, recipe.teacher):
        if place is None or not is_run(place) or data.files is None or (known := Run.open(Path(place)).files) is None:
            continue
        learned = {(file.path, file.size) for file in known.files if file.part == "train"}
        held_out = [file for file in data.files.files if file.part != "train" and (file.path, file.size) in learned]
        if held_out:
            images = count_of(len(held_out), "image")
            notes.append(
                f"{place} has learned from {images} of {data.name} held out here: the figures on them will be too good"
            )
    return tuple(notes)
