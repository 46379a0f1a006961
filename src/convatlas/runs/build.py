"""The images and the network that a recipe names, and those of a finished run."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..anatomy.parts import parts
from ..data import Data, load
from ..engine.recipe import Recipe
from ..engine.record import Run
from ..engine.task import Task
from ..engine.tasks import TASKS
from ..errors import InputError
from ..models import create_model, family_of, fitting_size, parse, settings_of_weights
from ..ops.droppath import set_stochastic_depth
from .preparation import Preparation, build_options, preparation_of_run


def open_data(recipe: Recipe) -> Data:
    """The images a recipe names, with the mean and deviation it gives.

    Raises   InputError if these are not of as many channels as the images
    """
    return normalized(recipe, load(**load_arguments(recipe)))


def task_of(recipe: Recipe, data: Data) -> Task:
    """What the recipe's network is trained for, as its family and its data say.

    Raises   InputError where they disagree, or the recipe sets what belongs to another task
    """
    task, of_data = TASKS[family_of(recipe.model).task], TASKS[data.task]
    if task is not of_data:
        raise InputError(
            f"{recipe.model} is a network to {task.name} images, and {data.name} is a data set to {of_data.name} them: "
            "`convatlas list` names the networks, `convatlas data list` the data sets"
        )
    foreign = {name for other in TASKS.values() for name in other.settings} - task.settings
    for f in fields(recipe):
        if f.name in foreign and getattr(recipe, f.name) != f.default:
            raise InputError(
                f"--{f.name.replace('_', '-')} means nothing to {recipe.model}, a network to {task.name} images: leave it out"
            )
    return task


def normalized(recipe: Recipe, data: Data) -> Data:
    """The images with the recipe's mean and deviation in place of their own."""
    for name in ("mean", "std"):
        given = getattr(recipe, name)
        if given is not None and len(given) != data.channels:
            raise InputError(f"--{name} needs a number for each of {data.name}'s {data.channels} channels, got {len(given)}")
    return replace(data, mean=recipe.mean or data.mean, std=recipe.std or data.std)


def load_arguments(recipe: Recipe) -> dict[str, Any]:
    """What a recipe asks `load` for; pictures in folders come in the size its network is built for."""
    native = family_of(recipe.model).native_of(parse(recipe.model)[0])
    names = ("val_share", "split_seed", "folds", "fold", "limit", "strict", "resident_share")
    same = {name: getattr(recipe, name) for name in names}
    folder = Path(recipe.data_dir) if recipe.data_dir else None
    return {"name_or_path": recipe.data, "data_dir": folder, "image_size": recipe.image_size or native.image_size, **same}


def image_size(recipe: Recipe, data: Data) -> int:
    """Pixels a side: what the recipe says, else the data's own, enlarged to the least the network can take."""
    side = max((data.val or data.test or data.train).size)
    return recipe.image_size or fitting_size(recipe.model, side)


def build(recipe: Recipe, data: Data) -> nn.Module:
    """The recipe's network for the data's classes and channels, its weights drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    return with_stochastic_depth(create_model(recipe.model, **options(recipe, data)), recipe)


def with_stochastic_depth(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The network with the recipe's stochastic depth.

    Raises   InputError if it has no branches to skip
    """
    if recipe.stochastic_depth is not None:
        set_stochastic_depth(model, recipe.stochastic_depth)
    return model


def stages_of(recipe: Recipe, model: nn.Module, data: Data) -> dict[str, tuple[str, ...]] | None:
    """The stages that the recipe's strategy freezes and thaws; None where everything learns alike."""
    if recipe.strategy == "full" and recipe.head_rate == 1:
        return None
    family = family_of(recipe.model)
    side = image_size(recipe, data)
    return parts(model, (data.channels, side, side), family.heads, family.auxiliary)


def with_weight_settings(recipe: Recipe) -> Recipe:
    """The recipe with what its weights ask of the network said in its name, so that it stays true when they are gone.

    Raises   InputError for a tag that the network does not have
    """
    base, given = parse(recipe.model)
    asked = settings_of_weights(base, recipe.weights)[0] | given
    return recipe if asked == given else replace(recipe, model=f"{base}:{','.join(f'{k}={v!r}' for k, v in asked.items())}")


def options(recipe: Recipe, data: Data) -> dict[str, Any]:
    """What the data asks of the network: classes, channels and pixels."""
    return {"num_classes": len(data.classes), "in_channels": data.channels, "image_size": image_size(recipe, data)}


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run, ready to use: the network in evaluation mode and what its input looks like."""

    model: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    channels: int
    image_size: int  # pixels a side the network sees
    stored: int  # pixels a side of the images it learnt from, before they were enlarged
    mean: tuple[float, ...]
    std: tuple[float, ...]
    metrics: dict[str, Any]

    @property
    def lens(self) -> Preparation:
        """How it wants its pictures."""
        return Preparation(self.channels, self.stored, self.image_size, self.mean, self.std)


def load_run(folder: str | Path) -> Trained:
    """The network of a run folder with its weights, in evaluation mode, on the CPU.

    Raises   InputError if the folder holds no run, or one that is unfinished or damaged
    """
    run = Run.open(Path(folder))
    metrics = run.metrics
    seen, classes = preparation_of_run(run)
    model = create_model(run.recipe.model, **build_options(seen, len(classes)), weights=folder)
    size = seen.channels, seen.image_size, seen.side
    return Trained(model.eval(), run.recipe, classes, *size, seen.mean, seen.std, metrics)
