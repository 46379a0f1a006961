"""`convatlas tune`."""

from pathlib import Path

from ..errors import InputError
from .flags import Flags, Json, Log, Out, Quiet, Resume, given_flags


def tune(
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
    """Fine-tune a pretrained network on your images.

    Example: convatlas tune mobilenet_v2 --data photos/

    Settings that are not given are chosen for the network and the number of images, and printed.
    With --folds every image is held out once.

    Parameters
    ----------
    model
        Name of a network, which starts from --weights (published weights if not given), or a run folder.
    """
    from .. import console
    from ..console.terminal import resume_words, telling_what_is_kept
    from ..console.tuning import cross_validate
    from ..engine.record import Run, check_run_folder
    from ..loggers import check_loggers, log_events
    from ..runs.finetuning import network_and_weights, plan_tuning
    from ..runs.training import check, reopen_run, require_same, start
    from ..studies.folds import CrossValidation

    check_loggers(log)
    values = given_flags(recipe)
    data = None
    notes: tuple[str, ...] = ()
    if resume:
        if out is None and model is not None and CrossValidation.lies_in(Path(model)):
            out, model = Path(model), None
        if out is not None and CrossValidation.lies_in(out):
            folds = CrossValidation.open(out)
            require_same(out, [folds.recipe], [model] if model else [], values)
            refuse_log(log)
            cross_validate(folds, quiet, as_json)
            return
        run = reopen_run(out, model, values)
    elif model is None:
        raise InputError("tune needs the name of a network, such as `convatlas tune mobilenet_v2 --data photos/`")
    elif "data" not in values:
        raise InputError(f"tune needs images to learn from: convatlas tune {model} --data FOLDER")
    else:
        check_run_folder(out)
        network, weights = network_and_weights(model, values.pop("weights", None))
        plan, data, notes = plan_tuning(network, weights, values.pop("data"), values)
        check(plan, data)
        if plan.folds:
            refuse_log(log)
            if "fold" in values:
                raise InputError("tune trains all folds, so --fold means nothing: leave it out, or take `convatlas train`")
            cross_validate(CrossValidation.create(out, plan, notes), quiet, as_json)
            return
        run = Run.create(out, plan)
    if not run.finished:
        kept = telling_what_is_kept(lambda: resume_words("tune", run.path))
        with kept, console.follow_progress(run.recipe.model, quiet or as_json, log_events(run, log)) as watch:
            for event in start(run, data, notes):
                watch(event)
    console.print_run(run, quiet, as_json, notes)


def refuse_log(log: tuple[str, ...]) -> None:
    """Raises InputError for a log of several runs."""
    if log:
        raise InputError("--log follows one run, and --folds makes several: leave --log out")
