"""The model card of a finished run, for those who did not train it, from its folder alone.

Source   Mitchell et al. 2019, arXiv:1810.03993, whose sections the card has as far as a run knows what belongs there
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..anatomy.macs import macs
from ..data import CATALOG, Source
from ..engine.recipe import Recipe
from ..engine.record import Run
from ..engine.task import Measure, Task
from ..errors import InputError
from ..insight.confusions import wilson
from ..models import ModelInfo, count_parameters, create_on_meta, model_info, variant
from ..recipes import default
from ..runs.build import task_of_run
from ..weights.origin import published_as
from ..weights.store import is_place
from .figures import spread

SPLITS = {"test": "test", "val": "validation"}
NAMED_ELSEWHERE = ("model", "data", "data_dir", "weights", "teacher")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured over n images; shares in [0, 1]."""

    split: str
    n: int
    values: Mapping[str, float]  # the loss, and each measure by its key
    interval: tuple[float, float] | None  # of the measure that decides, where it is a share of the images: 95 %, by Wilson
    confusion: tuple[tuple[int, ...], ...]  # empty where the task counts none
    images_per_class: tuple[int, ...]  # where it counts these instead
    per_class: Mapping[str, Sequence[float | None]]  # by the key of a measure
    over_seeds: Mapping[str, Any]  # mean, sd and n of the measure that decides


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How many of a class's n images are right."""

    name: str
    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Origin:
    """What the weights were before training; `license` is None where it is not known."""

    words: str
    license: str | None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The contents of a model card."""

    run: Run
    task: Task
    base: str  # the variant
    info: ModelInfo
    parameters: int
    macs: int
    environment: Mapping[str, Any]
    metrics: Mapping[str, Any]
    source: Source | None  # of the data, if it is one of the catalog
    figures: tuple[Figures, ...]  # of the test images first
    seeds: tuple[int, ...]
    began: Origin | None
    license: str | None  # under which these weights are passed on
    changed: tuple[tuple[str, str, str, str], ...]  # field, value, default and meaning
    command: str

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    @property
    def data(self) -> Mapping[str, Any]:
        """The data as the run saw it."""
        data: Mapping[str, Any] = self.environment["data"]
        return data

    @property
    def measures(self) -> list[Measure]:
        """What was measured that says something of so many classes."""
        return [measure for measure in self.task.measures if len(self.data["classes"]) >= measure.classes]

    def per_class(self, figures: Figures) -> list[ClassFigures]:
        """The accuracy of every class that has images."""
        rows: list[ClassFigures] = []
        if not figures.confusion:
            return rows
        for i, (name, row) in enumerate(zip(self.data["classes"], figures.confusion, strict=True)):
            if n := sum(row):
                rows.append(ClassFigures(name, n, row[i] / n, *wilson(row[i], n)))
        return rows


def card(folders: Sequence[Path], weights_license: str | None = None, license_: str | None = None) -> Card:
    """The card of the first run; the others tell how much its figures change with the seed.

    Raises   InputError if a folder holds no finished run, or one that differs in more than its seed
    """
    runs = [Run.open(folder) for folder in folders]
    check_same_recipe(runs)
    first, environment = runs[0], runs[0].environment
    recipe, data = first.recipe, environment["data"]
    base = variant(recipe.model).base
    shape = {"num_classes": len(data["classes"]), "in_channels": data["channels"], "image_size": environment["image_size"]}
    model = create_on_meta(recipe.model, **shape)
    metrics, task = [run.metrics for run in runs], task_of_run(first)
    return Card(
        run=first,
        task=task,
        base=base,
        info=model_info(base),
        parameters=count_parameters(model),
        macs=macs(model, shape["in_channels"], shape["image_size"]),
        environment=environment,
        metrics=metrics[0],
        source=CATALOG.get(recipe.data),
        figures=tuple(figures(task, split, metrics, len(data["classes"])) for split in SPLITS if metrics[0][split]),
        seeds=tuple(run.recipe.seed for run in runs),
        began=origin_of_weights(base, recipe.weights, weights_license),
        license=license_,
        changed=tuple(changed_settings(recipe)),
        command=command(recipe),
    )


def check_same_recipe(runs: Sequence[Run]) -> None:
    """Raises InputError unless the runs have one recipe and different seeds."""
    first = runs[0]
    for run in runs[1:]:
        for f in fields(Recipe):
            values = [getattr(one.recipe, f.name) for one in (first, run)]
            if f.name != "seed" and values[0] != values[1]:
                flag = f.name.replace("_", "-")
                raise InputError(
                    f"a card is of one recipe with several seeds, but {first.path} has {flag} {values[0]} and {run.path} "
                    f"{values[1]}: give each its own card, or look at both with `convatlas compare`"
                )
    seeds = [run.recipe.seed for run in runs]
    if twice := {seed for seed in seeds if seeds.count(seed) > 1}:
        raise InputError(f"a card counts each seed once, but seed {min(twice)} came twice: give runs of different seeds")


def figures(task: Task, split: str, metrics: Sequence[Mapping[str, Any]], classes: int) -> Figures:
    """The figures of the first run over a split, and how the one that decides changes over all runs.

    Raises   InputError for tables of another number of classes, or a share that is none
    """
    own, decides = metrics[0][split], task.measures[0]
    n = own["n"]
    for key, value in own.items():
        if isinstance(value, list) and len(value) != classes:
            raise InputError(f"the run holds {key} of {len(value)} classes for {split}, and has {classes}: it is damaged")
    if decides.share_of_images and not 0 <= own[decides.key] <= 1:
        raise InputError(
            f"the run holds {own[decides.key]} as {decides.key} of {split}, which is no share of images: it is damaged"
        )
    return Figures(
        split=SPLITS[split],
        n=n,
        values={key: own[key] for key in ("loss", *(measure.key for measure in task.measures))},
        interval=wilson(round(own[decides.key] * n), n) if decides.share_of_images else None,
        confusion=tuple(map(tuple, own.get("confusion", ()))),
        images_per_class=tuple(own.get("images_per_class", ())),
        per_class={m.key: own[key] for m in task.measures if (key := f"per_class_{m.key}") in own},
        over_seeds=spread([one[split][decides.key] for one in metrics]),
    )


def origin_of_weights(base: str, weights: str | None, known: str | None) -> Origin | None:
    """Where the weights came from, as far as their name tells; None for those drawn at random.

    `known` is the license that the user says they have.
    """
    if weights is None:
        return None
    row = published_as(base, weights)
    if row is None:
        kind = "the run folder" if not Path(weights).suffix else "the file"
        return Origin(f"{kind} {Path(weights).name}", known)
    by_name = f", by the name of the file {Path(weights).name}" if is_place(weights) else ""
    words = f"{row.tag} of {base}, which torchvision publishes ({row.acc1} % on ImageNet){by_name}"
    return Origin(words, known or row.license, row.url)


def changed_settings(recipe: Recipe) -> list[tuple[str, str, str, str]]:
    """The fields that differ from their defaults."""
    return [
        (f.name, value_words(value), value_words(f.default), f.metadata["help"])
        for f in fields(Recipe)
        if f.name not in NAMED_ELSEWHERE and (value := getattr(recipe, f.name)) != f.default
    ]


def value_words(value: Any) -> str:
    """The value of a field as text."""
    if isinstance(value, tuple):
        return ", ".join(f"{one:.4g}" for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)


def command(recipe: Recipe) -> str:
    """The command that repeats the run; folders and files by the last part of their path, to hold on any machine."""
    own = default(recipe.model, recipe.data)
    changes = {f.name: value for f in fields(Recipe) if (value := getattr(recipe, f.name)) != getattr(own, f.name)}
    whole = default(recipe.model, recipe.data, **changes)  # another batch size may change the learning rate
    changes |= {f.name: value for f in fields(Recipe) if (value := getattr(recipe, f.name)) != getattr(whole, f.name)}
    words = ["convatlas", "train", recipe.model, "--data", last_part(recipe.data)]
    for name, value in changes.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, tuple):
            words += [flag, ",".join(map(repr, value))]
        elif value is not None and name not in ("data", "data_dir"):
            words += [flag, last_part(value) if name in ("weights", "teacher") else str(value)]
    return shlex.join(words)


def last_part(place: str) -> str:
    """The name of a data set or a tag unchanged, of a path its last part."""
    network, at, weights = place.rpartition("@")  # as a teacher is written
    return place if place in CATALOG else f"{network}{at}{Path(weights).name}"
