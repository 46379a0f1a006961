"""What mattered in a network: a grid of trainings that differ in some factors, or one change at a time from a base."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..anatomy.macs import macs
from ..data import Data
from ..engine.lock import hold_folder
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run, slug
from ..engine.task import Task
from ..errors import InputError, count_of, unknown_name
from ..files import write_json
from ..models import count_parameters, create_on_meta, variant
from ..runs.build import build_model, image_size, model_options, task_of
from .compare import Comparison
from .effects import Cell, effects, to_json
from .factors import Factor, cell_title, level_text, read_factors
from .figures import of_split

MANY = 64  # trainings, above which the user has to agree
WIDEST = 2**12  # channels at which a search for a width gives up
SOME = 20  # recipes whose work an estimate counts
MOST_CELLS = 10**5  # of a grid; making more takes minutes by itself
MATCHES = ("parameters", "macs")
RATE_BATCH, RATE_STEPS = 32, 4  # images and steps that show how long training takes; the first step is cold
Levels = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Design:
    """Which trainings there are: the factors, the base, and the levels of each cell, the base's first."""

    recipe: Recipe  # of the base
    factors: tuple[Factor, ...]
    base: Levels
    cells: tuple[Levels, ...]

    def recipe_of(self, levels: Levels) -> Recipe:
        """The recipe of a cell.

        Raises   InputError for levels that do not go together
        """
        recipe = self.recipe
        for factor in self.factors:
            recipe = factor.apply(recipe, levels[factor.name])
        return recipe

    def titles(self) -> list[str]:
        """What the cells are called: their levels, or only what they change where no cell changes more than one of several."""
        changes = [{name: level for name, level in cell.items() if level != self.base[name]} for cell in self.cells]
        if len(self.factors) == 1 or max(map(len, changes)) > 1:
            return [cell_title(cell) for cell in self.cells]
        return ["base", *map(cell_title, changes[1:])]

    def levels_of(self, factor: Factor) -> list[str]:
        """The levels of a factor as texts, the base's first."""
        base = self.base[factor.name]
        return [level_text(level) for level in (base, *(level for level in factor.levels if level != base))]


def plan_design(recipe: Recipe, vary: Sequence[str], one_at_a_time: bool = False) -> Design:
    """The grid of all levels, or the base with one change at a time.

    The base has the recipe's own level of each factor where it is among the levels, else the first one.

    Raises   InputError for factors or levels that cannot be, or too many of them
    """
    factors = tuple(read_factors(vary, recipe))
    base = {factor.name: own if (own := factor.value_in(recipe)) in factor.levels else factor.levels[0] for factor in factors}
    if one_at_a_time:
        changed = [base | {factor.name: level} for factor in factors for level in factor.levels]
    elif (count := prod(len(factor.levels) for factor in factors)) > MOST_CELLS:
        raise InputError(f"{count:,} variations are more than the {MOST_CELLS:,} that a grid may have: add --one-at-a-time")
    else:
        names = [factor.name for factor in factors]
        changed = [dict(zip(names, levels, strict=True)) for levels in product(*(factor.levels for factor in factors))]
    cells = [base, *(levels for levels in changed if levels != base)]
    return Design(recipe, factors, base, tuple(cells))


def matched_recipes(design: Design, match: str | None, data: Data) -> list[Recipe]:
    """The recipe of each cell; with `match`, in the width whose parameters or MACs come nearest to those of the base.

    Raises   InputError if the network has no width, or width is a factor itself
    """
    recipes = [design.recipe_of(levels) for levels in design.cells]
    if match is None:
        return recipes
    if match not in MATCHES:
        raise unknown_name("--match", match, MATCHES)
    network = variant(recipes[0].model)
    if "width" not in {field.name for field in fields(network.spec)} or type(network.spec.width) is not int:
        raise InputError(f"--match adjusts a whole number named width, and {network.base} has none: leave --match out")
    if "width" in design.base:
        raise InputError("--match adjusts the width, so width cannot be varied: leave one of them out")
    goal = cost_of(recipes[0], match, data)
    return [recipes[0], *(match_width(recipe, match, goal, data) for recipe in recipes[1:])]


