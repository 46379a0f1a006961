"""A search over ranges of settings: which one gives the best validation figure, and what is it worth on test images?"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import Data
from ..engine.events import Epoch, Event
from ..engine.lock import hold_folder, hold_own_folder
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run, not_empty, slug
from ..engine.stop import Diverged, Interrupted
from ..engine.tasks import TASKS
from ..errors import ConvAtlasError, InputError, OutOfMemory, count_of
from ..files import free_path, is_occupied, make_folder, read_object, write_json
from ..models import count_parameters, create_on_meta, variant
from ..models.code import check_text
from ..runs.build import model_options
from ..runs.kept import StudyImages
from ..runs.training import check, require_same, start
from ..trust import is_own
from .attempts import DIVERGED, FAILED, REPEATED, Attempt, AttemptEnded, AttemptStarted, BestStarted
from .compare import reason
from .figures import in_precision_of
from .space import Dimension, read_space, space_size
from .study import check_trials, is_hopeless, next_trial, open_study, require_optuna

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

FILE, STUDY, BEST = "sweep.json", "study.sqlite3", "best"


class Sweep:
    """A folder with a study, one run for each trial, and the run of the best setting.

    Trials are given no test images; only the run of the best setting is.

    Files    sweep.json (recipe, ranges, number of trials, command) · study.sqlite3 (Optuna's study) · trial-000/ … (runs) ·
             best/ (run) · results.json results.csv sweep.png
    """

    command_name = "sweep"

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.plan = folder, dict(plan)
        self.recipe = Recipe.from_json(plan["recipe"])
        self.space = read_space(plan["search"], self.recipe, {})
        network = variant(self.recipe.model).family.task  # which older plans knew alone
        self.measure = TASKS[plan.get("task", network)].measures[0]
        self.images = StudyImages()
        self.made: Study | None = None

    @classmethod
    def create(cls, folder: Path | None, recipe: Recipe, data: Data, space: Sequence[Dimension], trials: int) -> "Sweep":
        """Plans a sweep around a recipe.

        Raises   InputError if the folder holds anything, Optuna is missing, or there are no validation images
        """
        require_optuna()
        check_trials(trials)
        check(recipe, data)
        if data.val is None:
            raise InputError(
                f"a sweep chooses on validation images, and {data.name} has none: add some, or a larger --val-share"
            )
        if folder is None:
            folder = free_path(Path("runs") / f"sweep-{slug(recipe.model)}-{slug(Path(recipe.data).stem)}-{recipe.digest()}")
        elif is_occupied(folder):
            raise not_empty(folder)
        search = [str(dimension) for dimension in space]
        count = min(trials, space_size(space) or trials)
        plan = {"recipe": recipe.to_json(), "task": data.task, "search": search, "trials": count}
        make_folder(folder)
        write_json(folder / FILE, plan)
        sweep = cls(folder, plan)
        sweep.images.keep(recipe, data)
        return sweep

    @classmethod
    def open(cls, folder: Path) -> "Sweep":
        """The sweep in an existing folder.

        Raises   InputError if there is none, or Optuna is missing
        """
        require_optuna()
        if not (folder / FILE).is_file():
            raise InputError(f"{folder} holds no sweep: start one with `convatlas sweep NAME --search … --out {folder}`")
        return cls(folder, read_object(folder / FILE, recipe={}, search=[str], trials=int))

    def require_same(self, model: str | None, search: Sequence[str], values: Mapping[str, Any]) -> None:
        """Makes sure that what is given again is what the sweep was begun with.

        Raises   InputError if it is not
        """
        require_same(self.folder, [self.recipe], [model] if model else [], values)
        asked = [str(dimension) for dimension in read_space(search, self.recipe, {})] if search else []
        if search and asked != self.plan["search"]:
            raise InputError(
                f"{self.folder} searches {' '.join(self.plan['search'])}, not {' '.join(asked)}: leave it out to continue"
            )

    def set_trials(self, trials: int) -> None:
        """Adds trials.

        Raises   InputError if there are that many already, or the best setting has met the test images
        """
        check_trials(trials)
        if trials == self.trials:
            return
        if is_run(self.folder / BEST):
            raise InputError(
                f"{self.folder} has trained its best setting after {count_of(self.trials, 'trial')}: further ones would be "
                "chosen with the test in sight. Start a new sweep"
            )
        if trials < self.trials:
            raise InputError(f"{self.folder} is to have {count_of(self.trials, 'trial')}: --trials adds to them, got {trials}")
        self.plan["trials"] = min(trials, space_size(self.space) or trials)
        with hold_folder(self.folder):
            write_json(self.folder / FILE, self.plan)

    @property
    def trials(self) -> int:
        """How many settings are tried."""
        return int(self.plan["trials"])

    @property
    def study(self) -> "Study":
        """Optuna's study, in a file beside the runs; made on first use.

        Raises   InputError if the file belongs to another recipe or other ranges
        """
        if self.made is None:
            maximize = self.measure.better == "more"
            self.made = open_study(self.folder / STUDY, self.recipe, self.space, self.trials, maximize=maximize)
        return self.made

    def data(self, recipe: Recipe) -> Data:
        """The images of a recipe, opened once for all trials that ask for the same."""
        return self.images.open(recipe, map(self.folder_of, range(self.trials)))

    @hold_own_folder
    def run(self) -> Iterator[AttemptStarted | Event | AttemptEnded | BestStarted]:
        """Tries what is not yet tried, then trains the best setting and tests it.

        Raises   Interrupted, with the folder to continue in; InUse; ConvAtlasError if no trial comes to its end
        """
        self.check_code()
        while trial := next_trial(self.study, self.trials, self.recipe.seed):
            settings = {dimension.name: dimension.suggest(trial) for dimension in self.space}
            yield AttemptStarted(trial.number, self.trials, settings)
            yield from self.attempt(trial, settings)
            ended = next(one for one in self.attempts() if one.number == trial.number)
            yield AttemptEnded(ended, self.trials, self.best())
        if (best := self.best()) is None:
            why = next((f": {one.reason}" for one in self.attempts() if one.reason), "")
            raise ConvAtlasError(f"none of {count_of(self.trials, 'trial')} came to its end{why}")
        yield BestStarted(best)
        yield from self.train_best(best)

    def check_code(self) -> None:
        """Makes sure that the code of a network of the user's own is what the trials so far were trained with.

        Raises   InputError if it is another text
        """
        begun = next((folder for folder in map(self.folder_of, range(self.trials)) if is_run(folder)), None)
        if begun and is_own(self.recipe.model):
            check_text(Run.open(begun).path, variant(self.recipe.model).base)

    def attempt(self, trial: "Trial", settings: Mapping[str, Any]) -> Iterator[Event]:
        """Trains a setting and tells the study what came of it.

        Raises   Interrupted, and what says nothing about the setting: a full disk
        """
        from optuna.trial import TrialState

        if earlier := next((one for one in self.attempts() if one.chooses and one.settings == settings), None):
            trial.set_user_attr("reason", f"the same as trial {earlier.number}")
            trial.set_user_attr("status", REPEATED)
            self.study.tell(trial, earlier.figure)
            return
        try:
            figure = yield from self.train_trial(trial, settings)
        except Interrupted as error:
            raise Interrupted(f"in trial {trial.number} {error.where}", self.folder, "sweep") from error
        except Exception as error:
            if isinstance(error, ConvAtlasError) and not isinstance(error, InputError | Diverged | OutOfMemory):
                raise
            diverged = isinstance(error, Diverged)
            trial.set_user_attr("reason", reason(error))
            trial.set_user_attr("status", DIVERGED if diverged else FAILED)
            # A pruned trial is one that the study learns to avoid, a failed one says nothing.
            self.study.tell(trial, state=TrialState.PRUNED if diverged else TrialState.FAIL)
            return
        self.study.tell(trial, figure, None if figure is not None else TrialState.PRUNED)

    def train_trial(self, trial: "Trial", settings: Mapping[str, Any]) -> Generator[Event, None, float | None]:
        """Trains a setting without test images; returns its validation figure, None if it was pruned."""
        recipe = in_precision_of(self.folder_of(0), self.recipe_with(settings))
        data, folder = self.data(recipe), self.folder_of(trial.number)
        check(recipe, data)
        run = Run.open(folder) if is_run(folder) else Run.create(folder, recipe)
        before = [] if run.finished else run.epochs()
        for epoch in before:
            if epoch["epoch"] < recipe.epochs and is_hopeless(trial, epoch["epoch"], epoch[f"val_{self.measure.key}"]):
                return None
        events = start(run, replace(data, test=None)) if not run.finished else iter(())
        for event in events:
            yield event
            if not isinstance(event, Epoch) or event.epoch == recipe.epochs:
                continue
            if is_hopeless(trial, event.epoch, event.val[self.measure.key]):
                next(events, None)  # it raises Interrupted if the user asked to stop meanwhile
                return None
        return float(run.metrics["val"][self.measure.key])

    def train_best(self, best: Attempt) -> Iterator[Event]:
        """Trains the setting that was chosen as an ordinary run, which is tested at its end.

        Raises   Interrupted, with the folder to continue in
        """
        folder = self.folder / BEST
        recipe = in_precision_of(self.folder / best.folder, self.recipe_with(best.settings))
        run = Run.open(folder) if is_run(folder) else Run.create(folder, recipe)
        if run.finished:
            return
        try:
            yield from start(run, self.data(run.recipe))
        except Interrupted as error:
            raise Interrupted(f"while the best setting was trained, {error.where}", self.folder, "sweep") from error

    def recipe_with(self, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with these values.

        Raises   InputError if they do not go together
        """
        recipe = self.recipe
        for dimension in self.space:
            recipe = dimension.factor.apply(recipe, settings[dimension.name])
        return recipe

    def folder_of(self, number: int) -> Path:
        """Where a trial is trained."""
        return self.folder / f"trial-{number:03}"

    def attempts(self) -> list[Attempt]:
        """What was tried to its end, in order."""
        return [self.attempt_of(trial) for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def attempt_of(self, trial: "FrozenTrial") -> Attempt:
        """What a trial came to."""
        folder = self.folder_of(trial.number)
        run = Run.open(folder) if is_run(folder) else None
        rows = run.epochs() if run else []
        last = rows[-1] if rows else {}
        final = run.metrics["val"] if run and run.finished else {}
        return Attempt(
            number=trial.number,
            folder=folder.name,
            status=trial.user_attrs.get("status", trial.state.name.lower()),
            settings={one.name: one.value(trial.params[one.name]) for one in self.space},
            epochs=len(rows),
            seconds=sum(row["seconds"] for row in rows),
            figure=final.get(self.measure.key, last.get(f"val_{self.measure.key}", trial.value)),
            loss=final.get("loss", last.get("val_loss")),
            reason=trial.user_attrs.get("reason"),
        )

    def best(self) -> Attempt | None:
        """The best of the trials that came to their end; of equal ones that with the smallest loss."""
        whole = [one for one in self.attempts() if one.chooses]
        return max(whole, key=lambda one: (self.measure.rank(one.figure or 0), -(one.loss or 0)), default=None)

    def results(self, command: str) -> dict[str, Any]:
        """The value that results.json holds and the picture is drawn from."""
        attempts, best = self.attempts(), self.best()
        run = Run.open(self.folder / BEST)
        data = self.data(run.recipe)
        shown = ("n", self.measure.key, "loss")
        return {
            "format": 1,
            "title": f"{self.recipe.model} on {data.title}",
            "command": command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "measure": asdict(self.measure),
            "search": [dimension.to_json() for dimension in self.space],
            "trials": [one.to_json() for one in attempts],
            "candidates": sum(one.chooses for one in attempts),
            "chosen": best.number if best else None,
            "best": {
                "folder": str(run.path),
                "network": run.recipe.model,
                "parameters": count_parameters(create_on_meta(run.recipe.model, **model_options(run.recipe, data))),
                **{split: (of := run.metrics[split]) and {key: of[key] for key in shown} for split in ("val", "test")},
            },
            "recipe": self.recipe.to_json(),
        }
