"""Optuna's study of a sweep, in a file: what it tries next and what it prunes."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.recipe import Recipe
from ..errors import InputError
from .space import Dimension, every_setting, space_size

if TYPE_CHECKING:
    from optuna import Study, Trial

UNPRUNED = 5  # trials at the beginning that are not pruned: a median of fewer says little
SEED_STEP = 7919  # from one trial to the next, so that sweeps with neighboring seeds try different settings


def require_optuna() -> None:
    """Raises InputError if Optuna is not installed."""
    if find_spec("optuna") is None:
        raise InputError("sweep needs the package optuna: pip install 'convatlas[sweep]'")


def check_trials(trials: int) -> None:
    """Raises InputError for fewer than one."""
    if trials < 1:
        raise InputError(f"--trials needs to be at least 1, got {trials}")


def open_study(path: Path, recipe: Recipe, space: Sequence[Dimension], trials: int, *, maximize: bool) -> "Study":
    """The study in a file, or a new one.

    A trial is pruned if, after half of its epochs, it is worse than the median of the others at the same epoch. Hyperband
    would give most settings a few epochs only, where learning rates that rise and fall over the epochs make a good setting
    look bad, and it needs more than a few dozen trials to fill its brackets.

    Raises   InputError if the file belongs to another recipe or other ranges, or cannot be read
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=recipe.epochs // 2 + 1)
    direction = optuna.study.StudyDirection.MAXIMIZE if maximize else optuna.study.StudyDirection.MINIMIZE
    address = f"sqlite:///{path.absolute()}"
    try:
        storage = optuna.storages.RDBStorage(address, engine_kwargs={"poolclass": NullPool})
        study = optuna.create_study(
            storage=storage, study_name="sweep", direction=direction, pruner=pruner, load_if_exists=True
        )
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise InputError(f"{path} is no study that Optuna can read ({type(error).__name__}): start a new sweep") from error
    digest = sha256("\n".join([recipe.digest(), *map(str, space)]).encode()).hexdigest()
    if "sweep" not in study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr("sweep", digest)
    if study.user_attrs.get("sweep") != digest:
        raise InputError(f"{path} belongs to another recipe or other ranges than the sweep around it: start a new sweep")
    if space_size(space) == trials:  # also of a sweep that had fewer trials before, or was killed here
        for params in every_setting(space):
            study.enqueue_trial(params, skip_if_exists=True)
    return study


def next_trial(study: "Study", trials: int, seed: int) -> "Trial | None":
    """The trial that was interrupted, or a new one; None after the last.

    Each has a seed of its own, so that a sweep that was interrupted tries the same settings.
    """
    from optuna.samplers import TPESampler
    from optuna.trial import Trial, TrialState

    known = study.get_trials(deepcopy=False)
    begun = [trial for trial in known if trial.state == TrialState.RUNNING]
    number = begun[0].number if begun else sum(trial.state != TrialState.WAITING for trial in known)
    study.sampler = TPESampler(seed=(seed + SEED_STEP * number) % 2**32)
    if begun:
        return Trial(study, begun[0]._trial_id)  # noqa: SLF001 (the only way to take up a trial of a file)
    return study.ask() if number < trials else None


def is_hopeless(trial: "Trial", epoch: int, figure: float | None) -> bool:
    """Whether a trial is worse than the median of the others at the same epoch."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    if figure is not None and epoch not in known:
        trial.report(figure, epoch)
    return trial.should_prune()
