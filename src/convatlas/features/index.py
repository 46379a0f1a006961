"""An index: a vector for each of many images, what they are called, and which network made them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
Part = tuple[Vectors, Ints]
"""Vectors (k, d) and the places (k,) of their images."""

FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredPreparation:
    """What becomes of a picture before the network sees it.

    Units   side: pixels a picture is cut to, by the frame of published weights or as its square middle; image_size: seen
    """

    channels: int
    side: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frame: str | None = None  # tag of the published weights whose frame cuts it


@dataclass(frozen=True, slots=True)
class Maker:
    """The network behind an index, so that a query is seen by the same one."""

    network: str  # of the catalogue, or a run folder
    weights: str | None
    classes: int  # that its head names
    layer: str
    preparation: StoredPreparation
    fingerprint: str

    @property
    def words(self) -> str:
        """For captions."""
        return f"{Path(self.network).name} with {Path(self.weights).name}" if self.weights else Path(self.network).name


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Vectors (n, d) float32, labels (n,) with −1 where there is none, paths (n,), and where they come from.

    A path is one below `root`, or the place of an image in the set that `root` names: "cifar10:test/123".
    """

    vectors: Vectors
    labels: Ints
    paths: NDArray[np.str_]
    classes: tuple[str, ...]
    root: str
    maker: Maker

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def labelled(self) -> bool:
        """Whether every image has a class."""
        return bool((self.labels >= 0).all())

    def class_of(self, place: int) -> str | None:
        """The name of an image's class."""
        label = int(self.labels[place])
        return self.classes[label] if label >= 0 else None


def fingerprint(state: Mapping[str, Tensor], layer: str, preparation: StoredPreparation) -> str:
    """What tells one maker from another: SHA-256 of its weights, of the layer and of the preparation."""
    digest = sha256()
    for name, value in state.items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    digest.update(json.dumps([layer, asdict(preparation)], sort_keys=True).encode())
    return digest.hexdigest()


def assembled(vectors: Vectors, labels: Ints, paths: NDArray[np.str_], about: Mapping[str, Any]) -> Index:
    """An index from its parts."""
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}")
    of = about["maker"]
    how = of["preparation"]
    preparation = StoredPreparation(**{**how, "mean": tuple(how["mean"]), "std": tuple(how["std"])})
    maker = Maker(**{**of, "preparation": preparation})
    return Index(vectors, labels, paths, tuple(map(str, about["classes"])), str(about["root"]), maker)


def sound(index: Index) -> None:
    """Raises ValueError if the parts of an index contradict each other."""
    n, count = len(index.labels), len(index.classes)
    if (
        index.vectors.ndim != 2
        or index.vectors.dtype != np.float32
        or not (n == len(index.vectors) == len(index.paths))
        or not n
    ):
        raise ValueError("its parts have different lengths")
    if index.labels.min() < -1 or index.labels.max() >= count or index.paths.dtype.kind != "U":
        raise ValueError("its labels name no classes")
