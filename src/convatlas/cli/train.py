"""`convatlas train`."""

from ..errors import InputError
from .flags import Flags, Json, Log, Out, Quiet, Resume, given_flags


def train(
    model: str | None = None,
    /,
    *,
    recipe: Flags | None = None,
    out: Out = None,
    resume: Resume = False,
    log: Log = (),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a network, and test it once at the end.

    Example: convatlas train lenet5 --data mnist

    Settings that are not given are chosen for the network and the data; recipe.json in the run folder has all of them.

    Parameters
    ----------
    model
        Name of a network, changes to it after a colon: resnet20 or resnet20:width=32.
    """
    from .. import console
    from ..console.terminal import resume_words, telling_what_is_kept
    from ..engine.record import Run, check_run_folder
    from ..loggers import check_loggers, log_events
    from ..recipes import default, refuse_idle
    from ..runs.build import open_data, with_weight_settings
    from ..runs.training import check, reopen_run, start

    check_loggers(log)
    values = given_flags(recipe)
    data = None
    if resume:
        run = reopen_run(out, model, values)
    elif model is None:
        raise InputError("train needs the name of a network, such as `convatlas train lenet5`; `convatlas list` shows them")
    else:
        check_run_folder(out)
        chosen = with_weight_settings(default(model, values.pop("data", "digits"), **values))
        refuse_idle(chosen, values)
        data = open_data(chosen)
        check(chosen, data)
        run = Run.create(out, chosen)
    if run.finished:
        console.print_run(run, quiet, as_json)
        return
    kept = telling_what_is_kept(lambda: resume_words("train", run.path))
    with kept, console.follow_progress(run.recipe.model, quiet or as_json, log_events(run, log)) as watch:
        for event in start(run, data):
            watch(event)
    console.print_run(run, quiet, as_json)
