"""Fine-tuning: a network with weights, one's own images, and what is chosen where nothing is said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Data
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.strategy import lasts
from ..errors import InputError
from ..models import family_of, parse
from ..models.family import SMALL
from ..recipes import tuned
from ..recipes.transfer import chosen_strategy
from ..weights.checkpoints import published
from ..weights.origin import nearest_published
from .build import image_size, normalized, open_data, with_weight_settings
from .preparation import preparation_of_run, size_of_run

Pixels = tuple[tuple[float, ...], tuple[float, ...]]


def started_from(model: str, weights: str | None) -> tuple[str, str]:
    """The network and its weights; a run folder stands for both.

    Raises   InputError if there are no weights to start from
    """
    if weights is None and is_run(model):
        return Run.open(Path(model)).recipe.model, model
    base = parse(model)[0]
    family_of(base)
    if weights is not None:
        return model, weights
    if not published(base):
        raise InputError(
            f"tune needs weights to start from, and {base} has no published ones: add --weights FILE or --weights RUN, "
            f"or learn from scratch with `convatlas train {model}`"
        )
    return model, "default"


def plan(model: str, weights: str, data: str, given: Mapping[str, Any]) -> tuple[Recipe, Data, tuple[str, ...]]:
    """The recipe of a fine-tuning, the images, and what was chosen and why.

    Raises   InputError
    """
    asked = dict(given) | {"weights": weights}
    first = with_weight_settings(tuned(model, data, 1, **asked))
    opened = open_data(first)
    if "mean" not in given and "std" not in given and (pixels := pixels_of(first, opened.channels)):
        asked |= {"mean": pixels[0], "std": pixels[1]}
    asked = {"fresh_head": not names_them(weights, opened)} | asked
    recipe = with_weight_settings(tuned(model, data, len(opened.train), **asked))
    chosen, because = chosen_strategy(recipe.model, len(opened.train), recipe.epochs)
    why = () if "strategy" in given else (f"strategy {chosen}: {because}",)
    return recipe, normalized(recipe, opened), (*why, *another_form(recipe, opened), *seen_before(recipe))


def names_them(weights: str, data: Data) -> bool:
    """Whether the weights' head is of the very classes that are to be learnt."""
    return is_run(weights) and preparation_of_run(Run.open(Path(weights)))[1] == data.classes


def another_form(recipe: Recipe, data: Data) -> tuple[str, ...]:
    """What to say where the images ask for the network's form for small images and the weights for the other, or reversed."""
    native = family_of(recipe.model).native_of(parse(recipe.model)[0]).image_size
    before = size_of_run(str(recipe.weights))[1] or native
    side = image_size(recipe, data)
    if native <= SMALL or (before <= SMALL) == (side <= SMALL):
        return ()
    remedy = f"at most {SMALL}" if before <= SMALL else f"{3 * SMALL // 2} or more"
    words = f"at {side} pixels {recipe.model} has another form than at the {before} its weights were trained at"
    return (f"{words}, and they are worth little in it: try --image-size of {remedy}",)


def seen_before(recipe: Recipe) -> tuple[str, ...]:
    """What to say where folds hold out images that the weights were trained on."""
    weights = Path(str(recipe.weights))
    if not recipe.folds or not is_run(weights) or Path(Run.open(weights).recipe.data).resolve() != Path(recipe.data).resolve():
        return ()
    return (f"{weights} learnt from images of {recipe.data}, which the folds hold out: their figures will be too good",)


def pixels_of(recipe: Recipe, channels: int) -> Pixels | None:
    """Mean and deviation that the weights were trained with; None where nothing is known of them.

    A network for color that is given grey images sees their average, since its first layer sums over the colors.
    """
    weights, base = str(recipe.weights), parse(recipe.model)[0]
    seen = preparation_of_run(Run.open(Path(weights)))[0] if is_run(weights) else nearest_published(base, weights)
    if seen is None:
        return None
    mean, std = seen.mean, seen.std
    if len(mean) == channels:
        return mean, std
    if channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    return None


def tuned_recipes(models: Sequence[str], strategies: Sequence[str], given: Mapping[str, Any]) -> list[Recipe]:
    """The recipe of each network with each strategy; all pass over the images equally often.

    Raises   InputError if there is no network, no data, or a strategy that does not exist
    """
    if not models or "data" not in given:
        raise InputError("--strategies needs a network and images: convatlas compare mobilenet_v2 --strategies … --data FOLDER")
    rest = {name: value for name, value in given.items() if name not in ("data", "weights", "strategy")}
    recipes = []
    for model in models:
        network, weights = started_from(model, given.get("weights"))
        recipe = plan(network, weights, given["data"], rest)[0]
        recipes += [replace(recipe, strategy=strategy) for strategy in strategies]
    for strategy in strategies:
        lasts(strategy)
    return [replace(recipe, epochs=min(r.epochs for r in recipes)) for recipe in recipes]
