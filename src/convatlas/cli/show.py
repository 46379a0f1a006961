"""`convatlas show`."""

from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def show(
    model: str,
    /,
    *,
    history: Annotated[
        bool, Parameter(negative="", help="Papers, and where paper, first release and today's reference differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a network: its idea, papers, sizes, published accuracy and weights, and what its modules are called.

    Parameters
    ----------
    model
        The name of a network; `convatlas list` has them all.
    """
    from ..console import card
    from ..models import model_info
    from ..models.history import sections
    from ..weights.checkpoints import published

    info = model_info(model)
    if history and not as_json:
        card.history(info, sections(model))
    else:
        card.card(info, published(model), sections(model), as_json)
