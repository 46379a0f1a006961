"""What a network makes of each image, as an index: streamed, batch by batch, by a network that a query finds again."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import Batches, Feed, Images
from ..engine.hardware import choose_device
from ..engine.record import is_run
from ..errors import InputError
from ..features.extract import PENULTIMATE, passes
from ..features.index import Index, Maker, Part, StoredPreparation, Vectors, fingerprint
from ..features.storage import kind_of, save
from ..files import unwritten
from ..models import parse
from ..runs.build import load_run
from ..runs.images import ImageSet, open_images
from ..runs.network import Asked, Reader, opened
from ..runs.preparation import Preparation, build_options, classes_of, load_weights, missing_tensor
from ..weights import find, frame
from ..weights.origin import nearest_published
from ..weights.store import is_place
from .measure import Question, knows_photographs

BATCH = 128


@dataclass(frozen=True, slots=True)
class Embedder:
    """A network with what its images have to look like, and the name that an index gives it."""

    reader: Reader
    maker: Maker
    device: str = "cpu"

    def feed(self, batch_size: int, count: int) -> Feed:
        """How so many images come to it; workers pay for more than two batches."""
        looks = self.reader.looks
        workers = 0 if count <= 2 * batch_size else None
        return Feed(
            batch_size, looks.image_size, looks.mean, looks.std, device=self.device, channels_last=True, workers=workers
        )

    def vectors(self, images: Images, batch_size: int = BATCH) -> Generator[Part]:
        """Vectors and places, a batch at a time, of images whose labels are their places.

        Raises   InputError for vectors that are no numbers
        """
        with closing(seen(self.reader.model, images, self.feed(batch_size, len(images)), self.maker.layer)) as parts:
            for vectors, places in parts:
                if not np.isfinite(vectors).all():
                    raise InputError(
                        f"{self.maker.words} gives vectors that are no numbers at {self.maker.layer}: train it again"
                    )
                yield vectors, places


def seen(model: nn.Module, images: Images, feed: Feed, layer: str) -> Generator[tuple[Any, Any]]:
    """What passes give for images, with their labels."""
    places: list[Any] = []

    def batches() -> Iterator[torch.Tensor]:
        for x, labels in Batches(images, feed).epoch():
            places.append(labels.cpu().numpy())
            yield x

    with closing(passes(model, batches(), layer)) as found:
        for vectors, _ in found:
            yield vectors.numpy(), places.pop()


def embedder(asked: Asked, data: str | None = None, layer: str = PENULTIMATE, device: str = "cpu") -> Embedder:
    """A network that is asked for, ready to embed; `data` is taken for what weights of no publication were trained on.

    Raises   InputError if there is no such network or layer
    """
    device = choose_device(device)
    of_run = asked.weights is None or is_run(asked.weights)
    if not (of_run or asked.data or asked.mean) and not knows_photographs(Question(asked.network, data, weights=asked.weights)):
        asked = replace(asked, data=data)
    reader = opened(asked)
    looks = reader.looks
    row = nearest_published(parse(asked.network)[0], asked.weights) if looks.frame else None
    tag = row.tag if row else None
    how = StoredPreparation(looks.channels, looks.side, looks.image_size, looks.mean, looks.std, tag)
    network, weights = (str(Path(asked.weights or asked.network).resolve()), None) if of_run else (asked.network, asked.weights)
    if weights and is_place(weights):
        weights = str(Path(weights).resolve())
    found = fingerprint(reader.model.state_dict(), layer, how)
    return ready(reader, Maker(network, weights, len(reader.classes), layer, how, found), device)


def ready(reader: Reader, maker: Maker, device: str) -> Embedder:
    """The network on its device, once it is known that it has the layer.

    Raises   InputError with the nearest names for an unknown layer
    """
    looks = reader.looks
    model = reader.model.eval().to(device).to(memory_format=torch.channels_last)
    blank = torch.zeros(1, looks.channels, looks.image_size, looks.image_size)
    with closing(passes(model, [blank], maker.layer)) as tried:
        next(tried)
    return Embedder(replace(reader, model=model), maker, device)


def embed(embedder: Embedder, gathered: ImageSet, out: Path, batch_size: int = BATCH) -> Index:
    """The index of some images, in a file.

    Raises   InputError if the file is there already
    """
    free(out)
    nothing = np.empty((0, 0), np.float32)
    all_else = Index(nothing, gathered.labels, gathered.paths, gathered.classes, gathered.root, embedder.maker)
    return save(out, embedder.vectors(gathered.images, batch_size), all_else)


def free(out: Path) -> None:
    """Raises InputError if a file is there already, or can't be written."""
    kind_of(out)
    unwritten(out)


def embedded(
    asked: Asked, data: str, split: str, out: Path, *, layer: str, batch_size: int, device: str
) -> tuple[Index, tuple[str, ...]]:
    """The index of a network's view of some images, and what has to be known of them.

    Raises   InputError before anything is written
    """
    free(out)
    if batch_size < 1:
        raise InputError(f"--batch-size needs to be 1 or more, got {batch_size}")
    made = embedder(asked, data, layer, device)
    gathered = open_images(data, split, made.reader.looks, asked.data_dir)
    return embed(made, gathered, out, batch_size), (made.reader.note, *gathered.warnings)


def reopened(index: Index, network: str | None = None, weights: str | None = None, device: str = "cpu") -> Embedder:
    """The network that made an index, from where it was or is now.

    Raises   InputError if it is not there, or is another one
    """
    maker = index.maker
    network, weights = network or maker.network, weights or maker.weights
    try:
        reader = read_as(maker, network, weights)
    except InputError as error:
        if network == maker.network and weights == maker.weights:
            raise InputError(f"{error}; the index was made by it: if it moved, say where with --network or --weights") from None
        raise
    how = maker.preparation
    if fingerprint(reader.model.state_dict(), maker.layer, how) != maker.fingerprint:
        now = f"{network}{f' with {weights}' if weights else ''}"
        raise InputError(
            f"the index was made by {maker.words}, and {now} holds other weights now: embed the images again, or name the "
            "network that made it with --network or --weights"
        )
    return ready(reader, maker, choose_device(device))


def read_as(maker: Maker, network: str, weights: str | None) -> Reader:
    """A network that sees images as the maker did."""
    how = maker.preparation
    cut = frame(find(parse(network)[0], how.frame)) if how.frame else None
    looks = Preparation(how.channels, how.side, how.image_size, how.mean, how.std, cut)
    if weights is None or is_run(weights):
        run = load_run(weights or network)
        return Reader(run.model, run.classes, looks, "")
    count = classes_of(network, weights)
    if count != maker.classes:
        raise InputError(
            f"{weights} names {count} classes, but the network that made the index {maker.classes}: it is another one"
        )
    model, loaded = load_weights(network, weights, **build_options(looks, count))
    if fresh := missing_tensor(network, loaded):
        raise InputError(f"{weights} does not fit {network}: {fresh} has another shape")
    return Reader(model.eval(), (), looks, "")


def described(maker: Maker) -> dict[str, Any]:
    """The maker in JSON."""
    return asdict(maker)


def of_queries(embedder: Embedder, pictures: list[torch.Tensor]) -> Vectors:
    """Vectors of some pictures.

    Shapes   pictures (channels, side, side) uint8 each → (q, d)
    """
    from ..data import Resident

    images = Resident(torch.stack(pictures), torch.arange(len(pictures)))
    return np.concatenate([vectors for vectors, _ in embedder.vectors(images)])
