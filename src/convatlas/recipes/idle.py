"""Settings that have no effect beside others, so that a flag that was typed in vain is refused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data import CATALOG
from ..engine.recipe import Recipe, flag
from ..errors import InputError


@dataclass(frozen=True, slots=True)
class Need:
    """When a setting has an effect: the fields that decide, whether they let it, and else why not."""

    fields: frozenset[str]
    holds: Callable[[Recipe], bool]
    words: str


def has_files(recipe: Recipe) -> bool:
    """Whether the images are files that are decoded, and no arrays."""
    return recipe.data not in CATALOG and Path(recipe.data).suffix.lower() != ".npz"


def looks_in_folder(recipe: Recipe) -> bool:
    """Whether the data set is one of the catalog, or a table whose paths lie in a folder of data."""
    return recipe.data in CATALOG or Path(recipe.data).expanduser().is_file()


TEACHER = Need(frozenset({"teacher"}), lambda recipe: recipe.teacher is not None, "without --teacher")
FILES = Need(frozenset({"data"}), has_files, "on images that are not in files")
NEEDS = {
    "temperature": TEACHER,
    "distill": TEACHER,
    "stage_decay": Need(
        frozenset({"strategy"}), lambda recipe: recipe.strategy == "discriminative", "without --strategy discriminative"
    ),
    "fresh_head": Need(frozenset({"weights"}), lambda recipe: recipe.weights is not None, "without --weights"),
    "fold": Need(frozenset({"folds"}), lambda recipe: recipe.folds is not None, "without --folds"),
    "val_share": Need(frozenset({"folds"}), lambda recipe: recipe.folds is None, "beside --folds"),
    "split_seed": Need(
        frozenset({"folds", "val_share", "limit"}),
        lambda recipe: bool(recipe.folds or recipe.val_share or recipe.limit),
        "without --val-share, --folds or --limit",
    ),
    "strict": FILES,
    "workers": FILES,
    "resident_share": FILES,
    "data_dir": Need(frozenset({"data"}), looks_in_folder, "where --data is the path of images"),
}


def refuse_idle(recipe: Recipe, given: Mapping[str, Any], varied: Iterable[str] = ()) -> None:
    """Makes sure that each setting that was given has an effect, or may have one where those that are `varied` decide.

    Raises   InputError that names one that has none
    """
    names = {name.replace("-", "_") for name in varied}
    for name in [*(name for name, value in given.items() if value is not False), *names]:
        need = NEEDS.get(name)
        if need and not need.holds(recipe) and not need.fields & names:
            raise InputError(f"{flag(name)} has no effect {need.words}: leave it out")
