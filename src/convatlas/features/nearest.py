"""Nearest images: by cosine similarity to every vector, or, above 100,000 of them, to those in the cells around a query.

The approximate index is Faiss's inverted file (Jégou et al. 2011, TPAMI 33(1), §4; Douze et al. 2024, arXiv:2401.08281):
k-means cuts the sphere into cells, and a query is compared with the vectors of the cells nearest to it. It was chosen over
usearch, a graph that took longer to build: its wheel needs NumPy alone and shares a process with torch, and k-means with a
seed makes the same index each time. How many cells to look into is not guessed: it is doubled until the recall against exact
search, measured on a sample, is high enough.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..files import make_folder, read_object, replace_file, write_json
from .index import Ints, Vectors, check_finite

EXACT_UP_TO = 100_000
BLOCK = 16_384  # vectors compared at a time
SAMPLE = 200  # vectors that recall is measured on
RECALL = 0.95  # that is looked for
PER_CELL = 40  # vectors of each cell that k-means learns from


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The nearest of each query, nearest first.

    Shapes   places (q, k), similarities (q, k): cosines
    """

    places: Ints
    similarities: Vectors
    recall: float | None = None  # of the approximate search; None where every vector was compared
    cells: tuple[int, int] | None = None  # looked into, of how many

    @property
    def words(self) -> str:
        """The method of the search, in words."""
        if self.recall is None or self.cells is None:
            return "exact search"
        return (
            f"approximate search in {self.cells[0]} of {self.cells[1]} cells, recall@10 {self.recall:.3f} against exact search"
        )


def nearest(
    vectors: Vectors, queries: Vectors, k: int, *, approximate: bool | None = None, file: Path | None = None
) -> Neighbors:
    """The k most similar vectors of each query, exactly or, where there are many or it is asked for, approximately.

    `file` is that of the vectors, beside which an approximate index is kept for the next search.

    Shapes   vectors (n, d), queries (q, d)
    Raises   InputError if k or d do not fit, vectors are NaN, or faiss is missing where it is asked for
    """
    if k < 1:
        raise InputError(f"--k needs to be at least 1, got {k}")
    if queries.ndim != 2 or queries.shape[1] != vectors.shape[1]:
        raise InputError(f"queries need {vectors.shape[1]} numbers as the index has them, got {queries.shape[-1]}")
    k = min(k, len(vectors))
    installed = find_spec("faiss") is not None
    if approximate and not installed:
        raise InputError("--approximate needs the package faiss-cpu: pip install 'convatlas[search]', or search with --exact")
    if approximate or (approximate is None and installed and len(vectors) > EXACT_UP_TO):
        return Cells.open(vectors, file).search(queries, k)
    check_finite(vectors)
    return exact_search(vectors, queries, k)


def unit_length(vectors: Vectors) -> Vectors:
    """Vectors of length 1; one of length 0 stays, and is similar to nothing.

    Shapes   vectors (n, d) → (n, d)
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def exact_search(vectors: Vectors, queries: Vectors, k: int) -> Neighbors:
    """Every query against every vector, block by block; equally similar ones come in their order.

    Shapes   vectors (n, d), queries (q, d) → (q, k)
    """
    unit_queries = torch.from_numpy(unit_length(queries))
    best, at = torch.empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64)
    for first in range(0, len(vectors), BLOCK):
        block = torch.from_numpy(unit_length(np.asarray(vectors[first : first + BLOCK])))
        similar, places = (unit_queries @ block.T).topk(min(k, len(block)))
        best, at = torch.cat((best, similar), 1), torch.cat((at, places + first), 1)
        at, order = at.sort(dim=1, stable=True)
        best, order = best.gather(1, order).sort(dim=1, descending=True, stable=True)
        best, at = best[:, :k], at.gather(1, order)[:, :k]
    return Neighbors(at.numpy(), best.clamp(-1, 1).numpy())


def recall(places: Ints, true: Ints) -> float:
    """The share of the true neighbors that a search found.

    Shapes   places (q, k), true (q, k)
    """
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(places.tolist(), true.tolist(), strict=True)]))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """An approximate index in memory, and its recall@10 where it looks into so many cells."""

    index: Any
    looked_into: int
    recall: float

    @classmethod
    def open(cls, vectors: Vectors, file: Path | None = None) -> "Cells":
        """The index kept beside the file of the vectors, or a new one where there is none or the file has changed."""
        if file is None:
            return cls.build(vectors)
        import faiss

        folder, stat = file.with_name(f"{file.name}.cells"), file.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        try:
            about = read_object(folder / "about.json")
            if about["file"] == stamp:
                return cls(faiss.read_index(str(folder / "cells.faiss")), about["looked_into"], about["recall"])
        except (InputError, KeyError, TypeError, RuntimeError, OSError):  # none yet, or one cut short
            pass
        cells = cls.build(vectors)
        try:
            make_folder(folder)
            with replace_file(folder / "cells.faiss") as temporary:
                faiss.write_index(cells.index, str(temporary))
            write_json(folder / "about.json", {"file": stamp, "looked_into": cells.looked_into, "recall": cells.recall})
        except InputError:  # a folder that may only be read
            pass
        return cells

    @classmethod
    def build(cls, vectors: Vectors) -> "Cells":
        """Learns the cells from a sample, fills them block by block, and looks for how many of them to look into."""
        import faiss

        n, d = vectors.shape
        count = max(1, min(round(4 * n**0.5), n // PER_CELL))
        rng = np.random.default_rng(0)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, count, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.spherical = 0, True
        index.train(unit_length(vectors[np.sort(rng.choice(n, min(n, PER_CELL * count), replace=False))]))
        for first in range(0, n, BLOCK):
            index.add(unit_length(np.asarray(vectors[first : first + BLOCK])))
        sample = np.asarray(vectors[np.sort(rng.choice(n, min(n, SAMPLE), replace=False))])
        k = min(11, n)
        true = exact_search(vectors, sample, k).places[:, 1:]  # the first is the image itself
        index.nprobe, reached = 1, 0.0
        while True:
            reached = recall(index.search(unit_length(sample), k)[1][:, 1:], true)
            if reached >= RECALL or index.nprobe >= count:
                return cls(index, int(index.nprobe), reached)
            index.nprobe = min(2 * index.nprobe, count)

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The nearest in the cells around each query; in more of them where those hold fewer than k.

        Shapes   queries (q, d) → (q, k)
        """
        count = self.looked_into
        while True:
            self.index.nprobe = count
            similarities, places = self.index.search(unit_length(queries), k)
            if count >= self.index.nlist or (places >= 0).all():
                cells = (count, int(self.index.nlist))
                return Neighbors(places.astype(np.int64), np.clip(similarities, -1, 1).astype(np.float32), self.recall, cells)
            count = min(2 * count, self.index.nlist)
