"""`convatlas search`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import DataDir, Device, Json, Theme


def search(
    index: Path,
    /,
    *images: Path,
    k: Annotated[int, Parameter(help="Neighbors of each image.")] = 10,
    out: Annotated[Path | None, Parameter(help="Picture of what was found: .png, .svg or .pdf.")] = None,
    approximate: Annotated[
        bool | None,
        Parameter(negative="--exact", help="In the likeliest cells, or in all vectors; above 100,000 the former."),
    ] = None,
    network: Annotated[str | None, Parameter(help="Where the network that made the index is now, if its run moved.")] = None,
    weights: Annotated[str | None, Parameter(help="Where its weights are now, if they moved.")] = None,
    root: Annotated[Path | None, Parameter(help="Where its images are now, if they moved.")] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    theme: Theme = "light",
    as_json: Json = False,
) -> None:
    """Find the images of an index that its network sees most like others.

    Parameters
    ----------
    index
        A file that embed wrote.
    images
        Image files to look for.
    """
    from ..console.index import Sought, found

    found(Sought(index, images, k, out, approximate, network, weights, root, data_dir, device, theme), as_json)