def match_width(recipe: Recipe, match: str, goal: int, data: Data) -> Recipe:
    """The recipe with the width whose cost comes nearest to the goal.

    Raises   InputError for a network that has no such width
    """

    def with_width(width: int) -> Recipe:
        return replace(recipe, model=variant(recipe.model).with_changes({"width": width}).name)

    def cost(width: int) -> int:
        return cost_of(with_width(width), match, data)

    low, high = 1, 2
    while cost(high) < goal:
        if high >= WIDEST:
            raise InputError(
                f"--match found no width of {recipe.model} up to {WIDEST} with the base's {match}: leave --match out"
            )
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < goal else (low, middle)
    return with_width(min((low, high), key=lambda width: abs(cost(width) - goal)))


def cost_of(recipe: Recipe, match: str, data: Data) -> int:
    """The parameters or the MACs of a recipe's network."""
    model = create_on_meta(recipe.model, **model_options(recipe, data))
    return count_parameters(model) if match == "parameters" else macs(model, data.channels, image_size(recipe, data))


class Ablation(Comparison):
    """A comparison of the cells of a design, with the effects of its factors."""

    command_name = "ablate"
    kind = "variation"

    @classmethod
    def plan_cells(
        cls,
        folder: Path | None,
        design: Design,
        recipes: Sequence[Recipe],
        seeds: int,
        command: str,
        *,
        match: str | None = None,
        extend: bool = False,
    ) -> "Ablation":
        """A new folder for a design; with `extend`, one that may hold some of its cells already.

        Raises   InputError if the folder holds an ablation of something else
        """
        names = design.titles()
        plan: dict[str, Any] = {
            "names": names,
            "base": design.recipe.to_json(),
            "factors": {factor.name: design.levels_of(factor) for factor in design.factors},
            "cells": [{name: level_text(level) for name, level in levels.items()} for levels in design.cells],
            "match": match,
        }
        if folder is None or not extend:
            return cls.create(folder, recipes, seeds, command, **plan)
        before = cls.open(folder)
        if before.plan.get("base") != plan["base"] or before.plan.get("match") != match:
            raise InputError(f"{folder} holds an ablation of another recipe: choose another --out, or repeat its settings")
        known = {frozenset(levels.items()): recipe for levels, recipe in zip(before.plan["cells"], before.recipes, strict=True)}
        for name, levels, recipe in zip(names, plan["cells"], recipes, strict=True):
            if known.get(frozenset(levels.items()), recipe) != recipe:
                raise InputError(f"{folder} has {name} with another recipe: choose another --out")
        first = before.seeds[0]
        whole = (
            dict(before.plan)
            | plan
            | {
                "command": command,
                "seeds": list(range(first, first + max(seeds, len(before.seeds)))),
                "recipes": [recipe.to_json() for recipe in recipes],
            }
        )
        after = cls(folder, whole)
        with hold_folder(folder):
            before.hand_over(after)
            write_json(folder / "comparison.json", whole)
        return after

    def hand_over(self, after: "Ablation") -> None:
        """What is trained keeps its place in a larger ablation, in which it may have another title.

        Raises   InputError if a title stands for another recipe there
        """
        moves = {slug(name): slug(after.names[recipe]) for recipe, name in self.names.items() if recipe in after.names}
        taken = {slug(name) for recipe, name in self.names.items() if recipe not in after.names}
        if both := taken & {slug(name) for name in after.names.values()}:
            raise InputError(f"{self.folder} has {both.pop()} with another recipe: choose another --out")
        parts = [".json", *(f"-s{seed}" for seed in self.seeds)]
        paths = {self.folder / f"{old}{part}": self.folder / f"{new}{part}" for old, new in moves.items() for part in parts}
        aside = [(old.rename(old.with_name(f".{old.name}")), new) for old, new in paths.items() if old != new and old.exists()]
        for path, new in aside:  # no title is free before all have left theirs
            path.rename(new)

    @classmethod
    def open(cls, folder: Path) -> "Ablation":
        """The ablation in an existing folder.

        Raises   InputError if there is none
        """
        ablation = super().open(folder)
        if "cells" not in ablation.plan:
            raise InputError(
                f"{folder} holds a comparison and no ablation: continue it with `convatlas compare --resume --out {folder}`"
            )
        return ablation

    def heading(self) -> str:
        return f"{count_of(len(self.recipes), 'variation')} of {self.plan['base']['model']}"

    def more_results(self, rows: Sequence[Mapping[str, Any]], held_out: str, task: Task) -> dict[str, Any]:
        """The effects of the factors, and how near the matched networks came to the base."""
        decides = task.measures[0]
        cells = []
        for recipe, levels in zip(self.recipes, self.plan["cells"], strict=True):
            runs = [Run.open(trial.folder) for trial in self.trials(recipe) if is_run(trial.folder)]
            if len(whole := [run for run in runs if run.finished]) < len(self.seeds):
                continue
            answers = [of_split(run.predictions(), held_out) for run in whole] if task.image_measure is decides else []
            scores = np.stack([task.per_image(one).double().numpy() for one in answers]) if answers else None
            cells.append(Cell(levels, tuple(run.metrics[held_out][decides.key] for run in whole), scores))
        match = self.plan["match"]
        costs = [row[match] for row in rows if match and row[match]]
        off = max((abs(cost / costs[0] - 1) for cost in costs), default=None)
        return {
            "levels": {row["name"]: levels for row, levels in zip(rows, self.plan["cells"], strict=True)},
            "match": {"by": match, "off": off} if match else None,
            "effects": to_json(effects(self.plan["factors"], cells)),
        }


