"""Features of each image as an index: streamed, batch by batch, from a network that a query finds again."""

from collections.abc import Generator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..data import Batches, Feed, Images, Resident
from ..engine.hardware import choose_device
from ..engine.machine import fit_threads
from ..errors import InputError, count_of
from ..features.extract import PENULTIMATE, passes
from ..features.index import Index, Maker, Part, Vectors, fingerprint
from ..features.storage import kind_of, save
from ..files import check_is_new
from ..runs.build import names_imagenet
from ..runs.images import ImageSet, open_images
from ..runs.network import NetworkRequest, OpenNetwork, open_network
from ..weights.store import is_place

BATCH = 128


@dataclass(frozen=True, slots=True)
class Embedder:
    """A network on its device, and what an index says of it."""

    network: OpenNetwork
    maker: Maker
    device: str = "cpu"

    def feed(self, batch_size: int, count: int) -> Feed:
        """How `count` images come to it; worker processes pay for more than two batches."""
        workers = 0 if count <= 2 * batch_size else None
        return self.network.preparation.feed(batch_size, device=self.device, channels_last=True, workers=workers)

    def fit_threads(self, batch_size: int, count: int, threads: int | None) -> AbstractContextManager[None]:
        """The threads that are fastest for `count` images, for as long as a block runs."""
        network = self.network
        size = network.channels, network.image_size, network.image_size
        return fit_threads(network.model, size, batch_size, count, threads=threads)

    def vectors(self, images: Images, batch_size: int = BATCH) -> Generator[Part]:
        """Vectors and places, a batch at a time, of images whose labels are their places.

        Shapes   (k, d) and (k,) each
        Raises   InputError for NaN or infinite vectors
        """
        batches, layer = Batches(images, self.feed(batch_size, len(images))).epoch(), self.maker.layer
        with closing(passes(self.network.model, batches, (layer,))) as steps:
            for step in steps:
                vectors = step.features[layer].numpy()
                if not np.isfinite(vectors).all():
                    raise InputError(f"{self.maker.words} gives NaN or infinite vectors at {layer}: train it again")
                yield vectors, step.labels.cpu().numpy()


def open_embedder(request: NetworkRequest, data: str | None = None, layer: str = PENULTIMATE, device: str = "cpu") -> Embedder:
    """A network ready to embed; weights that are not published, and of which nothing is said, were trained on `data`.

    Raises   InputError if there is no such network or layer
    """
    device = choose_device(device)
    weights = None if request.run else request.weights
    if weights is not None and not (request.data or request.mean) and not names_imagenet(request.network, weights):
        request = replace(request, data=data)
    network = open_network(request)
    if weights is None:
        place, file = str(Path(request.weights or request.network).resolve()), None
    else:
        place, file = request.network, str(Path(weights).resolve()) if is_place(weights) else str(weights)
    mark = fingerprint(network.model.state_dict(), layer, network.preparation)
    maker = Maker(place, file, len(network.classes), layer, network.preparation, mark)
    return make_embedder(network, maker, device)


def make_embedder(network: OpenNetwork, maker: Maker, device: str) -> Embedder:
    """The network on its device, once it is known that it has the layer.

    Raises   InputError with the nearest names for an unknown layer
    """
    side = network.image_size
    model = network.model.eval().to(device).to(memory_format=torch.channels_last)
    with closing(passes(model, [torch.zeros(1, network.channels, side, side)], (maker.layer,))) as steps:
        next(steps)
    return Embedder(replace(network, model=model), maker, device)


def check_index_file(out: Path) -> None:
    """Raises InputError if a file is there already, or can't be written."""
    kind_of(out)
    check_is_new(out)


def write_index(embedder: Embedder, images: ImageSet, out: Path, batch_size: int = BATCH) -> Index:
    """The index of some images, in a file.

    Raises   InputError if the file is there already
    """
    check_index_file(out)
    nothing = np.empty((0, 0), np.float32)
    all_else = Index(nothing, images.labels, images.paths, images.classes, images.root, embedder.maker)
    return save(out, embedder.vectors(images.images, batch_size), all_else)


def embed(
    request: NetworkRequest, data: str, split: str, out: Path, *, layer: str = PENULTIMATE, batch_size: int = BATCH,
    device: str = "cpu", threads: int | None = None,
) -> tuple[Index, tuple[str, ...]]:  # fmt: skip
    """The index of some images by a network, in a file, and what has to be known of them.

    Raises   InputError before anything is written
    """
    check_index_file(out)
    if batch_size < 1:
        raise InputError(f"--batch-size needs to be 1 or more, got {batch_size}")
    embedder = open_embedder(request, data, layer, device)
    images = open_images(data, split, embedder.network, request.data_dir)
    with embedder.fit_threads(batch_size, len(images), threads):
        return write_index(embedder, images, out, batch_size), (embedder.network.note, *images.warnings)


def reopen_embedder(index: Index, network: str | None = None, weights: str | None = None, device: str = "cpu") -> Embedder:
    """The network that made an index, from where it was or is now.

    Raises   InputError if it is not there, or is another one
    """
    maker = index.maker
    network, weights = network or maker.network, weights or maker.weights
    try:
        reopened = open_network(NetworkRequest(network, weights, preparation=maker.preparation))
        if len(reopened.classes) != maker.classes:
            raise InputError(
                f"{weights or network} names {count_of(len(reopened.classes), 'class')}, but the network that made the index "
                f"{maker.classes}: it is another one"
            )
    except InputError as error:
        if network == maker.network and weights == maker.weights:
            raise InputError(f"{error}; the index was made by it: if it moved, say where with --network or --weights") from None
        raise
    if fingerprint(reopened.model.state_dict(), maker.layer, maker.preparation) != maker.fingerprint:
        place = f"{network}{f' with {weights}' if weights else ''}"
        raise InputError(
            f"the index was made by {maker.words}, and {place} holds other weights now: embed the images again, or name the "
            "network that made it with --network or --weights"
        )
    return make_embedder(reopened, maker, choose_device(device))


def vectors_of_pictures(embedder: Embedder, pictures: list[torch.Tensor]) -> Vectors:
    """Vectors of some pictures.

    Shapes   pictures (channels, side, side) uint8 each → (q, d)
    Raises   InputError for NaN or infinite vectors
    """
    images = Resident(torch.stack(pictures), torch.arange(len(pictures)))
    return np.concatenate([vectors for vectors, _ in embedder.vectors(images)])
