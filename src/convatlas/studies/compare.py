"""Several networks, several seeds, one verdict: which network is better, by how much, and at what cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..anatomy.macs import macs
from ..data import Data
from ..engine.events import Event
from ..engine.hardware import choose_device, environment
from ..engine.lock import hold_own_folder
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run, not_empty, slug
from ..engine.stop import Interrupted, out_of_memory
from ..engine.task import Measure, Task
from ..engine.tasks.classify import CLASSIFY
from ..errors import ConvAtlasError, InputError, OutOfMemory
from ..files import NoRoom, free_path, is_occupied, make_folder, read_object, write_json
from ..models import count_parameters, create_on_meta
from ..recipes import default, refuse_idle
from ..runs.build import image_size, model_options, task_of, with_weight_settings
from ..runs.kept import StudyImages
from ..runs.training import begun_with, check, require_same, start
from .figures import examples, fastest_training, in_precision_of, machine_of_runs, per_image, spread
from .paired import against_best
from .speed import SPEEDS, THROUGHPUT_BATCH, measure_speed
from .titles import count_in_words, titles
from .trials import TrialFailed, TrialStarted

DEFAULT_NETWORKS = (
    "lenet5",
    "tinyvgg",
    "vgg11_bn:width=16",
    "resnet20",
    "densenet_bc_100_12:depths=(3,3,3)",
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One network with one seed."""

    recipe: Recipe
    folder: Path


