"""One run, from a recipe to a folder: checked before anything is written, started, and continued where it stopped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Data
from ..engine.events import Event
from ..engine.feeding import make_feed
from ..engine.lock import hold_folder
from ..engine.machine import check_machine
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.stop import Interrupted, explaining_full_disk, out_of_memory
from ..engine.strategy import Learning
from ..errors import InputError
from ..models import create_on_meta, settings_of_tensors, variant
from ..models.code import check_text
from ..ops.checkpoint import checkpoint_activations
from ..trust import is_own
from .build import (
    build_model,
    image_size,
    model_options,
    open_data,
    stages_of,
    start_model,
    task_of,
    with_stochastic_depth,
    with_weight_settings,
)
from .extension import extend_run, is_under_way
from .kept import check_same_data, files_to_go_on, learned_words
from .storage import storage_notes, with_storage_of
from .teacher import teacher_of


def check(recipe: Recipe, data: Data) -> None:
    """Makes sure that the machine, the data, the network and its weights go together, before anything is written.

    Raises   InputError
    """
    check_machine(recipe.device, recipe.precision, recipe.threads)
    task_of(recipe, data)
    make_feed(recipe, data, image_size(recipe, data), "cpu", training=True)
    if recipe.weights:
        model, _ = start_model(recipe, data)
    else:
        model = with_stochastic_depth(create_on_meta(recipe.model, **model_options(recipe, data)), recipe.stochastic_depth)
    Learning(model, recipe, stages_of(recipe, model, data))
    if recipe.patience and data.val is None:
        raise InputError(f"--patience needs validation images, and {data.name} has none: add some, or a larger --val-share")
    if recipe.checkpoint_activations:
        checkpoint_activations(model)
    teacher_of(recipe, data)


def start(run: Run, data: Data | None = None, notes: tuple[str, ...] = ()) -> Iterator[Event]:
    """Trains what the folder's recipe says, from where the folder stands; on `data` if that is open already.

    The first events are `notes`.

    Raises   InputError, and what training raises for machines and memory; Interrupted with the command to go on
    """
    full = explaining_full_disk(run.path, "tune" if run.recipe.weights else "train")
    with full, hold_folder(run.path), out_of_memory(run.recipe.batch_size, run.recipe.accumulate):
        yield from go_on(run, data, notes)


def go_on(run: Run, data: Data | None, notes: tuple[str, ...]) -> Iterator[Event]:
    """The same, in a folder that is held."""
    from ..engine.train import train

    recipe = run.recipe
    if is_own(recipe.model):
        check_text(run.path, variant(recipe.model).base)
    data = data or open_data(with_storage_of(recipe, [run.path]), files_to_go_on(run))
    check_same_data(run, data)
    notes = (*notes, *learned_words(recipe, data), *storage_notes(run, data))
    if run.begun:  # its state has the weights, and those it started from may be gone
        network = variant(recipe.model)
        saved = run.load_state() if network.family.older_form else None
        if saved and (changes := settings_of_tensors(network, saved["model"])):
            recipe = replace(recipe, model=network.with_changes(changes).name)
        model = build_model(recipe, data)
    else:
        model, loaded = start_model(recipe, data)
        notes = notes if loaded is None else (f"weights {recipe.weights}: {loaded}", *notes)
    side, stages, teacher = image_size(recipe, data), stages_of(recipe, model, data), teacher_of(recipe, data)
    try:
        yield from train(model, data, recipe, run, side, stages=stages, teacher=teacher, notes=notes)
    except Interrupted as error:
        raise Interrupted(error.where, run.path, "tune" if recipe.weights else "train") from error


def is_recipe_of(recipe: Recipe, model: str) -> bool:
    """Whether a recipe is one of the network as a user names it, without the settings of its weights."""
    if is_run(model):
        return recipe.weights == model
    name = recipe.model if is_own(recipe.model) else variant(recipe.model).name  # a folder's code is not executed for it
    same, own = replace(recipe, model=variant(model).name), replace(recipe, model=name)
    return same == own or (recipe.weights is not None and with_weight_settings(same) == own)


def reopen_run(folder: Path | None, model: str | None, options: Mapping[str, Any]) -> Run:
    """The run to continue: the folder's, or else the last unfinished one under runs/ of that network.

    A folder may stand in the network's place: `convatlas train --resume runs/mine`. A finished run may be given more epochs.

    Raises   InputError if there is none, or if it was begun with other options than those given now
    """
    if folder is None and model and is_run(model):
        folder, model = Path(model), None
    if folder is None:
        begun = [path.parent for path in Path("runs").glob("*/recipe.json") if is_under_way(path.parent)]
        same = [path for path in begun if model is None or is_recipe_of(Run.open(path).recipe, model)]
        if not same:
            raise InputError("--resume found no unfinished run under runs/: name its folder with --out DIR")
        folder = max(same, key=lambda path: path.stat().st_mtime)
    run = Run.open(folder)
    run.take_up_extension()
    epochs = options.get("epochs", run.recipe.epochs) if run.finished else run.recipe.epochs
    others = {name: value for name, value in options.items() if name != "epochs" or not run.finished}
    require_same(folder, [run.recipe], [model] if model else [], others)
    if epochs != run.recipe.epochs:
        extend_run(run, epochs)
    return run


def require_same(folder: Path, recipes: Sequence[Recipe], models: Sequence[str], options: Mapping[str, Any]) -> None:
    """Makes sure that what is given again is what the recipes in a folder were begun with.

    Raises   InputError if it is not
    """
    known = all(any(is_recipe_of(recipe, model) for recipe in recipes) for model in models)
    complete = all(any(is_recipe_of(recipe, model) for model in models) for recipe in recipes)
    if models and not (known and complete):
        own = list(dict.fromkeys(recipe.model for recipe in recipes))
        raise begun_with(folder, "model" if len(own) == 1 else "networks", ", ".join(own), ", ".join(models))
    for name, value in options.items():
        values = list(dict.fromkeys(getattr(recipe, name) for recipe in recipes))
        if values != [value]:
            raise begun_with(folder, name.replace("_", "-"), " or ".join(map(str, values)), value)


def begun_with(folder: Path, name: str, own: str, value: Any) -> InputError:
    """The error for what differs from what a folder was begun with."""
    return InputError(
        f"{folder} was begun with {name} {own}, not {value}: leave the flag out to continue it, or start a new run"
    )
