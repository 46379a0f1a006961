"""What the layers of a network know of classes: k-NN and linear evaluation, layer by layer, from one pass over the images."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import Batches
from ..errors import InputError, unknown_name
from ..features.encoder import levels
from ..features.evaluate import knn_accuracy, knn_leave_one_out, linear_accuracy
from ..features.extract import PENULTIMATE, passes
from ..features.index import Ints, Vectors
from ..files import check_folder_is_new, make_folder, write_json
from ..runs.images import ImageSet, open_images
from ..runs.network import NetworkRequest
from .embed import BATCH, Embedder, open_embedder

K = 20
BLOCKS = 4  # of a network without stages
FILE = "probe.json"


@dataclass(frozen=True, slots=True)
class LayerProbe:
    """What one layer knows.

    Units   accuracies in [0, 1]
    """

    layer: str
    width: int
    knn_train: float  # each training image named by the others
    knn: float
    linear: float
    strength: float  # C of the logistic regression


@dataclass(frozen=True, slots=True)
class Probe:
    """The layers from the image to the head, and the images they were judged on."""

    network: str
    data: str
    split: str
    trained: int
    judged: int
    classes: tuple[str, ...]
    k: int
    layers: tuple[LayerProbe, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def save(self, folder: Path) -> Path:
        """Writes probe.json into a new folder, and gives that back.

        Raises   InputError if the folder holds anything
        """
        check_folder_is_new(folder)
        write_json(make_folder(folder) / FILE, self.to_json())
        return folder


def probe(  # noqa: PLR0913 (each is a flag of the command)
    request: NetworkRequest, data: str, layers: Sequence[str] = (), *, split: str = "val", k: int = K,
    batch_size: int = BATCH, device: str = "cpu", threads: int | None = None, watch: Callable[[str], None] = lambda _: None,
) -> Probe:  # fmt: skip
    """Fits to training images and judges on those of validation, or of test where that is asked for.

    Of a run both are divided as the run's own: it is judged on no image that it has learned from.

    Raises   InputError for an unknown layer, and for images without classes
    """
    if split not in ("val", "test"):
        raise unknown_name("split", split, ("val", "test"))
    if k < 1 or batch_size < 1:
        raise InputError(f"--k and --batch-size need to be at least 1, got {min(k, batch_size)}")
    embedder = open_embedder(request, data, PENULTIMATE, device)
    names = choose_layers(embedder, layers)
    train, judged = (open_images(data, part, embedder.network, request.data_dir) for part in ("train", split))
    if train.classes != judged.classes:
        raise InputError(f"the training images of {data} have other classes than those of {split}")
    watch("embedding")
    with embedder.fit_threads(batch_size, len(train) + len(judged), threads):
        x, y = vectors_of_layers(embedder, train, names, batch_size)
        u, v = vectors_of_layers(embedder, judged, names, batch_size)
    rows = []
    for name in names:
        watch(name)
        line = linear_accuracy(x[name], y, u[name], v)
        knn = knn_accuracy(x[name], y, u[name], v, k)
        rows.append(LayerProbe(name, x[name].shape[1], knn_leave_one_out(x[name], y, k), knn, line.accuracy, line.strength))
    title, notes = Path(train.root).name, (embedder.network.note, *train.warnings, *judged.warnings)
    return Probe(embedder.maker.words, title, split, len(y), len(v), train.classes, k, tuple(rows), tuple(dict.fromkeys(notes)))


def choose_layers(embedder: Embedder, layers: Sequence[str]) -> tuple[str, ...]:
    """The layers that are named, once it is known that they are there, else some from the image to the head.

    Raises   InputError with the nearest names for an unknown layer
    """
    model, network = embedder.network.model, embedder.network
    size = network.channels, network.image_size, network.image_size
    names = tuple(dict.fromkeys(layers)) or default_layers(model, size)
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(0)).to(embedder.device)
    with closing(passes(model, [image], names)) as steps:
        features = {name: vectors.numpy() for name, vectors in next(steps).features.items()}
    if layers:
        return names
    # the last stage may be what the head reads
    return tuple(name for name in names if name == PENULTIMATE or not are_equal(features[name], features[PENULTIMATE]))


def default_layers(model: nn.Module, size: tuple[int, int, int]) -> tuple[str, ...]:
    """The last layer of each stage, else of each quarter of the blocks, and what the head reads."""
    try:
        names = [level.name for level in levels(model, size)]
    except InputError:
        rows = [(path, module) for path, module in model.named_modules() if isinstance(module, nn.Sequential | nn.ModuleList)]
        path, row = max(rows, key=lambda row: len(row[1]), default=("", nn.Sequential()))
        inside = [name for name, _ in row.named_children()]
        edges = np.linspace(0, len(inside), min(BLOCKS, len(inside)) + 1).round().astype(int)
        names = [f"{path}.{inside[end - 1]}" for _, end in pairwise(edges.tolist())]
    return (*names, PENULTIMATE)


def are_equal(a: Vectors, b: Vectors) -> bool:
    """Whether two layers give the same features, but for rounding.

    Shapes   a (n, d), b (n, e)
    """
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)


def vectors_of_layers(
    embedder: Embedder, images: ImageSet, names: Sequence[str], batch_size: int
) -> tuple[dict[str, Vectors], Ints]:
    """The vectors at some layers from one pass, and the labels.

    Shapes   (n, d) for each layer, (n,)
    Raises   InputError for images without classes
    """
    if (images.labels < 0).any():
        raise InputError("probe needs images with classes: a folder with a sub-folder for each")
    parts: dict[str, list[Vectors]] = {name: [] for name in names}
    places: list[Ints] = []
    batches = Batches(images.images, embedder.feed(batch_size, len(images))).epoch()
    with closing(passes(embedder.network.model, batches, names)) as steps:
        for step in steps:
            places.append(step.labels.cpu().numpy())
            for name in names:
                parts[name].append(step.features[name].numpy())
    return {name: np.concatenate(rows) for name, rows in parts.items()}, images.labels[np.concatenate(places)]
