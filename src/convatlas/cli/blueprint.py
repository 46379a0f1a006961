"""`convatlas blueprint`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def blueprint(
    model: str,
    /,
    *,
    input_: Annotated[str | None, Parameter(name="--input", help="Image: 3x224x224, 224x320 or 224.")] = None,
    out: Annotated[Path | None, Parameter(help="The picture: .svg, .png or .pdf. [NETWORK.svg]")] = None,
    theme: Annotated[str, Parameter(help="light, dark or transparent.")] = "light",
) -> None:
    """Draw a network as its paper would: what follows on what, and each kind of block opened up.

    Parameters
    ----------
    model
        The name of a network, with ablations after a colon, or a run folder; `convatlas list` has all names.
    """
    from ..studies.network_summary import network_summary, shape_of
    from ..views.blueprint import figure
    from ..views.save import save

    path = out or Path(f"{Path(model).name.replace(':', '_')}.svg")
    found = network_summary(model, size=shape_of(input_) if input_ else (), batch=1)
    print(save(figure(found.anatomy, year=found.info.year), path, theme))
