"""`convatlas card`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def card(
    *runs: Path,
    out: Annotated[Path | None, Parameter(help="Markdown file to write. [README.md in the run folder]")] = None,
    weights_license: Annotated[
        str | None, Parameter(help="License of the weights that training started from, if they are not published ones.")
    ] = None,
    license_: Annotated[
        str | None, Parameter(name="--license", help="License under which you publish the trained weights, such as mit.")
    ] = None,
    replace: Annotated[bool, Parameter(negative="", help="Replace an existing card.")] = False,
    as_json: Json = False,
) -> None:
    """Write a model card for a run.

    Example: convatlas card runs/mine

    The card has training data, recipe, accuracy with its interval, pictures and limits.

    Parameters
    ----------
    runs
        A run folder; with several runs that differ only in the seed, the card gives mean and standard deviation.
    """
    from ..console import sharing
    from ..looks.card import write

    done = write(runs, out, weights_license=weights_license, license_=license_, replace=replace)
    sharing.print_card(done, as_json)
