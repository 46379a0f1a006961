"""`convatlas embed`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, DataDir, Device, Json, Mean, Std, TrainedOn, Weights


def embed(
    run: str,
    /,
    *,
    data: Annotated[str, Parameter(help="Folder of images, data set or .npz file to embed.")],
    out: Annotated[Path, Parameter(help="File for the index: .npz, or .parquet.")],
    split: Annotated[str, Parameter(help="all, train, val or test.")] = "all",
    layer: Annotated[str, Parameter(help="Layer whose output is the vector, as show --depth 9 names it.")] = "penultimate",
    weights: Weights = None,
    trained_on: TrainedOn = None,
    mean: Mean = None,
    std: Std = None,
    data_dir: DataDir = None,
    batch_size: BatchSize = 128,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write what a network makes of each image: a vector, with its path and class, for search, cluster and your own tools.

    Memory holds one batch, however many images there are.

    Parameters
    ----------
    run
        A run folder, or the name of a network together with --weights.
    """
    from ..console.index import made
    from ..runs.network import Asked
    from ..studies.embed import embedded

    asked = Asked(run, weights, trained_on, data_dir, mean, std)
    index, notes = embedded(asked, data, split, out, layer=layer, batch_size=batch_size, device=device)
    made(index, notes, out, as_json)
