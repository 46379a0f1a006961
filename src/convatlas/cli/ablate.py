"""`convatlas ablate`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import InputError
from .flags import MANY, Flags, Json, Out, Quiet, Resume, given_flags
from .numbers import number


def ablate(
    model: str | None = None,
    /,
    *,
    vary: Annotated[
        tuple[str, ...],
        MANY,
        Parameter(
            help="A factor and its values, kernel=3,5,7: an ablation of the network or a field of the recipe. Several do."
        ),
    ] = (),
    one_at_a_time: Annotated[
        bool, Parameter(negative="", show_default=False, help="Change one factor at a time instead of training the whole grid.")
    ] = False,
    match: Annotated[str | None, Parameter(help="Adjust the width so that all have the base's parameters or macs.")] = None,
    recipe: Flags | None = None,
    seeds: Annotated[int | None, number("Number of seeds, starting at --seed. [3]", at_least=1)] = None,
    yes: Annotated[bool, Parameter(negative="", show_default=False, help="Train however many there are.")] = False,
    out: Out = None,
    resume: Resume = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Vary a network or its recipe, and report what mattered.

    Example: convatlas ablate resnet20 --vary kernel=1,3 --vary shortcut=yes,no

    Each combination of the values is trained with each seed. The report has the effect of each value and of each pair of
    values, with intervals, beside what they cost. With --resume and more values, only what is new is trained.

    Parameters
    ----------
    model
        Name of the network that is varied: resnet20, or one of your own, mynet.py:Net.
    """
    from ..console.comparison import print_ablation, run_study
    from ..console.terminal import command
    from ..engine.record import check_run_folder
    from ..recipes import default, refuse_idle
    from ..runs.build import open_data, with_weight_settings
    from ..studies.ablate import Ablation, check_size, matched_recipes, plan_design

    values = given_flags(recipe)
    if resume and not vary:
        if out is None and model is not None:
            out, model = Path(model), None
        if out is None:
            raise InputError("--resume needs the folder of the ablation: add --out DIR")
        if one_at_a_time or match:
            raise InputError("--one-at-a-time and --match are for new variations: add --vary, or leave them out to continue")
        ablation = Ablation.open(out)
        ablation.require_same([model] if model else [], values, seeds)
    else:
        if model is None or not vary:
            raise InputError("ablate needs a network and what to vary, such as `convatlas ablate resnet20 --vary kernel=3,5`")
        check_run_folder(None if resume else out)
        seeds = 3 if seeds is None else seeds
        base = with_weight_settings(default(model, values.pop("data", "digits"), **values))
        refuse_idle(base, values, [text.partition("=")[0].strip() for text in vary])
        design = plan_design(base, vary, one_at_a_time)
        data = open_data(base)
        check_size([design.recipe_of(levels) for levels in design.cells], data, seeds, yes)
        recipes = matched_recipes(design, match, data)
        ablation = Ablation.plan_cells(out, design, recipes, seeds, command(), match=match, extend=resume)
    if not run_study(ablation, "ablate", print_ablation, quiet, as_json):
        sys.exit(1)
