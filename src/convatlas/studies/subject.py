"""Opens what `look` looks at: a run, a network with weights or a fresh one, and images it was not trained on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..data import Data, Images
from ..errors import InputError, unknown_name
from ..insight.subject import Subject
from ..models import variant
from ..runs.build import names_imagenet
from ..runs.images import images_of, open_data_of_run, open_photographs, read_images
from ..runs.network import NetworkRequest, OpenNetwork, open_network
from .predict import list_images

SPLITS = ("test", "val", "train")
FIRST = "digits"  # what a network without weights is shown if nothing else is named


def open_subject(request: NetworkRequest, split: str | None = None, files: Sequence[Path] = ()) -> Subject:
    """The network and its images: the test images, else those of validation, if no part is named, or files in their place.

    The set that the request names is the one to look at.

    Raises   InputError if there is no such network, set, part or file, or if they don't go together
    """
    if split not in (None, *SPLITS):
        raise unknown_name("split", str(split), SPLITS)
    network, data = open_with_set(request)
    notes = data.warnings if data and not files else ()
    paths: tuple[str, ...] = ()
    if files:
        listed, left_out = list_images(files)
        pictures = read_images(listed, network.preparation)
        images, paths, notes = pictures.with_classes(), tuple(pictures.paths.tolist()), left_out + pictures.warnings
    else:
        images = images_of_part(request, network, data, split)
    named, preparation = variant(network.name), network.preparation
    return Subject(
        named.base, title_of(request, network, data), network.model, network.fresh, named.family.heads[0], named.family.stem,
        network.classes, images, preparation.image_size, preparation.mean, preparation.std,
        data.train if data else None, data.val if data else None, network.run.path if network.run else None,
        paths, notes,
    )  # fmt: skip


def open_with_set(request: NetworkRequest) -> tuple[OpenNetwork, Data | None]:
    """The network, and the set it was trained on or another one of its kind; None for one that names photographs.

    Raises   InputError if there is no such network or set, or they don't go together
    """
    if request.run:
        network = open_network(replace(request, data=None, data_dir=None))
        return network, open_data_of_run(network, request.data, request.data_dir)
    if request.weights is None:
        network = open_network(replace(request, data=request.data or FIRST, seed=0))
    elif request.data is None or names_imagenet(request.network, request.weights):
        network = open_network(replace(request, data=None))
    else:
        network = open_network(request)
    return network, network.data


def title_of(request: NetworkRequest, network: OpenNetwork, data: Data | None) -> str:
    """The network, its weights and its data in a few words, for captions."""
    if network.run and data:
        return f"{network.name} trained on {data.title}"
    if request.weights is None and data:
        return f"{network.name}, untrained, shown {data.title}"
    words = f"{network.name} with {Path(str(request.weights)).name}"
    return f"{words}, {data.title}" if data else words


def images_of_part(request: NetworkRequest, network: OpenNetwork, data: Data | None, split: str | None) -> Images:
    """A part of the set, or of a folder of photographs.

    Raises   InputError if there is no such part
    """
    if data is not None:
        return images_of(data, split or ("test" if data.test else "val"))
    if not request.data or not Path(request.data).is_dir():
        raise InputError(
            f"{title_of(request, network, None)} needs photographs: add --image FILE, or --data FOLDER with one folder per "
            "class"
        )
    return open_photographs(Path(request.data), split or "test", network).with_classes()
