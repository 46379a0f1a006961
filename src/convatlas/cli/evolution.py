"""`convatlas evolution`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def evolution(
    *,
    out: Annotated[Path | None, Parameter(help="The picture: .png, .svg or .pdf.")] = None,
    theme: Annotated[str, Parameter(help="Of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Tell who took which idea from whom, 1998 to 2022, and draw it beside accuracy, size and cost."""
    from ..console.evolution import told
    from ..models.lineage import LINEAGE, nodes

    drawn = None
    if out is not None:
        from ..catalog import ROWS
        from ..views.evolution import figure
        from ..views.save import save

        drawn = save(figure(list(ROWS.values()), nodes(), [(idea.child, idea.parent) for idea in LINEAGE]), out, theme)
    told(drawn, as_json)
