"""More epochs for a finished run."""

from pathlib import Path

from ..engine.record import EXTENSION, Run
from ..errors import InputError

STUDIES = {"comparison.json": "a comparison", "sweep.json": "a sweep", "folds.json": "a cross-validation"}


def extend_run(run: Run, epochs: int) -> None:
    """Gives a finished run more epochs, in all.

    Raises   InputError if there are no more, or the run cannot go on
    """
    path, own = run.path, run.recipe.epochs
    if epochs < own:
        raise InputError(f"{path} has had {own} epochs: --epochs gives it more in all, got {epochs}")
    study = next((words for file, words in STUDIES.items() if (path.absolute().parent / file).is_file()), None)
    if study:
        raise InputError(f"{path} is part of {study}, whose runs are equally long: start a new run to train longer")
    state = run.load_state()
    if state is None:
        raise InputError(
            f"{path} has no state.pt to go on from, as runs have that were pulled: start from its weights with "
            f"`convatlas tune {path} --data …`"
        )
    if state["epoch"] < own:
        raise InputError(
            f"{path} stopped after {state['epoch']} of {own} epochs, since --patience {run.recipe.patience} found none better: "
            "start a new run with more patience"
        )
    run.extend(epochs)


def is_under_way(folder: Path) -> bool:
    """Whether a run has epochs to come."""
    return not (folder / "metrics.json").exists() or (folder / EXTENSION).exists()
