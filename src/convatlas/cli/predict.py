"""`convatlas predict`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, DataDir, Device, Fit, Json, Mean, Std, Threads, Weights, White
from .numbers import number, read_seconds


def predict(
    run: str,
    /,
    *images: str,
    weights: Weights = None,
    topk: Annotated[int, number("Number of classes shown per image.", at_least=1)] = 5,
    csv: Annotated[
        Path | None,
        Parameter(allow_leading_hyphen=True, help="Table to write, one row per image; - is standard output."),
    ] = None,
    every: Annotated[str | None, Parameter(help="Of films and cameras, take a frame every so often: 1s, 500ms. [1s]")] = None,
    frames: Annotated[int | None, number("Take at most so many frames of each film or camera.", at_least=1)] = None,
    camera: Annotated[int | None, number("Classify what a camera sees, by its number.", at_least=0)] = None,
    fetch: Annotated[
        bool, Parameter(negative="", show_default=False, help="Fetch images that are given as https:// addresses.")
    ] = False,
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
        Image files, folders of them, films, or with --fetch addresses.
    """
    from tempfile import TemporaryDirectory

    from ..console.predictions import STDOUT, check_csv, print_predictions
    from ..runs.network import NetworkRequest, open_network
    from ..studies.fetch import fetch_all
    from ..studies.predict import list_images
    from ..studies.predict import predict as study
    from ..studies.shots import EVERY, cameras, check_frames, count_shots

    check_csv(csv, as_json)
    with TemporaryDirectory() as folder:
        paths, addresses = fetch_all(images, fetch, Path(folder))
        files, notes = list_images(paths) if paths or camera is None else ([], ())
        sources = files + cameras(camera, frames, collected=as_json or csv not in (None, STDOUT))
        timed = check_frames(sources, every, frames)
        span = EVERY if every is None else read_seconds("--every", every)
        request = NetworkRequest(run, weights, data, data_dir, mean, std, classes, fit=fit, white=white)
        network = open_network(request).on(device)
        topk = min(topk, len(network.classes))
        batch_size = batch_size if camera is None else 1  # each frame at once
        predictions = study(network, sources, topk, batch_size, threads, every=span, most=frames, names=addresses)
        count = count_shots(sources, span, frames)
        print_predictions(
            predictions, (network.note, *notes), count, topk, as_json=as_json, table=csv, timed=timed
        )  # fmt: skip
