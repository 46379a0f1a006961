"""A network with its weights, ready for pictures: with their preparation and the names of its classes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..data import Data
from ..engine.hardware import choose_device
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.task import Task
from ..engine.tasks import TASKS
from ..errors import InputError
from ..models import CATALOG, check_options, variant
from ..models.variant import parse, write_name
from ..trust import TRUST, is_own
from ..weights import classes
from ..weights.checkpoints import checkpoints_of
from .build import (
    IMAGENET,
    check_is_no_run,
    check_same_network,
    classes_of,
    create_seeded,
    image_size,
    load_complete,
    open_data,
    prepared_options,
    task_of,
    task_of_run,
)
from .class_names import number_classes, read_classes
from .preparation import (
    Place,
    Preparation,
    Values,
    check_per_channel,
    cut_words,
    preparation_of_run,
    preparation_of_weights,
    preparation_untrained,
    published_words,
    statistics_words,
)


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """Which network with which weights, and what is known of its images beyond them; None is what is not given."""

    network: str  # a run folder, or a network of the catalog
    weights: Place | None = None  # a published tag, a file or a run folder
    data: str | None = None  # the set that the weights were trained on
    data_dir: Path | None = None
    mean: Values | None = None
    std: Values | None = None
    classes: Path | None = None  # a text file with one class name per line
    image_size: int | None = None
    in_channels: int | None = None
    preparation: Preparation | None = None  # instead of the one that the weights suggest
    fit: str | None = None
    white: int | None = None
    seed: int | None = None  # that draws the weights of a network without any; None refuses such a network

    @property
    def run(self) -> Path | None:
        """The run folder that holds the weights, if it is one."""
        place = self.network if self.weights is None else self.weights
        return Path(place) if is_run(place) else None


@dataclass(frozen=True, slots=True)
class OpenNetwork:
    """A network in evaluation mode, with the preparation of its images and the names of its classes."""

    name: str  # as `create_model` takes it
    model: nn.Module
    fresh: Callable[[], nn.Module]  # builds the same network as it was before it learned
    classes: tuple[str, ...]
    preparation: Preparation
    note: str  # which weights these are, and how images are prepared for them
    run: Run | None = None
    data: Data | None = None  # the set that the weights were trained on, where the request names it

    @property
    def recipe(self) -> Recipe:
        """How it was trained; the default recipe where it is not of a run."""
        return self.run.recipe if self.run else Recipe(model=self.name)

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return task_of_run(self.run) if self.run else TASKS[variant(self.name).family.task]

    @property
    def metrics(self) -> dict[str, Any]:
        """The final figures of its run; none where it is not of a run."""
        return self.run.metrics if self.run else {}

    @property
    def channels(self) -> int:
        return self.preparation.channels

    @property
    def image_size(self) -> int:
        """Pixels a side the network sees."""
        return self.preparation.image_size

    @property
    def mean(self) -> Values:
        return self.preparation.mean

    @property
    def std(self) -> Values:
        return self.preparation.std

    def read(self, path: Path | Image.Image) -> Tensor:
        """The bytes of a picture.

        Shapes   → (channels, side, side) uint8
        Raises   data.picture_file.Unreadable
        """
        return torch.tensor(self.preparation.read(path))

    def on(self, device: str) -> "OpenNetwork":
        """The same network, moved to a device.

        Raises   InputError for a device this machine lacks
        """
        return replace(self, model=self.model.to(choose_device(device)))

    def logits(self, pixels: Tensor) -> Tensor:
        """The network's output for some pictures, computed where it lies.

        Shapes   pixels (n, channels, side, side) uint8 → (n, classes) on the CPU
        """
        preparation, device = self.preparation, next(iter(self.model.state_dict().values())).device
        with torch.inference_mode():
            if preparation.frame:  # in the reference's order of operations, to the last bit
                mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (self.mean, self.std))
                return self.model(pixels.to(device).float().div_(255).sub_(mean).div_(std)).cpu()
            return self.model(preparation.prepare(pixels, str(device))).cpu()


def open_network(request: NetworkRequest) -> OpenNetwork:
    """The network of a run folder, one of the catalog with weights, or a fresh one where the request has a seed.

    Published weights bring their own preparation, and so does a file that bears the name of one. Any other file gets that
    of the network's first published weights, unless `data` names the set that it was trained on.

    Raises   InputError if there is no such network, the weights do not fit it, or nothing is known of its images
    """
    check_options(None, request.in_channels, request.image_size, request.weights)
    check_is_no_run(request.network, request.weights)
    if request.run:
        return open_run(request, request.run)
    if request.weights is not None:
        return open_with_weights(request, str(request.weights))
    if request.seed is not None:
        return open_untrained(request, request.seed)
    if not Path(request.network).is_dir() and (is_own(request.network) or parse(request.network)[0] in CATALOG):
        rows = checkpoints_of(variant(request.network).base)
        remedy = f"--weights default for its published ones ({rows[0].acc1:.1f} % on ImageNet)" if rows else "--weights FILE"
        raise InputError(f"{request.network} needs weights to name anything: add {remedy}, or give a run folder in its place")
    return load_run(request.network)  # which says that it is none


def load_run(folder: Place, code: str | None = None, *, trust_code: bool = False) -> OpenNetwork:
    """The network of a run folder with its weights, in evaluation mode, on the CPU.

    A network that is not of the catalog needs its code: `code` is the place of the user's, `FILE.py:CLASS`; `trust_code`
    lets the text that the folder keeps be executed.

    Raises   InputError if the folder holds no run, or one that is unfinished or damaged, or its code may not be executed
    """
    run = Run.open(Path(folder))
    if trust_code:
        TRUST.folders.add(run.path)
    recipe, _ = run.recipe, run.metrics  # an unfinished run has no figures
    if code is not None:
        recipe = replace(recipe, model=write_name(variant(code).base, parse(recipe.model)[1]))
    preparation, names = preparation_of_run(run)
    options = prepared_options(preparation, len(names))
    model = load_complete(recipe.model, Path(folder), preparation, len(names))[0]
    source = recipe.data if recipe.mean is None else "its recipe"
    note = f"{recipe.model} of {folder}; {cut_words(preparation)}, mean and standard deviation of {source}"
    fresh = partial(create_seeded, recipe.model, options, recipe.seed, recipe.stochastic_depth)
    return OpenNetwork(recipe.model, model, fresh, names, preparation, note, run)


def open_run(request: NetworkRequest, folder: Path) -> OpenNetwork:
    """The network of a run folder, prepared as it was trained.

    Raises   InputError if it is a run of another network, or if the request says what the run knows
    """
    if any((request.data, request.mean, request.std, request.classes, request.image_size, request.in_channels, request.fit,
            request.white)):  # fmt: skip
        raise InputError(
            f"{folder} is a run folder, which knows what its images look like: leave --data --mean --std --fit --white "
            "--classes out, and image_size and in_channels"
        )
    if request.weights is not None:
        check_same_network(request.network, Run.open(folder))
    network = load_run(folder, request.network if request.weights is not None and is_own(request.network) else None)
    return replace(network, preparation=request.preparation) if request.preparation else network


def open_untrained(request: NetworkRequest, seed: int) -> OpenNetwork:
    """A network without weights, for a set or else for the images of its first published weights.

    Raises   InputError if there is no such network or set, or it cannot take such images
    """
    data, name = open_set(request), request.network
    if data:
        preparation, names = preparation_of_set(request, data), data.classes
    else:
        preparation = preparation_untrained(
            name, mean=request.mean, std=request.std, image_size=request.image_size, in_channels=request.in_channels
        ).adapt(request.fit, request.white)
        base = variant(name).base
        names = number_classes(variant(base).native.num_classes)
    fresh = partial(create_seeded, name, prepared_options(preparation, len(names)), seed)
    with torch.random.fork_rng(devices=()):
        model = fresh().eval()
    note = f"{name}, untrained; {cut_words(preparation)}, {statistics_words(preparation)}"
    return OpenNetwork(name, model, fresh, names, preparation, note, data=data)


def open_with_weights(request: NetworkRequest, weights: str) -> OpenNetwork:
    """A network of the catalog with published weights or those of a file.

    Raises   InputError if there are no such weights, they do not fit, or nothing is known of the images they were trained on
    """
    name, count = request.network, classes_of(request.network, weights)
    data = None
    if request.preparation:
        preparation = request.preparation
        words = cut_words(preparation)
    elif data := open_set(request):
        if len(data.classes) != count:
            raise InputError(
                f"{weights} was not trained for the {len(data.classes)} classes of {request.data}: it names {count} classes, "
                "so name the set that it was trained on with --data, or leave --data out"
            )
        preparation = preparation_of_set(request, data)
        words = f"{cut_words(preparation)}, mean and standard deviation of {request.data}"
    else:
        preparation = preparation_of_weights(
            name, weights, mean=request.mean, std=request.std, image_size=request.image_size, in_channels=request.in_channels
        ).adapt(request.fit, request.white)
        words = f"{published_words(name, weights, preparation)}, {statistics_words(preparation)}"
    if request.classes:
        names = read_classes(request.classes, count)
    elif data:
        names = data.classes
    else:
        names = classes() if count == IMAGENET and checkpoints_of(variant(name).base) else number_classes(count)
    model, loaded = load_complete(name, weights, preparation, count)
    whole = len(loaded.kept) == len(model.state_dict()) and not loaded.notes
    note = f"{name} with {weights}{'' if whole else f' ({loaded})'}; {words}"
    fresh = partial(create_seeded, name, prepared_options(preparation, count))
    return OpenNetwork(name, model, fresh, names, preparation, note, data=data)


def open_set(request: NetworkRequest) -> Data | None:
    """The set that the request names, divided by the default recipe; None if it names none.

    Raises   InputError if there is no such set, or it is for another task than the network
    """
    if request.data is None:
        return None
    folder = str(request.data_dir) if request.data_dir else None
    options: dict[str, Any] = {name: value for name in ("fit", "white") if (value := getattr(request, name)) is not None}
    recipe = Recipe(model=request.network, data=request.data, data_dir=folder, image_size=request.image_size, **options)
    data = open_data(recipe)
    task_of(recipe, data)
    return data


def preparation_of_set(request: NetworkRequest, data: Data) -> Preparation:
    """How the images of a set are prepared, but for what the request says.

    Raises   InputError if mean or std do not fit its channels
    """
    check_per_channel(data.channels, request.mean, request.std)
    side = image_size(Recipe(model=request.network, image_size=request.image_size), data)
    preparation = Preparation.of(data, side).adapt(request.fit, request.white)
    return replace(preparation, mean=request.mean or data.mean, std=request.std or data.std)
