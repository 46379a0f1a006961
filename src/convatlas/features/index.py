"""An index: a vector for each of many images, what they are called, and which network made them."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, count_of
from ..runs.preparation import Preparation

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
Part = tuple[Vectors, Ints]
"""Vectors (k, d) and the places (k,) of their images."""

FORMAT = 1
BLOCK = 65536  # vectors that are checked at a time


@dataclass(frozen=True, slots=True)
class Maker:
    """The network that made an index, so that a query goes through the same one."""

    network: str  # of the catalog, or a run folder
    weights: str | None
    classes: int  # that its head names
    layer: str
    preparation: Preparation
    fingerprint: str

    @property
    def words(self) -> str:
        """The network and its weights, for captions."""
        return f"{Path(self.network).name} with {Path(self.weights).name}" if self.weights else Path(self.network).name

    def to_json(self) -> dict[str, Any]:
        """The form in which index files store it."""
        names = ("network", "weights", "classes", "layer", "fingerprint")
        return {name: getattr(self, name) for name in names} | {"preparation": self.preparation.to_json()}


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
    def is_labeled(self) -> bool:
        """Whether every image has a class."""
        return bool((self.labels >= 0).all())

    def class_of(self, place: int) -> str | None:
        """The name of an image's class; None where it is not known."""
        label = int(self.labels[place])
        return self.classes[label] if label >= 0 else None

    def with_root(self, root: Path | None) -> "Index":
        """The index with its images where they are now; None leaves them where they were.

        Raises   InputError if that is no folder
        """
        if root is None:
            return self
        if not root.is_dir():
            raise InputError(f"--root needs the folder of the images, but {root} is none")
        return replace(self, root=str(root.resolve()))


def fingerprint(state: Mapping[str, Tensor], layer: str, preparation: Preparation) -> str:
    """The identity of a maker: SHA-256 of its weights, of the layer and of the preparation.

    Shapes   state: tensors of any shape
    """
    digest = sha256()
    for name, value in state.items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    digest.update(json.dumps([layer, preparation.to_json()], sort_keys=True).encode())
    return digest.hexdigest()


def index_from_parts(vectors: Vectors, labels: Ints, paths: NDArray[np.str_], about: Mapping[str, Any]) -> Index:
    """An index from its parts, the last of which is its JSON.

    Shapes   vectors (n, d) float32, labels (n,), paths (n,)
    Raises   KeyError, TypeError or ValueError if that is none of an index
    """
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}")
    fields = about["maker"]
    maker = Maker(**{**fields, "preparation": Preparation.from_json(fields["preparation"], fields["network"])})
    return Index(vectors, labels, paths, tuple(map(str, about["classes"])), str(about["root"]), maker)


def check_finite(vectors: Vectors, name: str = "the index") -> None:
    """Checks vectors block by block.

    Shapes   vectors (n, d)
    Raises   InputError if one is NaN or infinite
    """
    bad = sum(int((~np.isfinite(vectors[at : at + BLOCK]).all(1)).sum()) for at in range(0, len(vectors), BLOCK))
    if bad:
        raise InputError(
            f"{count_of(bad, 'vector')} of {name} {'is' if bad == 1 else 'are'} NaN or infinite: the weights of the network "
            "have diverged, or the file is damaged; embed the images again"
        )


def check_index(index: Index) -> None:
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
    letters = np.ascontiguousarray(index.paths, index.paths.dtype.newbyteorder("=")).view(np.uint32).reshape(n, -1)
    if letters.max() > sys.maxunicode or ((letters[:, :-1] == 0) & (letters[:, 1:] != 0)).any():
        raise ValueError("its paths are no paths")
