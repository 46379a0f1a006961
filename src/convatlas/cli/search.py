"""`convatlas search`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import DataDir, Device, Json, Theme
from .numbers import number


def search(
    index: Path,
    /,
    *images: Path,
    k: Annotated[int, number("Number of neighbors per image.", at_least=1)] = 10,
    out: Annotated[
        Path | None, Parameter(help="Picture to write, with each image and its neighbors: .png, .svg or .pdf.")
    ] = None,
    approximate: Annotated[
        bool | None,
        Parameter(
            negative="--exact", help="Search approximately, or compare every vector; approximately above 100,000 images."
        ),
    ] = None,
    network: Annotated[str | None, Parameter(help="Run folder of the network that made the index, if it moved.")] = None,
    weights: Annotated[str | None, Parameter(help="Weight file of that network, if it moved.")] = None,
    root: Annotated[Path | None, Parameter(help="Folder of the indexed images, if it moved.")] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    theme: Theme = "light",
    as_json: Json = False,
) -> None:
    """Find the images of an index most similar to yours.

    Example: convatlas search photos.npz bee.jpg --k 5 --out nearest.png

    Similarity is the cosine between feature vectors of the network that made the index.

    Parameters
    ----------
    index
        An index that embed wrote.
    images
        Image files to look for.
    """
    from ..console.index import print_search
    from ..looks.index import draw_search
    from ..studies.search import search_index
    from ..views.save import check_picture

    check_picture(out, theme)
    result = search_index(index, images, k, approximate=approximate, network=network, weights=weights, root=root, device=device)
    if out:
        draw_search(result, out, data_dir, theme)
    print_search(result, out, as_json)
