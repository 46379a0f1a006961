"""`convatlas data`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from .flags import DataDir, Json

app = App(name="data", help="List the data sets, or check a folder of images.\n\nExample: convatlas data")


@app.default
def list_sets(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets: images, classes, size, license, and whether they are on disk."""
    from .. import console
    from ..data import CATALOG, on_disk

    console.print_data_sets([(source, on_disk(source, data_dir)) for source in CATALOG.values()], as_json)


@app.command
def check(
    folder: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Folder for two pictures: classes and sizes, and the copies.")] = None,
    strict: Annotated[
        bool,
        Parameter(
            negative="",
            help="Exit code 1 if it cannot be trained on, or an image is broken, left out or in two places.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a folder of images: broken files, balance, copies.

    Example: convatlas data check photos/ --out checked

    It says first whether the folder can be trained on, as which classes and splits. Near-duplicates and mirrored copies count
    as copies. The exit code is 0 whatever the report says. With --strict it is 1 if the folder cannot be trained on, an image
    is broken or left out, a class is missing from a split, or an image is in two splits or in two classes.

    Parameters
    ----------
    folder
        Folder of images: train/CLASS/… val/CLASS/… test/CLASS/…, or only CLASS/….
    """
    from ..console import data as console
    from ..studies.data_check import check as examine

    console.check_pictures(out)
    report = examine(folder.expanduser())
    console.print_check(report, as_json, console.draw(report, out) if out else [])
    if strict and not report.sound:
        sys.exit(1)
