"""`convatlas schedule`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Flags, Json, given


def schedule(
    model: str,
    /,
    *,
    recipe: Flags | None = None,
    images: Annotated[int | None, Parameter(help="Training images there will be, so that no data is opened.")] = None,
    batches: Annotated[
        int | None, Parameter(name="--steps-per-epoch", help="Batches of an epoch there will be, so that no data is opened.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="The picture: .png, .svg or .pdf. [schedule-NETWORK.png]")] = None,
    theme: Annotated[str, Parameter(help="Of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Draw what a recipe will do before it does it: the learning rate of each stage, what is frozen when, how many steps.

    The flags are those of train, or of tune where there are --weights, and so is the recipe.

    Parameters
    ----------
    model
        Network, with ablations after a colon, or a run folder.
    """
    from ..console import rates
    from ..studies.rates import forecast
    from ..views.save import save
    from ..views.schedule import figure

    path = rates.picture(out, "schedule", model, theme)
    found = forecast(model, given(recipe), images=images, batches=batches)
    save(figure(found), path, theme)
    rates.foreseen(found, path, as_json)
