"""Clusters of an index in a folder: a table of the images, and for each cluster its commonest class and most central images."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..features.clusters import Clusters, find_clusters
from ..features.index import Index
from ..features.storage import load
from ..files import check_folder_is_new, make_folder, write_text

TABLE = "clusters.csv"
SHOWN = 24  # most central images of a cluster


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One cluster: how many images it has, its commonest class with its share, and the places of its most central images."""

    number: int
    size: int
    label: int | None  # None where no image has a class
    share: float | None
    central: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """An index, its clusters, and the folder that their table lies in."""

    index: Index
    result: Clusters
    rows: tuple[Cluster, ...]
    folder: Path

    @property
    def lone(self) -> int:
        """Images in no cluster."""
        return int((self.result.clusters < 0).sum())

    def name_of(self, row: Cluster) -> str | None:
        """The name of a cluster's commonest class."""
        return None if row.label is None else self.index.classes[row.label]

    def to_json(self) -> dict[str, Any]:
        """The figures, without the images."""
        result = self.result
        rows = [
            {
                "cluster": row.number,
                "images": row.size,
                "class": self.name_of(row),
                "share": row.share,
                "sheet": sheet_name(row.number),
            }
            for row in self.rows
        ]
        return {
            "folder": str(self.folder), "method": result.words, "silhouette": result.silhouette,
            "adjusted_rand": result.rand, "purity": result.purity, "lone": self.lone, "clusters": rows,
        }  # fmt: skip


def cluster_index(
    file: Path, out: Path, *, method: str = "kmeans", k: int | None = None, root: Path | None = None, seed: int = 0
) -> Clustering:
    """Clusters an index, and writes clusters.csv into a new folder.

    Raises   InputError if there is no such index or method, it has too few images, or the folder holds anything
    """
    check_folder_is_new(out)
    index = load(file).with_root(root)
    result = find_clusters(index, method, k, seed)
    write_text(make_folder(out) / TABLE, table_of(index, result))
    return Clustering(index, result, tuple(summarize(index, result, number) for number in range(result.count)), out)


def summarize(index: Index, result: Clusters, number: int) -> Cluster:
    """What one cluster has."""
    labels = index.labels[result.clusters == number]
    known = labels[labels >= 0]
    label = int(np.bincount(known).argmax()) if len(known) else None
    share = None if label is None else float((labels == label).mean())
    return Cluster(number, len(labels), label, share, tuple(result.members(number)[:SHOWN].tolist()))


def table_of(index: Index, result: Clusters) -> str:
    """One row per image: path, label, cluster and distance to the cluster's center."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("path", "label", "cluster", "distance"))
    for i, (path, cluster, distance) in enumerate(zip(index.paths, result.clusters, result.distances, strict=True)):
        writer.writerow((printable(path), index.class_of(i) or "", int(cluster), f"{distance:.6f}"))
    return stream.getvalue()


def sheet_name(number: int) -> str:
    """The file of a cluster's contact sheet."""
    return f"cluster-{number:02d}.png"


def printable(path: object) -> str:
    """A path as any terminal can print it."""
    return str(path).encode("utf-8", "replace").decode()
