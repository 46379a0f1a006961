"""Learning rates before training: what a recipe will do, and which learning rate suits it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..anatomy.parts import parts
from ..data import CATALOG, Data
from ..engine.machine import machine_to_train, use_threads
from ..engine.rates.forecast import Forecast
from ..engine.rates.suggest import RangeTest
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.strategy import Learning
from ..errors import InputError
from ..models import create_on_meta, variant
from ..recipes import default, refuse_idle, tuning_recipe
from ..runs.build import image_size, open_data, stages_of, start_model, task_of, with_weight_settings
from ..runs.finetuning import network_and_weights, plan_tuning
from ..runs.teacher import teacher_of
from ..runs.training import check


def plan_run(model: str, options: Mapping[str, Any], varied: Sequence[str] = ()) -> tuple[Recipe, Data]:
    """The recipe and the images of `tune` if there are weights to start from, else of `train`; `varied` fields are searched.

    Raises   InputError if there is no such network, or no such weights or images
    """
    values = dict(options)
    data = values.pop("data", "digits")
    if "weights" in values:
        network, weights = network_and_weights(model, values.pop("weights"))
        recipe, images, _ = plan_tuning(network, weights, data, values, varied)
        return recipe, images
    recipe = with_weight_settings(default(model, data, **values))
    refuse_idle(recipe, values, varied)
    return recipe, open_data(recipe)


def run_range_test(
    recipe: Recipe, data: Data, bounds: tuple[float, float], steps: int, watch: Callable[[int], object] | None = None
) -> RangeTest:
    """A range test of a recipe: the weights it starts with, and what its first phase trains.

    Units    bounds are the lowest and the highest learning rate
    Raises   InputError, and what training raises for machines and memory
    """
    from ..data.stream import explaining_killed_workers
    from ..engine.rates.range_test import range_test
    from ..engine.session import Session
    from ..engine.stop import out_of_memory

    recipe = replace(recipe, ema=None, swa=None)  # averages do not change the loss
    check(recipe, data)
    model, _ = start_model(recipe, data)
    stages, teacher = stages_of(recipe, model, data), teacher_of(recipe, data)
    side, loss = image_size(recipe, data), task_of(recipe, data).loss(recipe, data, None)
    torch.manual_seed(recipe.seed)
    with explaining_killed_workers(), out_of_memory(recipe.batch_size, recipe.accumulate):
        machine = machine_to_train(model, data, recipe, side, loss)
        with use_threads(machine.threads):
            way = machine.device, machine.precision
            session = Session(model, data, recipe, side, way, stages=stages, teacher=teacher)
            return range_test(session, *bounds, steps, watch)


def forecast(model: str, options: Mapping[str, Any], *, images: int | None = None, batches: int | None = None) -> Forecast:
    """What a run folder's recipe does, or that of a network and options.

    With `images` or `batches` of an epoch no data is opened: classes and channels are those of the catalog's set, or the
    network's own.

    Raises   InputError if there is no such network or data, or the options contradict each other
    """
    if is_run(model) and "weights" not in options:
        if options or images or batches:
            raise InputError(f"{model} is a run, whose recipe is fixed: leave the other flags out, or name a network")
        return forecast_of_run(Run.open(Path(model)))
    if images is None and batches is None:
        recipe, data = plan_run(model, options)
        side = image_size(recipe, data)
        return make_forecast(recipe, len(data.classes), data.channels, side, len(data.train))
    if images is not None and batches is not None:
        raise InputError("--images and --steps-per-epoch both say how long an epoch is: leave one of them out")
    for name, value in (("images", images), ("steps-per-epoch", batches)):
        if value is not None and value < 1:
            raise InputError(f"--{name} needs to be at least 1, got {value}")
    return forecast_without_data(model, options, images, batches)


def forecast_of_run(run: Run) -> Forecast:
    """What a run folder's recipe does; its data is opened only if the run has not begun.

    Raises   InputError if the folder is damaged
    """
    recipe = run.recipe
    if not (run.path / "env.json").is_file():
        data = open_data(recipe)
        return make_forecast(recipe, len(data.classes), data.channels, image_size(recipe, data), len(data.train))
    data, side = run.environment["data"], run.environment["image_size"]
    return make_forecast(recipe, len(data["classes"]), data["channels"], side, data["train"])


def forecast_without_data(model: str, options: Mapping[str, Any], images: int | None, batches: int | None) -> Forecast:
    """What a recipe would do with so many images, or batches, in an epoch."""
    values = dict(options)
    data = values.pop("data", "digits")
    if "weights" in values:
        model, values["weights"] = network_and_weights(model, values["weights"])
        batch = values.get("batch_size", 32)
        recipe = with_weight_settings(tuning_recipe(model, data, images or (batches or 1) * batch, **values))
    else:
        recipe = with_weight_settings(default(model, data, **values))
    refuse_idle(recipe, values)
    native = variant(recipe.model).native
    source = CATALOG.get(data)
    classes = len(source.classes) if source else native.num_classes
    channels = source.channels if source else native.in_channels
    side = recipe.image_size or (variant(recipe.model).native.fitting_size(source.size) if source else native.image_size)
    count = images if images is not None else (batches or 1) * recipe.batch_size
    return make_forecast(recipe, classes, channels, side, count)


def make_forecast(recipe: Recipe, classes: int, channels: int, side: int, images: int) -> Forecast:
    """The forecast, from a network without memory or values."""
    family = variant(recipe.model).family
    net = create_on_meta(recipe.model, num_classes=classes, in_channels=channels, image_size=side)
    learning = Learning(net, recipe, parts(net, (channels, side, side), family.heads, family.auxiliary))
    whole = images >= recipe.batch_size  # then an incomplete last batch is dropped
    steps = images // recipe.batch_size if whole else 1
    return Forecast(recipe, learning, steps, steps * recipe.batch_size if whole else images)
