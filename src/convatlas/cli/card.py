"""`convatlas card`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def card(
    *runs: Path,
    out: Annotated[Path | None, Parameter(help="Markdown file to write; README.md in the run folder if not given.")] = None,
    weights_license: Annotated[
        str | None, Parameter(help="License of the weights that training began with, where they are not published ones.")
    ] = None,
    license_: Annotated[
        str | None, Parameter(name="--license", help="License under which you pass these weights on, such as mit.")
    ] = None,
    replace: Annotated[bool, Parameter(negative="", help="Take the place of the card that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's model card: what it is, learnt from and is good for, with its figures, pictures and limits.

    Parameters
    ----------
    runs
        A run folder; more of them, which differ in their seed alone, tell how much the figures change with it.
    """
    from ..console import sharing
    from ..looks.card import write

    done = write(runs, out, weights_license=weights_license, license_=license_, replace=replace)
    sharing.carded(done, as_json)
