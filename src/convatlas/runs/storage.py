"""Images that are held in memory or decoded each epoch: the same seed draws other windows, so a run goes on as it began."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..data import Data, Streamed
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run

SHARES = {"held in memory": 1.0, "decoded each epoch": 0.0}  # of the free memory that repeat it, where it can be repeated


def storage_of_run(run: Run) -> str | None:
    """How a run that has begun has its images; None where that is not known."""
    known = (run.path / "env.json").is_file()
    return run.environment.get("data", {}).get("images") if known else None


def with_storage_of(recipe: Recipe, folders: Iterable[Path]) -> Recipe:
    """The recipe with the share of memory that has its images as the first of these runs has them, if one has begun."""
    for run in map(Run.open, filter(is_run, folders)):
        storage = storage_of_run(run)
        if storage in SHARES and run.recipe.resident_share == recipe.resident_share:
            return replace(recipe, resident_share=SHARES[storage])
    return recipe


def storage_notes(run: Run, data: Data) -> tuple[str, ...]:
    """That the images of a run are decoded each epoch, or are had in another way than when it began."""
    before = storage_of_run(run)
    if before is not None and before != data.storage:
        return (f"the images are {data.storage} now and were {before} when the run began: its figures will differ a little",)
    if before is None and isinstance(data.train, Streamed):
        return (f"images are {data.storage}, for lack of memory or by --resident-share; in memory they are drawn otherwise",)
    return ()
