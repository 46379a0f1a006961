"""`convatlas schedule`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Flags, Json, given_flags
from .numbers import number


def schedule(
    model: str,
    /,
    *,
    recipe: Flags | None = None,
    images: Annotated[int | None, number("Number of training images, so that no data is opened.", at_least=1)] = None,
    batches: Annotated[
        int | None,
        Parameter(name="--steps-per-epoch"),
        number("Batches per epoch, so that no data is opened.", at_least=1),
    ] = None,
    out: Annotated[Path | None, Parameter(help="Picture to write: .png, .svg or .pdf. [schedule-NETWORK.png]")] = None,
    theme: Annotated[str, Parameter(help="Theme of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Draw each stage's learning rate before training.

    Example: convatlas schedule lenet5 --data digits

    Also shows which stages are frozen when, and the number of steps.
    Flags and recipe are those of train, or of tune if --weights is given.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon (resnet20:width=32), or a run folder.
    """
    from ..console import rates
    from ..engine.record import slug
    from ..studies.rates import forecast
    from ..views.save import picture_path, save
    from ..views.schedule import figure

    path = picture_path(out, f"schedule-{slug(Path(model).name)}.png", theme)
    plan = forecast(model, given_flags(recipe), images=images, batches=batches)
    save(figure(plan), path, theme)
    rates.print_forecast(plan, path, as_json)
