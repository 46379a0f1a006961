"""`convatlas sweep`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import InputError
from .flags import MANY, Flags, Json, Out, Quiet, Resume, given_flags
from .numbers import number

TRIALS = 30


def sweep(
    model: str | None = None,
    /,
    *,
    search: Annotated[
        tuple[str, ...],
        MANY,
        Parameter(
            help="A field of the recipe or an ablation with its range a..b, or with values: lr=0.01..0.5, width=8,16,32, "
            "depths=1-1-1,3-3-3. Several do. A range has a log scale where both ends are positive and b is at least 10 "
            "times a; whole numbers stay whole.",
        ),
    ] = (),
    trials: Annotated[
        int | None, number(f"Number of settings to try; with --resume, more than before. [{TRIALS}]", at_least=1)
    ] = None,
    recipe: Flags | None = None,
    out: Out = None,
    resume: Resume = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Search for the best setting on validation images.

    Example: convatlas sweep lenet5 --search lr=1e-4..1e-1 --trials 12

    Optuna chooses what to try next. A trial that is worse than the median is stopped early. Trials see no test images;
    the best setting is trained once more at the end, and tested.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon: resnet20 or resnet20:width=32.
    """
    from ..console.sweep import follow_trials, print_sweep
    from ..console.terminal import command, resume_words, telling_what_is_kept
    from ..engine.record import check_run_folder
    from ..studies.rates import plan_run
    from ..studies.space import read_space
    from ..studies.study import require_optuna
    from ..studies.sweep import Sweep

    require_optuna()
    values = given_flags(recipe)
    if resume:
        if out is None and model is not None:
            out, model = Path(model), None
        if out is None:
            raise InputError("--resume needs the folder of the sweep: add --out DIR")
        chosen = Sweep.open(out)
        chosen.require_same(model, search, values)
        if trials is not None:
            chosen.set_trials(trials)
    elif model is None:
        raise InputError("sweep needs the name of a network, such as `convatlas sweep lenet5 --search lr=1e-4..1e-1`")
    else:
        check_run_folder(out)
        settings, data = plan_run(model, values, [text.partition("=")[0].strip() for text in search])
        space = read_space(search, settings, values)
        chosen = Sweep.create(out, settings, data, space, TRIALS if trials is None else trials)
    with telling_what_is_kept(lambda: resume_words("sweep", chosen.folder)):
        with follow_trials(chosen.measure, quiet or as_json) as watch:
            for event in chosen.run():
                watch(event)
        print_sweep(chosen, command(), quiet, as_json)