class Comparison:
    """A folder with one run for each network and seed, and the results drawn from them.

    Files    comparison.json (recipes, seeds, command) · NETWORK-sSEED/ (runs) · NETWORK.json (speed and memory) ·
             results.json results.csv report.html
    """

    command_name = "compare"
    kind = ""  # what the rows are called; networks or strategies, where it is empty

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.plan = folder, plan
        self.command: str = plan["command"]
        self.seeds: list[int] = plan["seeds"]
        self.recipes = [Recipe.from_json(values) for values in plan["recipes"]]
        self.names = dict(zip(self.recipes, plan.get("names") or titles(self.recipes), strict=True))
        self.typed_recipes = [Recipe.from_json(plan["base"])] if "base" in plan else self.recipes  # as flags gave them
        self.reasons: dict[str, str] = {}
        self.images = StudyImages()

    @classmethod
    def create(cls, folder: Path | None, recipes: Sequence[Recipe], seeds: int, command: str, **more: Any) -> Self:
        """Plans a comparison; `recipes` differ in their network, each is run with the seeds from its own on.

        `more` goes into the plan, among it the `names` of the recipes where the network's does not tell them apart.

        Raises   InputError if the folder holds anything
        """
        names = more.get("names") or titles(recipes)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise InputError(f"each is compared once, but {', '.join(sorted(twice))} was named twice")
        if folder is None:
            folder = free_path(Path("runs") / f"{cls.command_name}-{slug(Path(recipes[0].data).stem)}-{recipes[0].digest()}")
        elif is_occupied(folder):
            raise not_empty(folder)
        plan = {
            "command": command,
            "seeds": [recipes[0].seed + i for i in range(seeds)],
            "recipes": [recipe.to_json() for recipe in recipes],
            **more,
        }
        comparison = cls(folder, plan)
        for recipe in recipes:  # a misspelled ablation or a set without held-out images is found before anything is written
            check(recipe, comparison.data(recipes[0]))
        held_out_split(comparison.data(recipes[0]))
        make_folder(folder)
        write_json(folder / "comparison.json", plan)
        return comparison

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The comparison in an existing folder.

        Raises   InputError if there is none
        """
        if not (folder / "comparison.json").is_file():
            raise InputError(f"{folder} holds no comparison: start one with `convatlas {cls.command_name} --out {folder}`")
        return cls(folder, read_object(folder / "comparison.json", command=str, seeds=[int], recipes=[{}]))

    def require_same(
        self, models: Sequence[str], values: Mapping[str, Any], seeds: int | None = None, strategies: Sequence[str] = ()
    ) -> None:
        """Makes sure that what is given again is what the comparison was begun with; None and nothing are not given.

        Raises   InputError if it is not
        """
        require_same(self.folder, self.typed_recipes, models, values)
        if seeds is not None and seeds != len(self.seeds):
            raise begun_with(self.folder, "seeds", str(len(self.seeds)), seeds)
        own = list(dict.fromkeys(recipe.strategy for recipe in self.recipes))
        if strategies and set(strategies) != set(own):
            raise begun_with(self.folder, "strategies", ",".join(own), ",".join(strategies))

    def data(self, recipe: Recipe) -> Data:
        """The images of a recipe, opened once for all networks that ask for the same."""
        return self.images.open(recipe, [trial.folder for other in self.recipes for trial in self.trials(other)])

    def trials(self, recipe: Recipe) -> list[Trial]:
        """A network's runs."""
        name = slug(self.names[recipe])
        return [Trial(replace(recipe, seed=seed), self.folder / f"{name}-s{seed}") for seed in self.seeds]

    @hold_own_folder
    def run(self) -> Iterator[TrialStarted | Event | TrialFailed]:
        """Trains what is not yet trained; a network that fails is reported and does not stop the others.

        Raises   Interrupted, with the folder to continue in; InUse if another process trains here
        """
        number = 0
        for recipe, name in self.names.items():
            first, *_ = trials = self.trials(recipe)
            for trial in trials:
                number += 1
                same = in_precision_of(first.folder, trial.recipe)  # seeds differ in nothing else
                run = Run.open(trial.folder) if is_run(trial.folder) else Run.create(trial.folder, same)
                yield TrialStarted(name, trial.recipe.seed, number, len(self.recipes) * len(self.seeds), run.finished)
                if run.finished or name in self.reasons:
                    continue
                try:
                    yield from start(run, self.data(trial.recipe))
                except Interrupted as error:
                    raise Interrupted(
                        f"{name} seed {trial.recipe.seed} {error.where}", self.folder, self.command_name
                    ) from error
                except NoRoom:
                    raise
                except Exception as error:  # noqa: BLE001  # whatever it is, it costs one row and not the table
                    self.reasons[name] = reason(error)
                    yield TrialFailed(name, self.reasons[name])

    def results(self) -> dict[str, Any]:
        """The value that results.json holds and every table and picture is drawn from."""
        first = self.recipes[0]
        data = self.data(first)
        held_out = held_out_split(data)
        task = task_of(first, data)
        rows = [self.row(recipe, held_out, task) for recipe in self.recipes]
        runs = [Run.open(trial.folder) for recipe in self.recipes for trial in self.trials(recipe) if is_run(trial.folder)]
        against_best(rows, held_out, task.measures[0], task.image_measure)
        more = self.more_results(rows, held_out, task)
        for row in rows:
            del row["per_image"]
        counts = {name: len(images) if images is not None else 0 for name, images in
                  (("train", data.train), ("val", data.val), ("test", data.test))}  # fmt: skip
        return {
            "format": 2,
            "task": task.name,
            "measures": [asdict(measure) for measure in task.measures],
            "image_score": None if task.image_measure is task.measures[0] else task.image_measure.noun,
            "kind": self.kind or ("network" if len({recipe.strategy for recipe in self.recipes}) == 1 else "strategy"),
            "title": f"{self.heading()} on {data.title}",
            "command": self.command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": sum(value for row in rows for value in row["seconds"].get("values", [])),
            "environment": environment(choose_device(first.device), "") | machine_of_runs(runs),
            "data": {
                "name": data.name,
                "title": data.title,
                "classes": list(data.classes),
                **counts,
                "channels": data.channels,
                "size": list(data.size),
                "held_out": held_out,
            },
            "seeds": self.seeds,
            "networks": rows,
            **more,
        }

    def heading(self) -> str:
        """What is compared, in words."""
        return count_in_words(self.recipes)

    def more_results(self, rows: Sequence[Mapping[str, Any]], held_out: str, task: Task) -> dict[str, Any]:
        """What a special comparison adds to its results."""
        return {}

    def row(self, recipe: Recipe, held_out: str, task: Task) -> dict[str, Any]:
        """One network: what was measured of it, null where it failed."""
        decides, *others = task.measures
        runs = [Run.open(t.folder) for t in self.trials(recipe) if is_run(t.folder)]
        whole = [run for run in runs if run.finished]
        metrics = [run.metrics for run in whole]
        data = self.data(recipe)
        side = image_size(recipe, data)
        model = create_on_meta(recipe.model, **model_options(recipe, data))
        failed = len(whole) < len(self.seeds)
        answers = [run.predictions() for run in whole]

        def over_seeds(split: str, measure: Measure) -> dict[str, Any]:
            return spread([m[split][measure.key] for m in metrics if m[split]])

        return {
            "name": self.names[recipe],
            "status": "failed" if failed else "done",
            "error": self.reasons.get(self.names[recipe], "not finished") if failed else None,
            "image_size": side,
            "parameters": count_parameters(model),
            "trained_parameters": max((m["trained_parameters"] for m in metrics), default=None),
            "macs": macs(model, data.channels, side) if whole else None,
            **(dict.fromkeys(SPEEDS) if failed else self.speed(recipe, data)),
            **fastest_training(metrics),
            **{f"{split}_{decides.key}": over_seeds(split, decides) for split in ("train", "val", "test")},
            **{f"test_{measure.key}": over_seeds("test", measure) for measure in others},
            f"tta_{decides.key}": spread([m["tta"][held_out][decides.key] for m in metrics if "tta" in m]),
            "seconds": spread([m["seconds"] for m in metrics]),
            **machine_of_runs(runs),
            "against_best": None,
            "recipe": recipe.to_json(),
            "runs": [{"seed": r.recipe.seed, "folder": r.path.name, "epochs": r.epochs()} for r in runs],
            "confusion": confusion([m[held_out] for m in metrics]),
            "predictions": examples(task, answers[0], held_out) if answers else [],
            "per_image": per_image(task, answers, held_out),
        }

    def speed(self, recipe: Recipe, data: Data) -> dict[str, float | None]:
        """Latency, throughput and memory, measured once and kept in a file; null where larger batches don't fit."""
        path = self.folder / f"{slug(self.names[recipe])}.json"
        if not path.exists():
            try:
                with out_of_memory(THROUGHPUT_BATCH, 1):
                    write_json(path, measure_speed(in_precision_of(self.trials(recipe)[0].folder, recipe), data))
            except OutOfMemory:
                return dict.fromkeys(SPEEDS)
        return dict.fromkeys(SPEEDS) | read_object(path)


