"""What embed, search, cluster and probe print: tables and JSON."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..errors import count_of
from ..streams import escape_controls
from ..studies.cluster import Clustering, printable
from ..views.numbers import count
from .terminal import dump, show, table

if TYPE_CHECKING:
    from ..features.index import Index
    from ..studies.probe import Probe
    from ..studies.search import Search


def print_index(index: "Index", notes: Sequence[str], out: Path, as_json: bool) -> None:
    """What an index holds and where it lies."""
    n, d = index.vectors.shape
    if as_json:
        maker = {"network": index.maker.network, "weights": index.maker.weights, "layer": index.maker.layer}
        rows = {"index": str(out), "images": n, "width": d, "classes": list(index.classes), **maker}
        dump(rows | {"fingerprint": index.maker.fingerprint, "notes": list(notes)})
        return
    for note in notes:
        print(escape_controls(note), file=sys.stderr)
    print(f"{count_of(n, 'vector')} of {count_of(d, 'number')} from {index.maker.layer}, {count(out.stat().st_size)}B")
    print(f"index {escape_controls(out)}")


def print_search(result: "Search", out: Path | None, as_json: bool) -> None:
    """The nearest images of each query, and where their picture lies."""
    if as_json:
        dump(search_to_json(result, out))
        return
    index = result.index
    print(f"{count_of(len(index), 'image')} embedded by {index.maker.words}; {result.neighbors.words}", file=sys.stderr)
    for query in result.queries:
        print(escape_controls(f"\n{printable(query.path)}{f'  ({query.label})' if query.label else ''}"))
        rows = table("rank", "similarity", "label", "path", left=0)
        for column in rows.columns[2:]:
            column.justify, column.no_wrap = "left", False
        for rank, near in enumerate(query.neighbors, 1):
            rows.add_row(str(rank), f"{near.similarity:.4f}", Text(near.label or ""), Text(printable(near.path)))
        show(rows)
    if out:
        print(f"picture {escape_controls(out)}")


def search_to_json(result: "Search", out: Path | None) -> dict[str, Any]:
    """The queries and their neighbors, and how these were searched for."""
    queries = [
        {
            "image": printable(query.path),
            "label": query.label,
            "neighbors": [
                {"rank": rank, "similarity": near.similarity, "label": near.label, "path": printable(near.path)}
                for rank, near in enumerate(query.neighbors, 1)
            ],
        }
        for query in result.queries
    ]
    return {
        "queries": queries,
        "search": result.neighbors.words,
        "recall": result.neighbors.recall,
        "picture": str(out) if out else None,
    }


def print_clusters(clustering: Clustering, page: Path, as_json: bool) -> None:
    """One row per cluster, and where their page lies."""
    if as_json:
        dump(clustering.to_json())
        return
    result = clustering.result
    words = [result.words]
    words += [f"silhouette {result.silhouette:.3f}"] if result.silhouette is not None else []
    words += [f"adjusted Rand {result.rand:.3f}"] if result.rand is not None else []
    words += [f"purity {100 * result.purity:.1f} %"] if result.purity is not None else []
    words += [f"{clustering.lone} of {count_of(len(clustering.index), 'image')} in no cluster"] if clustering.lone else []
    print("   ".join(words))
    rows = table("cluster", "images", "commonest class", "share %", "sheet")
    rows.columns[2].justify = rows.columns[4].justify = "left"
    for row in clustering.to_json()["clusters"]:
        share = "" if row["share"] is None else f"{100 * row['share']:.1f}"
        rows.add_row(str(row["cluster"]), f"{row['images']:,}", Text(row["class"] or ""), share, row["sheet"])
    show(rows)
    print(f"page {page}")


@contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """A spinner on standard error with the words it is given, for as long as the block runs."""
    with Console(stderr=True, highlight=False).status("probing", spinner="dots") as status:
        yield status.update


def print_probe(result: "Probe", picture: Path | None, as_json: bool) -> None:
    """One row per layer, and where their picture lies."""
    if as_json:
        dump(result.to_json())
        return
    for note in result.notes:
        print(escape_controls(note), file=sys.stderr)
    judged = {"val": "validation"}.get(result.split, result.split)
    print(
        f"{result.network} on {result.data}: fitted to {count_of(result.trained, 'training image')}, "
        f"judged on {count_of(result.judged, f'{judged} image')}"
    )
    rows = table("layer", "numbers", f"{result.k}-NN %", "linear %", "train, leave-one-out k-NN %")
    for layer in result.layers:
        cells = (f"{100 * value:.2f}" for value in (layer.knn, layer.linear, layer.knn_train))
        rows.add_row(layer.layer, f"{layer.width:,}", *cells)
    show(rows)
    if picture:
        print(f"picture {picture}")
