"""`convatlas data`: what sets there are, and whether a folder of images is fit to learn from."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from .flags import DataDir, Json

app = App(name="data", help="List the data sets, or check a folder of images.")


@app.default
def listed(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets: images, classes, size, license, and whether they are on disk."""
    from .. import console
    from ..data import CATALOG, on_disk

    console.sources([(source, on_disk(source, data_dir)) for source in CATALOG.values()], as_json)


@app.command
def check(
    folder: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Folder for two pictures: classes and sizes, and the duplicates.")] = None,
    strict: Annotated[
        bool, Parameter(negative="", help="Exit code 1 if an image is broken, missing, in two parts or in two classes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a folder of images: broken files, class balance, sizes, duplicates within and across train, val and test.

    Exit code 0 with whatever report; with --strict 1 unless nothing is broken, no class is missing from a part, and no
    picture stands in two parts or in two classes, near-duplicates and mirrored ones included.

    Parameters
    ----------
    folder
        Folder of images: train/CLASS/… val/CLASS/… test/CLASS/…, or CLASS/… alone.
    """
    from ..console import data as console
    from ..studies.data_check import check as examine

    console.free(out)
    found = examine(folder.expanduser())
    console.checked(found, as_json, console.draw(found, out) if out else [])
    if strict and not found.sound:
        sys.exit(1)