def check_size(recipes: Sequence[Recipe], data: Data, seeds: int, agreed: bool) -> None:
    """Makes sure that the user wants so many trainings.

    Raises   InputError that says what they would cost, unless the user agreed
    """
    count = len(recipes) * seeds
    if count > MANY and not agreed:
        hours = estimate_seconds(recipes, data, seeds) / 3600
        time_text = f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
        raise InputError(
            f"{count_of(len(recipes), 'variation')} with {count_of(seeds, 'seed')} are {count:,} trainings, which would "
            f"take about {time_text} here: add --yes if they shall run, or vary less, or add --one-at-a-time"
        )


def estimate_seconds(recipes: Sequence[Recipe], data: Data, seeds: int) -> float:
    """How long all trainings would take, from a few steps of the first and the MACs of some of the others."""
    first, step = recipes[0], max(1, len(recipes) // SOME)
    work = [cost_of(recipe, "macs", data) * recipe.epochs for recipe in (first, *recipes[::step])]
    seconds = first.epochs * len(data.train) / training_rate(first, data)
    return seeds * len(recipes) * seconds * (sum(work[1:]) / len(work[1:])) / work[0]


def training_rate(recipe: Recipe, data: Data) -> float:
    """Images per second of forward and backward passes on the processor."""
    side, count = image_size(recipe, data), min(recipe.batch_size, RATE_BATCH)
    with torch.random.fork_rng(devices=()):
        model = build_model(recipe, data).train()
        x = torch.randn(count, data.channels, side, side)
    targets = data.train.targets.take(torch.arange(count) % len(data.train))
    loss, seconds = task_of(recipe, data).loss(recipe, data, None), []
    for _ in range(RATE_STEPS):
        began = time.perf_counter()
        torch.autograd.backward(list(loss(model, x, targets).values()))
        seconds.append(time.perf_counter() - began)
    return count / min(seconds[1:])
