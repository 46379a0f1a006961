"""`convatlas blueprint`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def blueprint(
    model: str,
    /,
    *,
    input_: Annotated[str | None, Parameter(name="--input", help="Size of the image: 3x224x224, 224x320 or 224.")] = None,
    out: Annotated[Path | None, Parameter(help="Picture to write: .svg, .png or .pdf. [NETWORK.svg]")] = None,
    theme: Annotated[str, Parameter(help="light, dark or transparent.")] = "light",
) -> None:
    """Draw a network as its paper would.

    Example: convatlas blueprint resnet50 --out resnet50.svg

    Above, the network from image to classes; below, each kind of block opened up.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon (resnet20:width=32), or a run folder.
    """
    from ..studies.network_summary import network_summary, shape_of
    from ..views.blueprint import figure
    from ..views.save import picture_path, save

    path = picture_path(out, f"{Path(model).name.replace(':', '_')}.svg", theme)
    summary = network_summary(model, size=shape_of(input_) if input_ else (), batch=1)
    print(save(figure(summary.anatomy, year=summary.info.year), path, theme))
