"""`convatlas predict`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, DataDir, Device, Fit, Json, Mean, Std, Threads, Weights, White
from .numbers import number


def predict(
    run: str,
    /,
    *images: Path,
    weights: Weights = None,
    topk: Annotated[int, number("Number of classes shown per image.", at_least=1)] = 5,
    csv: Annotated[
        Path | None,
        Parameter(allow_leading_hyphen=True, help="Table to write, one row per image; - is standard output."),
    ] = None,
    batch_size: BatchSize = 64,
    device: Device = "auto",
    threads: Threads = None,
    data: Annotated[
        str | None, Parameter(help="Data set that a weight file was trained on, for its classes, mean and standard deviation.")
    ] = None,
    data_dir: DataDir = None,
    mean: Mean = None,
    std: Std = None,
    fit: Fit = None,
    white: White = None,
    classes: Annotated[Path | None, Parameter(help="Text file with one class name per line.")] = None,
    as_json: Json = False,
) -> None:
    """Classify images, with probabilities.

    Example: convatlas predict runs/mine cat.jpg photos/

    Published weights predict ImageNet's classes, on images prepared as in their training.

    Parameters
    ----------
    run
        A run folder, or the name of a network with --weights.
    images
        Image files, or folders of them.
    """
    from ..console.predictions import check_csv, print_predictions
    from ..runs.network import NetworkRequest, open_network
    from ..studies.predict import list_images
    from ..studies.predict import predict as study

    check_csv(csv, as_json)
    files, notes = list_images(images)
    network = open_network(NetworkRequest(run, weights, data, data_dir, mean, std, classes, fit=fit, white=white)).on(device)
    topk = min(topk, len(network.classes))
    predictions = study(network, files, topk, batch_size, threads)
    print_predictions(predictions, (network.note, *notes), len(files), topk, as_json=as_json, table=csv)
