"""Cross-validation: as many runs as folds, and every image held out once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.file_list import KeptFiles
from ..engine.events import Event
from ..engine.lock import hold_own_folder
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run, not_empty, slug
from ..engine.stop import Interrupted
from ..engine.task import Task
from ..errors import InputError
from ..files import free_path, is_occupied, make_folder, read_object, write_json
from ..runs.build import open_data, task_of_run
from ..runs.kept import files_of_runs
from ..runs.training import start
from .compare import confusion
from .figures import of_split, spread
from .trials import TrialStarted

FILE = "folds.json"


class CrossValidation:
    """A folder with one run for each fold.

    Files    folds.json (recipe) · fold-0/ … (runs) · results.json
    """

    command_name = "tune"

    def __init__(self, folder: Path, recipe: Recipe, notes: tuple[str, ...] = ()) -> None:
        self.folder, self.recipe, self.notes = folder, recipe, notes

    @classmethod
    def create(cls, folder: Path | None, recipe: Recipe, notes: tuple[str, ...] = ()) -> "CrossValidation":
        """A new folder; without a path, a fresh name under runs/.

        Raises   InputError if the folder holds anything
        """
        if folder is None:
            folder = free_path(Path("runs") / f"folds-{slug(recipe.model)}-{slug(Path(recipe.data).stem)}-{recipe.digest()}")
        elif is_occupied(folder):
            raise not_empty(folder)
        make_folder(folder)
        write_json(folder / FILE, recipe.to_json())
        return cls(folder, recipe, notes)

    @staticmethod
    def lies_in(folder: Path) -> bool:
        """Whether a folder holds a cross-validation."""
        return (folder / FILE).is_file()

    @classmethod
    def open(cls, folder: Path) -> "CrossValidation":
        """The cross-validation in an existing folder.

        Raises   InputError if there is none
        """
        if not cls.lies_in(folder):
            raise InputError(f"{folder} holds no cross-validation: start one with --folds 5 --out {folder}")
        return cls(folder, Recipe.from_json(read_object(folder / FILE)))

    @property
    def task(self) -> Task:
        """What is trained and how it is judged, as the first fold's run says."""
        return task_of_run(Run.open(self.runs()[0][1]))

    def runs(self) -> list[tuple[Recipe, Path]]:
        """The recipe and the folder of each fold."""
        folds = range(self.recipe.folds or 0)
        return [(replace(self.recipe, fold=fold), self.folder / f"fold-{fold}") for fold in folds]

    @hold_own_folder
    def run(self) -> Iterator[TrialStarted | Event]:
        """Trains what is not yet trained.

        Raises   Interrupted, with the folder to continue in; InUse if another process trains here
        """
        of = self.recipe.folds or 0
        for number, (recipe, folder) in enumerate(self.runs(), start=1):
            run = Run.open(folder) if is_run(folder) else Run.create(folder, recipe)
            yield TrialStarted(f"{recipe.model} fold {number}", recipe.seed, number, of, run.finished)
            if run.finished:
                continue
            try:
                yield from start(run, open_data(recipe, self.files_of(recipe)), self.notes if number == 1 else ())
            except Interrupted as error:
                raise Interrupted(f"in fold {number} {error.where}", self.folder, "tune") from error

    def files_of(self, recipe: Recipe) -> KeptFiles | None:
        """The files of the folds that have begun, so that all folds divide the same ones."""
        return files_of_runs([folder for _, folder in self.runs()], recipe)

    def results(self) -> dict[str, Any]:
        """Figures over the folds, and over all images together, each judged by the run that did not learn from it."""
        runs = [Run.open(folder) for _, folder in self.runs()]
        metrics = [run.metrics for run in runs]
        task, decides = self.task, self.task.measures[0]
        sizes = [m["val"]["n"] for m in metrics]
        scores = np.concatenate([task.per_image(of_split(run.predictions(), "val")).double().numpy() for run in runs])
        counts = np.array(confusion([m["val"] for m in metrics]))
        results = {
            "recipe": self.recipe.to_json(),
            "folds": len(metrics),
            "classes": runs[0].environment["data"]["classes"],
            f"val_{decides.key}": spread([m["val"][decides.key] for m in metrics]),
            "val_loss": spread([m["val"]["loss"] for m in metrics]),
            "held_out_once": {"n": sum(sizes), task.image_measure.key: float(scores.mean())},
            f"test_{decides.key}": spread([m["test"][decides.key] for m in metrics if m["test"]]),
            "seconds": spread([m["seconds"] for m in metrics]),
        }
        if counts.size:
            results |= {f"per_class_{decides.key}": (counts.diagonal() / counts.sum(1)).tolist(), "confusion": counts.tolist()}
        write_json(self.folder / "results.json", results)
        return results
