"""`convatlas show`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json, whole


def show(
    model: str,
    /,
    *,
    input_: Annotated[str | None, Parameter(name="--input", help="Image: 3x224x224, 224x320 or 224.")] = None,
    num_classes: Annotated[int | None, Parameter(converter=whole, help="Classes; 0 leaves the head out.")] = None,
    depth: Annotated[
        int | None,
        Parameter(converter=whole, help="Levels of modules to open; 9 lists every layer by its name. [about 40 lines]"),
    ] = None,
    batch: Annotated[int, Parameter(converter=whole, help="Images in a training step, for its peak memory.")] = 32,
    history: Annotated[
        bool, Parameter(negative="", help="Papers, and where paper, first release and today's reference differ.")
    ] = False,
    as_json: Json = False,
    csv: Annotated[
        Path | None, Parameter(allow_leading_hyphen=True, help="Write every layer as a table; - for standard output.")
    ] = None,
    html: Annotated[Path | None, Parameter(help="Write a page to unfold layer by layer.")] = None,
    svg: Annotated[Path | None, Parameter(help="Draw the blueprint.")] = None,
) -> None:
    """Show a network: its idea, papers, published accuracy and weights, and what happens in each layer at what cost.

    Nothing is computed, no weights are fetched: shapes, parameters, multiply-accumulates, bytes, receptive fields are counted.

    Parameters
    ----------
    model
        The name of a network, with ablations after a colon, or a run folder; `convatlas list` has all names.
    """
    from ..console import anatomy, card
    from ..models import model_info, parse
    from ..models.history import sections
    from ..studies.network_summary import is_run, network_summary, shape_of
    from ..weights.checkpoints import published

    if history and not as_json and not is_run(model):
        base = parse(model)[0]
        card.history(model_info(base), sections(base))
        return
    wanted = anatomy.Wanted(depth, csv, html, svg)
    found = network_summary(model, size=shape_of(input_) if input_ else (), num_classes=num_classes, batch=batch)
    anatomy.shown(found, published(model), sections(parse(found.info.name)[0]), wanted, as_json)
