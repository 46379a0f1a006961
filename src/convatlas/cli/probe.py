"""`convatlas probe`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, DataDir, Device, Fit, Json, Mean, Std, Theme, Threads, TrainedOn, Weights, White, Words
from .numbers import number


def probe(
    run: str,
    /,
    *,
    data: Annotated[str, Parameter(help="Folder with one sub-folder per class, data set or .npz file.")],
    layers: Annotated[Words, Parameter(help="Layers, with commas between. [the last of each stage, and penultimate]")] = (),
    split: Annotated[str, Parameter(help="Images to test on: val or test.")] = "val",
    k: Annotated[int, number("Number of neighbors that vote.", at_least=1)] = 20,
    out: Annotated[Path | None, Parameter(help="New folder for probe.json and probe.png.")] = None,
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
    theme: Theme = "light",
    as_json: Json = False,
) -> None:
    """Measure how well each layer separates the classes.

    Example: convatlas probe runs/mine --data photos/ --out probe

    Nearest neighbors and logistic regression on each layer's features, fitted to training images only.

    Parameters
    ----------
    run
        A run folder, or the name of a network with --weights.
    """
    from ..console.index import print_probe, show_progress
    from ..files import check_folder_is_new
    from ..looks.index import draw_probe
    from ..runs.network import NetworkRequest
    from ..studies.probe import probe as study
    from ..views.save import check_theme

    check_theme(theme)
    check_folder_is_new(out)
    request = NetworkRequest(run, weights, trained_on, data_dir, mean, std, fit=fit, white=white)
    with show_progress() as watch:
        result = study(
            request, data, layers, split=split, k=k, batch_size=batch_size, device=device, threads=threads, watch=watch
        )  # fmt: skip
    print_probe(result, draw_probe(result, result.save(out), theme) if out else None, as_json)
