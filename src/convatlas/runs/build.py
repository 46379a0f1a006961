"""The images and the network that a recipe names, and networks with weights."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..anatomy.parts import parts
from ..data import Data, load
from ..data.file_list import KeptFiles
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.task import Task
from ..engine.tasks import TASKS
from ..errors import InputError
from ..models import create_model, create_on_meta, settings_of_weights, variant
from ..models.code import check_text
from ..models.variant import parse
from ..ops.droppath import set_stochastic_depth
from ..ops.paths import is_in_any
from ..trust import is_own
from ..weights import Loaded, load_into, source
from ..weights.checkpoints import checkpoints_of
from ..weights.load import classes_in
from ..weights.origin import published_as
from .preparation import Place, Preparation, check_per_channel

IMAGENET = 1000  # classes
SPLIT = ("val_share", "split_seed", "folds", "fold", "limit", "group_by")
"""The fields of a recipe that say which images are for training, validation and test."""


def open_data(recipe: Recipe, kept: KeptFiles | None = None) -> Data:
    """The images a recipe names, or those of an earlier run, with the mean and standard deviation that the recipe gives.

    Raises   InputError if there is no such set, or these do not fit its channels
    """
    return with_statistics(recipe, load(**load_arguments(recipe), kept=kept))


def task_of(recipe: Recipe, data: Data) -> Task:
    """What the recipe's network is trained for, as its family and its data say.

    Raises   InputError where they disagree, or the recipe sets what belongs to another task
    """
    kind, task = variant(recipe.model).family.task, TASKS[data.task]
    if task.family_task != kind:
        raise InputError(
            f"{recipe.model} is a network to {kind} images, and {data.name} is a data set to {task.family_task} them: "
            "`convatlas list` names the networks, `convatlas data` the data sets"
        )
    foreign = {name for other in TASKS.values() for name in other.settings} - task.settings
    for f in fields(recipe):
        if f.name in foreign and getattr(recipe, f.name) != f.default:
            raise InputError(
                f"--{f.name.replace('_', '-')} means nothing where {recipe.model} learns {task.noun}: leave it out"
            )
    return task


def task_of_run(run: Run) -> Task:
    """What a run was trained for, as its folder says; one of an older version knew nothing but its network's task."""
    network = TASKS[variant(run.recipe.model).family.task]
    data = run.environment.get("data", {}) if (run.path / "env.json").is_file() else {}
    return TASKS.get(data.get("task", network.name), network)


def with_statistics(recipe: Recipe, data: Data) -> Data:
    """The images with the recipe's mean and standard deviation in place of their own.

    Raises   InputError if these are not of as many channels as the images
    """
    check_per_channel(data.channels, recipe.mean, recipe.std)
    return replace(data, mean=recipe.mean or data.mean, std=recipe.std or data.std)


def split_options(recipe: Recipe) -> dict[str, Any]:
    """How a recipe divides its images, as `load` takes it."""
    return {name: getattr(recipe, name) for name in SPLIT}


def column_options(recipe: Recipe) -> dict[str, Any]:
    """The columns of a recipe's table, as `load` takes them."""
    return {"path_column": recipe.path_column, "label_column": recipe.label_column}


def load_arguments(recipe: Recipe) -> dict[str, Any]:
    """What a recipe asks `load` for; pictures in folders come in the size its network is built for."""
    native = variant(recipe.model).native
    options = {"strict": recipe.strict, "resident_share": recipe.resident_share, **split_options(recipe)}
    folder = Path(recipe.data_dir) if recipe.data_dir else None
    return {"name_or_path": recipe.data, "data_dir": folder, "image_size": recipe.image_size or native.image_size,
            "fit": recipe.fit, "white": recipe.white, **column_options(recipe), **options}  # fmt: skip


def image_size(recipe: Recipe, data: Data) -> int:
    """Pixels a side: what the recipe says, else the data's own, enlarged to the least the network can take."""
    side = max((data.val or data.test or data.train).size)
    return recipe.image_size or variant(recipe.model).native.fitting_size(side)


def model_options(recipe: Recipe, data: Data) -> dict[str, Any]:
    """The classes, channels and pixels of the data, as `create_model` takes them."""
    return {"num_classes": len(data.classes), "in_channels": data.channels, "image_size": image_size(recipe, data)}


def prepared_options(preparation: Preparation, count: int) -> dict[str, Any]:
    """The channels and pixels of a preparation and a number of classes, as `create_model` takes them."""
    return {"num_classes": count, "in_channels": preparation.channels, "image_size": preparation.image_size}


def create_seeded(name: str, options: dict[str, Any], seed: int = 0, stochastic_depth: float | None = None) -> nn.Module:
    """A network whose weights are drawn from a seed, which is set for all that comes after.

    Raises   InputError if there is no such network, it cannot be built so, or it has no branches to skip
    """
    torch.manual_seed(seed)
    return with_stochastic_depth(create_model(name, **options), stochastic_depth)


