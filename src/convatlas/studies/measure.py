"""How good a run, or a network with weights, is on images it was not trained on."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..data import Batches, Images
from ..engine.evaluate import evaluate
from ..engine.hardware import autocast, choose_device
from ..engine.machine import check_machine, machine_to_evaluate, use_threads
from ..engine.recipe import Recipe
from ..engine.record import Run
from ..engine.task import Scores, Task
from ..engine.tasks import TASKS
from ..errors import InputError, unknown_name
from ..runs.build import names_imagenet
from ..runs.images import images_of, open_data_of_run, open_photographs
from ..runs.network import NetworkRequest, OpenNetwork, open_network
from ..runs.preparation import check_per_channel

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures on one split, the names of the classes, and what has to be known of both."""

    task: Task
    scores: Scores
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def measure(
    request: NetworkRequest, split: str = "test", *, batch_size: int = 128, device: str = "auto", precision: str = "32",
    threads: int | None = None,
) -> Measurement:  # fmt: skip
    """The figures on one split of the set that the request names; of a run's own set if it names none.

    Photographs that ImageNet's weights look at are prepared as those were trained; other images as the data suggests.

    Raises   InputError if the split does not exist or the data's classes are not the network's
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    check_machine(device, precision, threads)
    device = choose_device(device)
    network, images, notes = open_with_images(request, split)
    check_per_channel(network.channels, request.mean, request.std)
    preparation = replace(
        network.preparation, mean=request.mean or network.mean, std=request.std or network.std
    )  # fmt: skip
    feed = preparation.feed(batch_size, device=device, channels_last=True)
    model = network.model.to(device).to(memory_format=torch.channels_last)
    task = TASKS[images.targets.task]
    size = network.channels, network.image_size, network.image_size
    machine = machine_to_evaluate(
        model, size, batch_size, len(images), device=device, precision=precision, threads=threads
    )  # fmt: skip
    if network.run:
        notes += precision_notes(network.run, machine.precision)
    if threads is None:
        notes += machine.notes()
    mixed = autocast(machine.precision, device)
    with use_threads(machine.threads):
        scores = evaluate(model, Batches(images, feed).epoch(), task.meter(network.classes), mixed)
    return Measurement(task, scores, network.classes, notes)


def open_with_images(request: NetworkRequest, split: str) -> tuple[OpenNetwork, Images, tuple[str, ...]]:
    """The network, the images of a part, and what has to be known of both.

    Raises   InputError if there is no such network or part, or they don't go together
    """
    if request.run or request.weights is None:
        network = open_network(replace(request, data=None, data_dir=None, mean=None, std=None))
        data = open_data_of_run(network, request.data, request.data_dir)
        return network, images_of(data, split), data.warnings
    if not names_imagenet(request.network, request.weights):
        network = open_network(replace(request, data=request.data or Recipe().data))
        if network.data is None:
            raise TypeError("a network that is opened for a set has none")
        return network, images_of(network.data, split), network.data.warnings
    if not request.data or not Path(request.data).is_dir():
        raise InputError(
            f"{request.network} with {request.weights} names the 1000 classes of ImageNet: add --data FOLDER with a folder of "
            f"photographs for each class, named as the class{f', not {request.data}' if request.data else ''}"
        )
    network = open_network(replace(request, data=None))
    photographs = open_photographs(Path(request.data), split, network)
    return network, photographs.with_classes(), (network.note, *photographs.warnings)


NAMES = {"32": "float32"}  # of precisions, where the flag's word is not one


def precision_notes(run: Run, precision: str) -> tuple[str, ...]:
    """A note where a run was tested in another precision, so that its own figures differ."""
    own = run.environment.get("precision", precision)
    here, then = NAMES.get(precision, precision), NAMES.get(own, own)
    words = f"measured in {here}; the run itself was tested in {then}, and --precision {own} repeats its figures"
    return () if own == precision else (words,)
