"""`convatlas cluster`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import DataDir, Json


def cluster(
    index: Path,
    /,
    *,
    out: Annotated[Path, Parameter(help="New folder for the table, the contact sheets and index.html.")],
    method: Annotated[str, Parameter(help="kmeans or hdbscan.")] = "kmeans",
    k: Annotated[int | None, Parameter(help="Clusters; as many as classes, else what the silhouette likes best.")] = None,
    root: Annotated[Path | None, Parameter(help="Where the images are now, if they moved.")] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, Parameter(help="For whatever is drawn at random.")] = 0,
    as_json: Json = False,
) -> None:
    """Group the images of an index by what its network sees in them, with a contact sheet a cluster.

    Parameters
    ----------
    index
        A file that embed wrote.
    """
    from ..console.index import clustered
    from ..console.terminal import command

    clustered(index, out, method=method, k=k, root=root, data_dir=data_dir, seed=seed, command=command(), as_json=as_json)
