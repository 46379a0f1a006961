"""`convatlas show`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json
from .numbers import number


def show(
    model: str,
    /,
    *,
    input_: Annotated[str | None, Parameter(name="--input", help="Size of the image: 3x224x224, 224x320 or 224.")] = None,
    num_classes: Annotated[int | None, number("Number of classes; 0 leaves out the head.", at_least=0)] = None,
    depth: Annotated[
        int | None,
        number("Levels of modules to show; 9 lists every layer by name. [as many as fit in 40 lines]", at_least=1),
    ] = None,
    batch: Annotated[int, number("Images per training step, for its peak memory.", at_least=1)] = 32,
    history: Annotated[
        bool, Parameter(negative="", help="Show the papers, and how the first release and today's reference differ from them.")
    ] = False,
    as_json: Json = False,
    csv: Annotated[
        Path | None, Parameter(allow_leading_hyphen=True, help="Write a table with one row per layer; - is standard output.")
    ] = None,
    html: Annotated[Path | None, Parameter(help="Write a page that unfolds layer by layer.")] = None,
    svg: Annotated[Path | None, Parameter(help="Write the blueprint to this file: .svg, .png or .pdf.")] = None,
) -> None:
    """Show a network: papers, weights, layers and their cost.

    Example: convatlas show resnet50

    Shapes, parameters, multiply-accumulates, bytes and receptive fields are counted; nothing is computed or downloaded.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon (resnet20:depths=3-3-3,width=32), or a run folder.
    """
    from ..console import anatomy, card
    from ..models import model_info, variant
    from ..models.history import sections
    from ..studies.network_summary import names_run, network_summary, shape_of
    from ..weights.checkpoints import checkpoints_of

    if history and not as_json and not names_run(model):
        base = variant(model).base
        card.print_history(model_info(base), sections(base))
        return
    outputs = anatomy.Wanted(depth, csv, html, svg)
    summary = network_summary(model, size=shape_of(input_) if input_ else (), num_classes=num_classes, batch=batch)
    anatomy.print_summary(summary, checkpoints_of(model), sections(variant(summary.info.name).base), outputs, as_json)
