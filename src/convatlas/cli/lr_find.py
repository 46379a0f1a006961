"""`convatlas lr-find`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import InputError
from .flags import Flags, Json, Quiet, given_flags
from .numbers import number


def lr_find(
    model: str,
    /,
    *,
    recipe: Flags | None = None,
    from_: Annotated[float, Parameter(name="--from"), number("Lowest learning rate.", float, above=0)] = 1e-6,
    to: Annotated[
        float,
        Parameter(name="--to"),
        number("Highest learning rate; the test ends earlier if the loss diverges.", float, above=0),
    ] = 10.0,
    steps: Annotated[int, number("Steps from the lowest to the highest learning rate.", at_least=1)] = 100,
    out: Annotated[Path | None, Parameter(help="Picture to write: .png, .svg or .pdf. [lr-find-NETWORK.png]")] = None,
    theme: Annotated[str, Parameter(help="Theme of the picture: light, dark or transparent.")] = "light",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find a learning rate with a short range test.

    Example: convatlas lr-find lenet5 --data digits

    Trains some steps while the learning rate rises, and shows where the loss falls and where it diverges.
    Flags and recipe are those of train, or of tune if --weights is given. The trained weights are discarded.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon: resnet20 or resnet20:width=32.
    """
    from ..console import rates
    from ..engine.record import slug
    from ..studies.rates import plan_run, run_range_test
    from ..views.range_test import figure
    from ..views.save import picture_path, save

    path = picture_path(out, f"lr-find-{slug(Path(model).name)}.png", theme)
    values = given_flags(recipe)
    if "lr" in values:
        raise InputError("lr-find tries all learning rates between --from and --to: leave --lr out")
    settings, data = plan_run(model, values)
    with rates.show_steps(steps, quiet or as_json) as watch:
        test = run_range_test(settings, data, (from_, to), steps, watch)
    save(figure(test, rates.title_of(settings)), path, theme)
    rates.print_suggestions(test, settings, path, as_json)
