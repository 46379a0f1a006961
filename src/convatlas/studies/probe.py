"""What the layers of a network know of classes: k-NN and linear evaluation, layer by layer, from one pass over the images."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import Batches, Images
from ..errors import InputError, unknown
from ..features.encoder import levels
from ..features.evaluate import knn_accuracy, knn_left_out, linear_accuracy
from ..features.extract import PENULTIMATE, catching
from ..features.index import Ints, Vectors
from ..ops.mode import eval_mode
from ..runs.images import ImageSet, open_images
from ..runs.network import Asked
from .embed import BATCH, Embedder, embedder

K = 20
BLOCKS = 4  # of a network without stages


@dataclass(frozen=True, slots=True)
class Probed:
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
    """The layers from the image to the head, and on which images they were judged."""

    network: str
    data: str
    split: str
    trained: int
    judged: int
    classes: tuple[str, ...]
    k: int
    layers: tuple[Probed, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def probe(
    asked: Asked, data: str, layers: Sequence[str] = (), *, split: str = "val", k: int = K, batch_size: int = BATCH,
    device: str = "cpu", watch: Callable[[str], None] = lambda _: None,
) -> Probe:  # fmt: skip
    """Fits to training images and judges on those of validation, or of test where that is asked for.

    Raises   InputError for an unknown layer, and for images without classes
    """
    if split not in ("val", "test"):
        raise unknown("split", split, ("val", "test"))
    if k < 1 or batch_size < 1:
        raise InputError(f"--k and --batch-size need to be at least 1, got {min(k, batch_size)}")
    made = embedder(asked, data, PENULTIMATE, device)
    model, looks = made.reader.model, made.reader.looks
    size = looks.channels, looks.image_size, looks.image_size
    names = tuple(dict.fromkeys(layers)) or chosen(model, size)
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(0)).to(made.device)
    with eval_mode(model), torch.inference_mode():
        tried = several(model, names, [image])
    if not layers:  # the last stage may be what the head reads
        names = tuple(name for name in names if name == PENULTIMATE or not same(tried[name], tried[PENULTIMATE]))
    train, judged = (open_images(data, part, made.reader.looks, asked.data_dir) for part in ("train", split))
    if train.classes != judged.classes:
        raise InputError(f"the training images of {data} have other classes than those of {split}")
    watch("embedding")
    x, y = vectors_of(made, train, names, batch_size)
    u, v = vectors_of(made, judged, names, batch_size)
    rows = []
    for name in names:
        watch(name)
        line = linear_accuracy(x[name], y, u[name], v)
        knn = knn_accuracy(x[name], y, u[name], v, k)
        rows.append(Probed(name, x[name].shape[1], knn_left_out(x[name], y, k), knn, line.accuracy, line.strength))
    title, notes = Path(train.root).name, (made.reader.note, *train.warnings, *judged.warnings)
    return Probe(made.maker.words, title, split, len(y), len(v), train.classes, k, tuple(rows), tuple(dict.fromkeys(notes)))


def chosen(model: nn.Module, size: tuple[int, int, int]) -> tuple[str, ...]:
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


def same(a: Vectors, b: Vectors) -> bool:
    """Whether two layers give the same."""
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)


def vectors_of(made: Embedder, gathered: ImageSet, names: Sequence[str], batch_size: int) -> tuple[dict[str, Vectors], Ints]:
    """The vectors of all layers, and labels."""
    if (gathered.labels < 0).any():
        raise InputError("probe needs images with classes: a folder with a sub-folder for each")
    places: list[Ints] = []
    with eval_mode(made.reader.model), torch.inference_mode():
        vectors = several(made.reader.model, names, batches(gathered.images, made, batch_size, places))
    return vectors, gathered.labels[np.concatenate(places)]


def batches(images: Images, made: Embedder, batch_size: int, places: list[Ints]) -> Any:
    """Images as the network sees them; their places are noted."""
    for x, at in Batches(images, made.feed(batch_size, len(images))).epoch():
        places.append(at.cpu().numpy())
        yield x


def several(model: nn.Module, names: Sequence[str], batches: Any) -> dict[str, Vectors]:
    """The vectors of several layers from one pass.

    Shapes   batches of (k, c, h, w) → (n, d) a layer
    """
    parts: dict[str, list[Vectors]] = {name: [] for name in names}
    with ExitStack() as stack:
        catches: dict[str, Any] = {}
        for x in batches:
            for name in () if catches else names:
                catches[name] = stack.enter_context(catching(model, name, x[:1], pool=True))
            for catch in catches.values():
                catch.begin(x)
            model(x)
            for name, catch in catches.items():
                parts[name].append(catch.end().numpy())
    return {name: np.concatenate(rows) for name, rows in parts.items()}
