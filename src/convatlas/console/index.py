"""What embed, search, cluster and probe say and write: tables, JSON, pictures."""

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..errors import InputError
from ..files import make_folder, occupied, unwritten, write_json, write_text
from ..views.numbers import count
from .terminal import dump, show, table

if TYPE_CHECKING:
    from ..features.clusters import Clusters
    from ..features.index import Index
    from ..studies.probe import Probe
    from ..studies.search import Search

SHOWN = 24  # images of a cluster


def made(index: "Index", notes: Sequence[str], out: Path, as_json: bool) -> None:
    """What an index holds and where it lies."""
    n, d = index.vectors.shape
    if as_json:
        maker = {"network": index.maker.network, "weights": index.maker.weights, "layer": index.maker.layer}
        told = {"index": str(out), "images": n, "width": d, "classes": list(index.classes), **maker}
        dump(told | {"fingerprint": index.maker.fingerprint, "notes": list(notes)})
        return
    for note in notes:
        print(note, file=sys.stderr)
    print(f"{n:,} vectors of {d:,} numbers from {index.maker.layer}, {count(out.stat().st_size)}B")
    print(f"index {out}")


@dataclass(frozen=True, slots=True)
class Sought:
    """What `search` is asked."""

    index: Path
    images: tuple[Path, ...]
    k: int
    out: Path | None
    approximate: bool | None
    network: str | None
    weights: str | None
    root: Path | None
    data_dir: Path | None
    device: str
    theme: str


def found(sought: Sought, as_json: bool) -> None:
    """The nearest images of each, as a table and as a picture."""
    from ..features.storage import load
    from ..studies.embed import reopened
    from ..studies.search import search

    writable(sought.out, sought.theme)
    index = at(load(sought.index), sought.root)
    embedder = reopened(index, sought.network, sought.weights, sought.device)
    result = search(index, embedder, sought.images, sought.k, approximate=sought.approximate, kept=sought.index)
    if sought.out:
        drawn(index, result, sought)
    if as_json:
        dump(as_rows(result, sought.out))
        return
    print(f"{len(index):,} images seen by {index.maker.words}; {result.found.words}", file=sys.stderr)
    for query in result.queries:
        print(f"\n{shown(query.path)}{f'  ({query.label})' if query.label else ''}")
        rows = table("rank", "similarity", "label", "path", left=0)
        for column in rows.columns[2:]:
            column.justify, column.no_wrap = "left", False
        for rank, near in enumerate(query.neighbors, 1):
            rows.add_row(str(rank), f"{near.similarity:.4f}", Text(near.label or ""), Text(shown(near.path)))
        show(rows)
    if sought.out:
        print(f"picture {sought.out}")


def writable(out: Path | None, theme: str) -> None:
    """Raises InputError for a picture that is there already or could not be written."""
    from ..views.save import FORMATS, themed

    themed(theme)
    if out is None:
        return
    if out.suffix.lower().removeprefix(".") not in FORMATS:
        raise InputError(f"a picture is written as {', '.join(f'.{name}' for name in FORMATS)}, got {out.name!r}")
    unwritten(out)


def empty(out: Path | None) -> None:
    """Raises InputError for a new folder that would fall on something."""
    if out is not None and occupied(out):
        raise InputError(f"{out} is there already: choose another --out, or empty it first")


def at(index: "Index", root: Path | None) -> "Index":
    """The index with its images where they are now."""
    if root is None:
        return index
    if not root.is_dir():
        raise InputError(f"--root needs the folder of the images, but {root} is none")
    return replace(index, root=str(root.resolve()))


def shown(path: object) -> str:
    """A path as any terminal can print it."""
    return str(path).encode("utf-8", "replace").decode()


def as_rows(result: "Search", out: Path | None) -> dict[str, Any]:
    """What was found, in JSON."""
    queries = [
        {
            "image": shown(query.path),
            "label": query.label,
            "neighbors": [
                {"rank": rank, "similarity": near.similarity, "label": near.label, "path": shown(near.path)}
                for rank, near in enumerate(query.neighbors, 1)
            ],
        }
        for query in result.queries
    ]
    return {
        "queries": queries,
        "search": result.found.words,
        "recall": result.found.recall,
        "picture": str(out) if out else None,
    }


def drawn(index: "Index", result: "Search", sought: Sought) -> None:
    """The picture of a search."""
    from ..studies.thumbnails import read_thumbnail, read_thumbnails
    from ..views.neighbors import MOST, Match, Query, figure
    from ..views.save import save

    queries = result.queries[:MOST]
    pixels = read_thumbnails(index, [near.place for query in queries for near in query.neighbors], sought.data_dir)
    rows = []
    for query in result.queries:
        matches = tuple(
            Match(
                pixels.get(near.place), Path(near.path).name if ":" not in near.path else near.path, near.label, near.similarity
            )
            for near in query.neighbors
        )
        rows.append(Query(read_thumbnail(query.path), query.path.name, query.label, matches))
    how = f"Cosine similarity of {index.maker.layer} features of {index.maker.words}"
    save(figure(rows, f"{how}\n{len(index):,} images, {result.found.words}"), Path(str(sought.out)), sought.theme)


