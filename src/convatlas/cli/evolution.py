"""`convatlas evolution`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def evolution(
    *,
    out: Annotated[Path | None, Parameter(help="Picture to write: .png, .svg or .pdf.")] = None,
    theme: Annotated[str, Parameter(help="Theme of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Show which network took which idea from which, by year.

    Example: convatlas evolution --out evolution.svg

    The picture also shows accuracy, size and cost by year.
    """
    from ..console.evolution import told
    from ..models.lineage import LINEAGE, nodes

    picture = None
    if out is not None:
        from ..catalog import ROWS
        from ..views.evolution import figure
        from ..views.save import save

        picture = save(figure(list(ROWS.values()), nodes(), [(idea.child, idea.parent) for idea in LINEAGE]), out, theme)
    told(picture, as_json)
