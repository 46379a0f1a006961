"""`convatlas embed`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, DataDir, Device, Fit, Json, Mean, Std, Threads, TrainedOn, Weights, White


def embed(
    run: str,
    /,
    *,
    data: Annotated[str, Parameter(help="Folder of images, data set or .npz file to embed.")],
    out: Annotated[Path, Parameter(help="Index to write: .npz or .parquet.")],
    split: Annotated[str, Parameter(help="all, train, val or test.")] = "all",
    layer: Annotated[
        str, Parameter(help="Layer whose output is the vector, by a name that show --depth 9 lists.")
    ] = "penultimate",
    weights: Weights = None,
    trained_on: TrainedOn = None,
    mean: Mean = None,
    std: Std = None,
    fit: Fit = None,
    white: White = None,
    data_dir: DataDir = None,
    batch_size: BatchSize = 128,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Write a feature vector for each image to an index.

    Example: convatlas embed runs/mine --data photos/ --out photos.npz

    The index also has the path and class of each image; search and cluster read it. Memory holds one batch at a time.

    Parameters
    ----------
    run
        A run folder, or the name of a network with --weights.
    """
    from ..console.index import print_index
    from ..console.terminal import telling_what_is_kept
    from ..runs.network import NetworkRequest
    from ..studies.embed import embed as make_index

    request = NetworkRequest(run, weights, trained_on, data_dir, mean, std, fit=fit, white=white)
    with telling_what_is_kept(lambda: "no index was written"):
        index, notes = make_index(request, data, split, out, layer=layer, batch_size=batch_size, device=device, threads=threads)
    print_index(index, notes, out, as_json)
