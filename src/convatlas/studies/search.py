"""The images of an index that are most like some others, by the features of its network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.picture_file import Unreadable
from ..errors import InputError
from ..features.index import Index
from ..features.nearest import Neighbors, nearest
from ..features.storage import load
from ..files import missing_words
from .embed import Embedder, reopen_embedder, vectors_of_pictures


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An image of the index by its place, and the cosine between its vector and the query's."""

    place: int
    path: str
    label: str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Query:
    """An image and its nearest ones; its class is known where its folder bears the name of one."""

    path: Path
    label: str | None
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Queries with their neighbors in an index."""

    index: Index
    queries: tuple[Query, ...]
    neighbors: Neighbors


def search_index(
    file: Path, images: Sequence[Path], k: int = 10, *, approximate: bool | None = None, network: str | None = None,
    weights: str | None = None, root: Path | None = None, device: str = "cpu",
) -> Search:  # fmt: skip
    """Searches an index file with the network that made it; `network`, `weights` and `root` say where things are now.

    Raises   InputError if there is no such index, network or folder, and for a file that is no image
    """
    index = load(file).with_root(root)
    embedder = reopen_embedder(index, network, weights, device)
    return search(index, embedder, images, k, approximate=approximate, file=file)


def search(
    index: Index, embedder: Embedder, paths: Sequence[Path], k: int = 10, *, approximate: bool | None = None,
    file: Path | None = None,
) -> Search:  # fmt: skip
    """The k images of an index nearest to each file; a file that is in the index itself is left out of its neighbors.

    Raises   InputError for a file that is no image
    """
    if k < 1:
        raise InputError(f"--k needs to be at least 1, got {k}")
    if not paths:
        raise InputError("search needs an image or more to look for, got none")
    pictures = []
    for path in paths:
        if not path.is_file():
            raise InputError(missing_words(path) if not path.exists() else f"{path} is a folder; an image is needed")
        try:
            pictures.append(embedder.network.read(path))
        except Unreadable as error:
            raise InputError(f"{path} cannot be read as an image: {error}") from None
    vectors = vectors_of_pictures(embedder, pictures)
    neighbors = nearest(index.vectors, vectors, k + 1, approximate=approximate, file=file)
    queries = []
    for path, places, similarities in zip(paths, neighbors.places.tolist(), neighbors.similarities.tolist(), strict=True):
        own = place_in(index, path)
        rows = [
            Neighbor(place, str(index.paths[place]), index.class_of(place), similarity)
            for place, similarity in zip(places, similarities, strict=True)
            if place not in (own, -1)
        ]
        label = path.resolve().parent.name
        queries.append(Query(path, label if label in index.classes else None, tuple(rows[:k])))
    return Search(index, tuple(queries), neighbors)


def place_in(index: Index, path: Path) -> int | None:
    """The place of a file in an index; None if it is not there."""
    root = Path(index.root)
    if not path.resolve().is_relative_to(root):
        return None
    places = np.flatnonzero(index.paths == str(path.resolve().relative_to(root)))
    return int(places[0]) if len(places) else None
