"""`convatlas evaluate`."""

from typing import Annotated

from cyclopts import Parameter

from .flags import BatchSize, Channels, DataDir, Device, Fit, Json, Threads, Weights, White


def evaluate(
    run: str,
    /,
    *,
    data: Annotated[str | None, Parameter(help="Data set, folder or .npz file; the run's own if not given.")] = None,
    split: Annotated[str, Parameter(help="test, val or train.")] = "test",
    weights: Weights = None,
    mean: Annotated[Channels, Parameter(consume_multiple=True, help="Mean per channel, instead of the data's.")] = None,
    std: Annotated[
        Channels, Parameter(consume_multiple=True, help="Standard deviation per channel, instead of the data's.")
    ] = None,
    fit: Fit = None,
    white: White = None,
    data_dir: DataDir = None,
    batch_size: BatchSize = 128,
    device: Device = "auto",
    precision: Annotated[str, Parameter(help="auto, 32, bf16 or fp16.")] = "32",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Measure a trained network on the test images.

    Example: convatlas evaluate runs/mine

    Published ImageNet weights are tested on all images of a folder, prepared as in their training;
    sub-folders have the names of ImageNet classes, or their numbers.

    Parameters
    ----------
    run
        A run folder, or the name of a network with --weights.
    """
    from .. import console
    from ..runs.network import NetworkRequest
    from ..studies.measure import measure

    request = NetworkRequest(run, weights, data, data_dir, mean, std, fit=fit, white=white)
    measurement = measure(request, split, batch_size=batch_size, device=device, precision=precision, threads=threads)
    console.print_evaluation(measurement, as_json)
