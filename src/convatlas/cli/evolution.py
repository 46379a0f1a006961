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
    from ..console.evolution import print_lineage
    from ..models.lineage import edges, nodes

    picture = None
    if out is not None:
        from ..views.save import check_picture

        check_picture(out, theme)
        from ..models import CATALOG, row_of
        from ..views.evolution import figure
        from ..views.save import save

        edge_names = [(edge.child, edge.parent) for edge in edges()]
        picture = save(figure([row_of(name) for name in CATALOG], nodes(), edge_names), out, theme)
    print_lineage(picture, as_json)
