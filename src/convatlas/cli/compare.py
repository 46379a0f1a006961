"""`convatlas compare`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import InputError
from .flags import Flags, Json, Out, Quiet, Resume, Words, given_flags
from .numbers import number


def compare(
    *models: str,
    recipe: Flags | None = None,
    strategies: Annotated[
        Words,
        Parameter(help="Compare strategies of fine-tuning from --weights instead: head, gradual, full and others, see tune."),
    ] = (),
    seeds: Annotated[int | None, number("Number of seeds, starting at --seed. [2]", at_least=1)] = None,
    out: Out = None,
    resume: Resume = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train several networks and report which one is better.

    Example: convatlas compare lenet5 resnet20 --data digits --seeds 3

    The report has accuracy over several seeds, paired tests, memory, speed and cost. The exit code is 1 if all failed.

    Parameters
    ----------
    models
        Names of networks, changes after a colon: resnet20 plain20 resnet20:width=32. Five small ones if none is given.
    """
    from ..console.comparison import print_comparison, run_study
    from ..console.terminal import command
    from ..engine.record import check_run_folder
    from ..runs.finetuning import strategy_recipes
    from ..studies.compare import DEFAULT_NETWORKS, Comparison, default_recipes

    values = given_flags(recipe)
    if resume:
        if out is None and len(models) == 1:
            out, models = Path(models[0]), ()
        if out is None:
            raise InputError("--resume needs the folder of the comparison: add --out DIR")
        comparison = Comparison.open(out)
        comparison.require_same(models, values, seeds, strategies)
    else:
        check_run_folder(out)
        if strategies:
            recipes = strategy_recipes(models, strategies, values)
        else:
            recipes = default_recipes(models or DEFAULT_NETWORKS, values.pop("data", "digits"), values)
        comparison = Comparison.create(out, recipes, 2 if seeds is None else seeds, command())
    if not run_study(comparison, "compare", print_comparison, quiet, as_json):
        sys.exit(1)