def confusion(figures: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """The confusions of several runs, added; empty where the task counts none."""
    counts = [one["confusion"] for one in figures if "confusion" in one]
    added: list[list[int]] = np.sum(counts, 0).tolist() if counts else []
    return added


def read_results(folder: Path) -> dict[str, Any]:
    """The results.json of a comparison; of format 1, which knew only classification, with the measures it lacks."""
    results: dict[str, Any] = read_object(folder / "results.json")
    if "measures" not in results:
        results |= {"task": CLASSIFY.name, "measures": [asdict(measure) for measure in CLASSIFY.measures]}
    return results


def default_recipes(names: Sequence[str], data: str, options: Mapping[str, Any]) -> list[Recipe]:
    """The default recipe of each network, with these options in place of its own; all have the same number of epochs.

    Without that option it is the smallest of their defaults.
    """
    recipes = [with_weight_settings(default(name, data, **options)) for name in names]
    for recipe in recipes:
        refuse_idle(recipe, options)
    return [replace(recipe, epochs=min(r.epochs for r in recipes)) for recipe in recipes]


def reason(error: Exception) -> str:
    """What went wrong, short enough for a table."""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return first if isinstance(error, ConvAtlasError) else f"{type(error).__name__}: {first}"


def held_out_split(data: Data) -> str:
    """The part that networks are compared on.

    Raises   InputError if there is none
    """
    if data.test is None and data.val is None:
        raise InputError(f"{data.name} has neither test nor validation images to compare on: add some, or a larger --val-share")
    return "val" if data.test is None else "test"
