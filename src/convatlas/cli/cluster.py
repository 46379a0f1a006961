"""`convatlas cluster`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import DataDir, Json
from .numbers import number


def cluster(
    index: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="New folder for the table, the contact sheets and index.html.")],
    method: Annotated[str, Parameter(help="kmeans or hdbscan.")] = "kmeans",
    k: Annotated[
        int | None, number("Number of clusters. [that of the classes; without classes, by silhouette]", at_least=2)
    ] = None,
    root: Annotated[Path | None, Parameter(help="Folder of the indexed images, if it moved.")] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, number("Seed of the random numbers.", at_least=0, below=2**32)] = 0,
    as_json: Json = False,
) -> None:
    """Group the images of an index by their feature vectors.

    Example: convatlas cluster photos.npz --out clusters

    Writes a table, one contact sheet per cluster, and index.html.

    Parameters
    ----------
    index
        An index that embed wrote.
    """
    from ..console.index import print_clusters
    from ..console.terminal import command, telling_what_is_kept
    from ..looks.index import draw_clusters
    from ..studies.cluster import cluster_index

    with telling_what_is_kept(lambda: f"what is in {out} is incomplete" if out.exists() else "nothing was written"):
        clustering = cluster_index(index, out, method=method, k=k, root=root, seed=seed)
        page = draw_clusters(clustering, data_dir, command=command())
    print_clusters(clustering, page, as_json)
