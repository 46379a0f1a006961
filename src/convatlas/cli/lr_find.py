"""`convatlas lr-find`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Flags, Json, Quiet, given


def lr_find(
    model: str,
    /,
    *,
    recipe: Flags | None = None,
    from_: Annotated[float, Parameter(name="--from", help="Lowest learning rate.")] = 1e-6,
    to: Annotated[float, Parameter(name="--to", help="Highest learning rate; it ends sooner where the loss diverges.")] = 10.0,
    steps: Annotated[int, Parameter(help="Steps from the one to the other.")] = 100,
    out: Annotated[Path | None, Parameter(help="The picture: .png, .svg or .pdf. [lr-find-NETWORK.png]")] = None,
    theme: Annotated[str, Parameter(help="Of the picture: light, dark or transparent.")] = "light",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find a learning rate: train some steps while it rises, and see where the loss falls and where it diverges.

    The flags are those of train, or of tune where there are --weights, and so is the recipe. Nothing of the steps is kept.

    Parameters
    ----------
    model
        Network, with ablations after a colon: resnet20 or resnet20:width=32.
    """
    from ..console import rates
    from ..studies.rates import chosen, measured
    from ..views.range_test import figure
    from ..views.save import save

    path = rates.picture(out, "lr-find", model, theme)
    settings, data = chosen(model, given(recipe))
    with rates.stepping(steps, quiet or as_json) as watch:
        test = measured(settings, data, (from_, to), steps, watch)
    save(figure(test, rates.title(settings)), path, theme)
    rates.suggested(test, settings, path, as_json)