def build_model(recipe: Recipe, data: Data) -> nn.Module:
    """The recipe's network for the data's classes and channels, its weights drawn from the recipe's seed."""
    return create_seeded(recipe.model, model_options(recipe, data), recipe.seed, recipe.stochastic_depth)


def start_model(recipe: Recipe, data: Data) -> tuple[nn.Module, Loaded | None]:
    """The network as training begins with it, and what became of the weights it starts from; None if there are none.

    Raises   InputError if there are no such weights, or they do not fit the network
    """
    if recipe.weights is None:
        return build_model(recipe, data), None
    torch.manual_seed(recipe.seed)
    model, loaded = load_weights(recipe.model, recipe.weights, fresh_head=recipe.fresh_head, **model_options(recipe, data))
    return with_stochastic_depth(model, recipe.stochastic_depth), loaded


def with_stochastic_depth(model: nn.Module, probability: float | None) -> nn.Module:
    """The network, with stochastic depth unless that is None.

    Raises   InputError if it has no branches to skip
    """
    if probability is not None:
        set_stochastic_depth(model, probability)
    return model


def stages_of(recipe: Recipe, model: nn.Module, data: Data) -> dict[str, tuple[str, ...]] | None:
    """The stages that the recipe's strategy freezes and unfreezes; None where everything is trained alike."""
    if recipe.strategy == "full" and recipe.head_rate == 1:
        return None
    family = variant(recipe.model).family
    side = image_size(recipe, data)
    return parts(model, (data.channels, side, side), family.heads, family.auxiliary)


def with_weight_settings(recipe: Recipe) -> Recipe:
    """The recipe with the settings of its weights in the network's name, so that it stays true when they are gone.

    Raises   InputError for a tag that the network does not have
    """
    network = variant(recipe.model)
    changes = settings_of_weights(network, recipe.weights)[0] | dict(network.changes)
    return recipe if changes == network.changes else replace(recipe, model=network.with_changes(changes).name)


def classes_of(network: str, weights: Place) -> int:
    """How many classes weights name.

    Raises   InputError if there is no such network or tag, or the file has no head
    """
    family, base = variant(network).family, variant(network).base
    if published_as(base, weights):
        return IMAGENET
    return classes_in(source(base, weights), create_on_meta(network).state_dict(), family)


def names_imagenet(network: str, weights: Place) -> bool:
    """Whether weights name ImageNet's classes, as far as a tag, a file's name or its head tells.

    Raises   InputError if there are no such weights
    """
    return not is_run(weights) and bool(checkpoints_of(variant(network).base)) and classes_of(network, weights) == IMAGENET


def check_same_network(network: str, run: Run) -> None:
    """Raises InputError for a run of another network, or of another text of the user's own."""
    if is_own(network) and is_own(run.recipe.model):
        check_text(run.path, variant(network).base)
    elif parse(run.recipe.model)[0] != variant(network).base:
        raise InputError(f"{run.path} is a run of {run.recipe.model}, not of {network}: ask for that one")


def check_is_no_run(network: str, weights: Place | None) -> None:
    """Raises InputError for a run folder in the place of a network that is to get weights."""
    if weights is not None and is_run(network):
        raise InputError(
            f"{network} is a run and has weights of its own: leave --weights out, or name its network instead of it"
        )


def load_weights(network: str, weights: Place, *, fresh_head: bool = False, **options: Any) -> tuple[nn.Module, Loaded]:
    """A network with weights from a tag, a file or a run folder, and what became of them.

    `fresh_head` leaves the head as it was drawn, though the weights may have one that fits.

    Raises   InputError if there are no such weights, or they do not fit the network
    """
    entry = variant(network)
    family, changes = entry.family, settings_of_weights(entry, weights)[0] | dict(entry.changes)
    model = create_model(entry.base, **options, **changes)
    heads = (*family.heads, *family.auxiliary) if fresh_head else ()
    own = {key: value.clone() for key, value in model.state_dict().items() if is_in_any(key, heads)}
    loaded = load_into(model, source(entry.base, weights), family)
    model.load_state_dict(own, strict=False)
    return model, loaded.without(own)


def load_complete(network: str, weights: Place, preparation: Preparation, count: int) -> tuple[nn.Module, Loaded]:
    """A network with all of its weights, in evaluation mode, and what became of them.

    Raises   InputError if the file was trained on images of another size
    """
    model, loaded = load_weights(network, weights, **prepared_options(preparation, count))
    if name := missing_tensor(network, loaded):
        if is_in_any(name, variant(network).family.heads):
            raise InputError(f"{weights} has no {name} for {count} classes, for the logits: `convatlas tune` trains one")
        side = preparation.image_size
        raise InputError(
            f"{weights} does not fit {network} for {side}x{side} pixels, where {name} has another shape: it was trained on "
            "images of another size; name its set with --data, or its image_size"
        )
    return model.eval(), loaded


def missing_tensor(network: str, loaded: Loaded) -> str | None:
    """The first tensor that a network needs for its output and that its weights do not bring; None if they bring all."""
    auxiliary = variant(network).family.auxiliary
    return next((key for key in loaded.fresh if not is_in_any(key, auxiliary)), None)
