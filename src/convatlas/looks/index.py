"""Pictures of what was found in an index: nearest images, contact sheets of clusters, the layers of a probe."""

from pathlib import Path

from ..errors import count_of
from ..files import write_text
from ..studies.cluster import Cluster, Clustering, sheet_name
from ..studies.probe import Probe
from ..studies.search import Search
from ..studies.thumbnails import read_thumbnail, read_thumbnails
from ..views import contact_sheet, neighbors
from ..views import probe as layers
from ..views.save import save

PAGE = "index.html"
JUDGED = {"val": "validation"}


def draw_search(result: Search, out: Path, data_dir: Path | None = None, theme: str = "light") -> Path:
    """The picture of a search: each query beside its nearest images."""
    index, queries = result.index, result.queries[: neighbors.MOST]
    pixels = read_thumbnails(index, [near.place for query in queries for near in query.neighbors], data_dir)
    rows = []
    for query in result.queries:
        matches = tuple(
            neighbors.Match(pixels.get(near.place), file_name(near.path), near.label, near.similarity)
            for near in query.neighbors
        )
        rows.append(neighbors.Query(read_thumbnail(query.path), query.path.name, query.label, matches))
    words = f"Cosine similarity of {index.maker.layer} features of {index.maker.words}"
    figure = neighbors.figure(rows, f"{words}\n{count_of(len(index), 'image')}, {result.neighbors.words}")
    return save(figure, out, theme)


def file_name(path: str) -> str:
    """The name of an image's file; of an image of a set, its place there."""
    return path if ":" in path else Path(path).name


def draw_clusters(clustering: Clustering, data_dir: Path | None = None, *, command: str) -> Path:
    """One contact sheet per cluster and the page that shows them all, in the folder of the clusters."""
    index, result = clustering.index, clustering.result
    pixels = read_thumbnails(index, [place for row in clustering.rows for place in row.central], data_dir)
    sheets = []
    for row in clustering.rows:
        words = words_of(clustering, row)
        caption = f"{words}. The {len(row.central)} nearest to the center, with their distance to it"
        cards = [
            contact_sheet.Card(
                pixels.get(i), Path(str(index.paths[i])).name, index.class_of(i), float(result.distances[i]),
                int(index.labels[i]) == row.label,
            )
            for i in row.central
        ]  # fmt: skip
        title = f"Cluster {row.number}"
        path = save(contact_sheet.figure(title, caption, cards), clustering.folder / sheet_name(row.number))
        sheets.append((title, f"{words}.", path))
    facts = [
        ("Images", f"{len(index):,}"),
        ("Clusters", str(result.count)),
        ("Network", index.maker.words),
        ("Layer", index.maker.layer),
    ]
    facts += [("Silhouette", f"{result.silhouette:.3f}")] if result.silhouette is not None else []
    facts += [("Adjusted Rand", f"{result.rand:.3f}")] if result.rand is not None else []
    facts += [("Purity", f"{100 * result.purity:.1f} %")] if result.purity is not None else []
    title = f"{count_of(result.count, 'cluster')} of {Path(index.root).name}"
    write_text(clustering.folder / PAGE, contact_sheet.sheets_page(title, sheets, facts, command))
    return clustering.folder / PAGE


def words_of(clustering: Clustering, row: Cluster) -> str:
    """The size of a cluster, and how much of it is of its commonest class."""
    name = clustering.name_of(row)
    return count_of(row.size, "image") + (f", {100 * (row.share or 0):.0f} % {name}" if name else "")


def draw_probe(result: Probe, folder: Path, theme: str = "light") -> Path:
    """The picture of a probe: the accuracy of each layer, in probe.png of a folder."""
    rows = [layers.Layer(layer.layer, layer.width, layer.knn, layer.linear) for layer in result.layers]
    judged = JUDGED.get(result.split, result.split)
    fitted = count_of(result.trained, "training image")
    words = f"Accuracy on {count_of(result.judged, f'{judged} image')} of {result.data}; fitted to {fitted}"
    title = f"What the layers of {result.network} know"
    return save(layers.figure(rows, title, words, 1 / len(result.classes), result.k), folder / "probe.png", theme)
