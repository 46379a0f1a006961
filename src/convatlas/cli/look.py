"""`convatlas look`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..looks import LOOKS, choose_looks
from .flags import MANY, DataDir, Json, Mean, Std, Theme, Threads, Weights, Words
from .look_flags import LookFlags, values_of


def look(
    run: str,
    /,
    *,
    what: Annotated[
        Words,
        Parameter(help=f"Looks, with commas or spaces between: {', '.join(each.name for each in LOOKS)}; all if not given."),
    ] = ("all",),
    data: Annotated[str | None, Parameter(help="Data set, folder or .npz file; the run's own if not given.")] = None,
    split: Annotated[str | None, Parameter(help="test, val or train; the test images if there are any.")] = None,
    image: Annotated[tuple[Path, ...], MANY, Parameter(help="Image files or folders to use instead of a data set.")] = (),
    weights: Weights = None,
    mean: Mean = None,
    std: Std = None,
    data_dir: DataDir = None,
    out: Annotated[Path | None, Parameter(help="New folder for the pictures. [looks/NETWORK]")] = None,
    kind: Annotated[str, Parameter(name="--format", help="png, svg or pdf.")] = "png",
    theme: Theme = "light",
    threads: Threads = None,
    as_json: Json = False,
    options: LookFlags | None = None,
) -> None:
    """Draw what a network has learned, as pictures.

    Example: convatlas look runs/mine --what predictions,saliency

    Writes one file per picture, and index.html with all of them.

    Parameters
    ----------
    run
        A run folder, or the name of a network, with --weights or untrained.
    """
    from ..console.looks import print_looks
    from ..console.terminal import command
    from ..engine.record import slug
    from ..files import check_folder_is_new, free_path
    from ..looks.write import check_format, write_looks
    from ..runs.network import NetworkRequest
    from ..studies.subject import open_subject

    check_format(kind, theme)
    check_folder_is_new(out)
    looks = choose_looks(what, values_of(options))
    subject = open_subject(NetworkRequest(run, weights, data, data_dir, mean, std), split, image)
    folder = out or free_path(Path("looks") / slug(Path(run).name))
    pictures = write_looks(subject, looks, folder, kind=kind, theme=theme, command=command(), threads=threads)
    print_looks(pictures, subject.title, folder, as_json, subject.notes)