def clustered(
    place: Path, out: Path, *, method: str, k: int | None, root: Path | None, data_dir: Path | None, seed: int, command: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Groups an index; writes clusters.csv, a sheet a cluster and index.html."""
    from ..features.clusters import find_clusters
    from ..features.storage import load

    empty(out)
    index = at(load(place), root)
    result = find_clusters(index, method, k, seed)
    make_folder(out)
    write_text(out / "clusters.csv", rows_of(index, result))
    summary = sheets_of(index, result, out, data_dir, command)
    if as_json:
        dump(summary)
        return
    print(figures(result, len(index)))
    rows = table("cluster", "images", "commonest class", "share %", "sheet")
    rows.columns[2].justify = rows.columns[4].justify = "left"
    for of in summary["clusters"]:
        share = "" if of["share"] is None else f"{100 * of['share']:.1f}"
        rows.add_row(str(of["cluster"]), f"{of['images']:,}", Text(of["class"] or ""), share, of["sheet"])
    show(rows)
    print(f"page {out / 'index.html'}")


def figures(result: "Clusters", n: int) -> str:
    """What was found, in a line."""
    lone = int((result.clusters < 0).sum())
    parts = [result.words]
    parts += [f"silhouette {result.silhouette:.3f}"] if result.silhouette is not None else []
    parts += [f"adjusted Rand {result.rand:.3f}"] if result.rand is not None else []
    parts += [f"purity {100 * result.purity:.1f} %"] if result.purity is not None else []
    parts += [f"{lone} of {n} images in no cluster"] if lone else []
    return "   ".join(parts)


def rows_of(index: "Index", result: "Clusters") -> str:
    """The table of images."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("path", "label", "cluster", "distance"))
    for i, (path, cluster, distance) in enumerate(zip(index.paths, result.clusters, result.distances, strict=True)):
        writer.writerow((shown(path), index.class_of(i) or "", int(cluster), f"{distance:.6f}"))
    return stream.getvalue()


def sheets_of(index: "Index", result: "Clusters", out: Path, data_dir: Path | None, command: str) -> dict[str, Any]:
    """Writes a sheet a cluster and the page, and says what is in them."""
    import numpy as np

    from ..studies.thumbnails import read_thumbnails
    from ..views.contact_sheet import Card, figure, sheets
    from ..views.save import save

    members = [result.members(cluster)[:SHOWN] for cluster in range(result.count)]
    pixels = read_thumbnails(index, [int(place) for some in members for place in some], data_dir)
    rows, plates = [], []
    for cluster, some in enumerate(members):
        labels = index.labels[result.clusters == cluster]
        size, known = len(labels), labels[labels >= 0]
        usual = int(np.bincount(known).argmax()) if len(known) else None
        share = None if usual is None else float((labels == usual).mean())
        name = None if usual is None else index.classes[usual]
        words = f"{size:,} images" + (f", {100 * (share or 0):.0f} % {name}" if name else "")
        caption = f"{words}. The {len(some)} nearest to the center, with their distance to it"
        cards = [
            Card(pixels.get(int(i)), Path(str(index.paths[i])).name, index.class_of(int(i)), float(result.distances[i]),
                 int(index.labels[i]) == usual) for i in some
        ]  # fmt: skip
        path = save(figure(f"Cluster {cluster}", caption, cards), out / f"cluster-{cluster:02d}.png")
        plates.append((f"Cluster {cluster}", f"{words}.", path))
        rows.append({"cluster": cluster, "images": size, "class": name, "share": share, "sheet": path.name})
    facts = [
        ("Images", f"{len(index):,}"),
        ("Clusters", str(result.count)),
        ("Seen by", index.maker.words),
        ("Layer", index.maker.layer),
    ]
    facts += [("Silhouette", f"{result.silhouette:.3f}")] if result.silhouette is not None else []
    facts += [("Adjusted Rand", f"{result.rand:.3f}")] if result.rand is not None else []
    facts += [("Purity", f"{100 * result.purity:.1f} %")] if result.purity is not None else []
    write_text(out / "index.html", sheets(f"{result.count} clusters of {Path(index.root).name}", plates, facts, command))
    return {
        "folder": str(out), "method": result.words, "silhouette": result.silhouette, "adjusted_rand": result.rand,
        "purity": result.purity, "lone": int((result.clusters < 0).sum()), "clusters": rows,
    }  # fmt: skip


def probed(study: Callable[[Callable[[str], None]], "Probe"], out: Path | None, theme: str, as_json: bool) -> None:
    """Runs a probe, shows its table, writes probe.json and probe.png."""
    from ..views.save import themed

    themed(theme)
    empty(out)
    with Console(stderr=True, highlight=False).status("probing", spinner="dots") as status:
        result = study(status.update)
    if out is not None:
        written(result, make_folder(out), theme)
    if as_json:
        dump(result.to_json())
        return
    for note in result.notes:
        print(note, file=sys.stderr)
    judged = {"val": "validation"}.get(result.split, result.split)
    print(
        f"{result.network} on {result.data}: fitted to {result.trained:,} training images, "
        f"judged on {result.judged:,} of {judged}"
    )
    rows = table("layer", "numbers", f"{result.k}-NN %", "linear %", "train, leave-one-out k-NN %")
    for layer in result.layers:
        cells = (f"{100 * value:.2f}" for value in (layer.knn, layer.linear, layer.knn_train))
        rows.add_row(layer.layer, f"{layer.width:,}", *cells)
    show(rows)
    if out is not None:
        print(f"picture {out / 'probe.png'}")


def written(result: "Probe", out: Path, theme: str) -> None:
    """The figures and their picture in a folder."""
    from ..views.probe import Layer, figure
    from ..views.save import save

    write_json(out / "probe.json", result.to_json())
    layers = [Layer(layer.layer, layer.width, layer.knn, layer.linear) for layer in result.layers]
    judged = {"val": "validation"}.get(result.split, result.split)
    words = f"Accuracy on {result.judged:,} {judged} images of {result.data}; fitted to {result.trained:,} training images"
    chance = 1 / len(result.classes)
    save(figure(layers, f"What the layers of {result.network} know", words, chance, result.k), out / "probe.png", theme)
