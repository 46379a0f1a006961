"""Fine-tuning: a network with weights, one's own images, and what is chosen where nothing is said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Data
from ..engine.recipe import Recipe
from ..engine.record import Run
from ..engine.strategy import lasts
from ..errors import InputError
from ..models import family_of, parse
from ..recipes import tuned
from ..recipes.transfer import chosen_strategy
from ..weights.checkpoints import published
from ..weights.origin import origin
from .run import normalized, open_data, settled

Pixels = tuple[tuple[float, ...], tuple[float, ...]]


def started_from(model: str, weights: str | None) -> tuple[str, str]:
    """The network and its weights; a run folder stands for both.

    Raises   InputError if there are no weights to start from
    """
    if weights is None and (Path(model) / "recipe.json").is_file():
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
    first = settled(tuned(model, data, 1, **asked))
    opened = open_data(first)
    if "mean" not in given and "std" not in given and (pixels := pixels_of(first, opened.channels)):
        asked |= {"mean": pixels[0], "std": pixels[1]}
    recipe = settled(tuned(model, data, len(opened.train), **asked))
    why = () if "strategy" in given else (f"strategy {recipe.strategy}: {chosen_strategy(len(opened.train))[1]}",)
    return recipe, normalized(recipe, opened), why


def pixels_of(recipe: Recipe, channels: int) -> Pixels | None:
    """Mean and deviation that the weights were trained with; None where nothing is known of them.

    A network for color that is given grey images sees their average, since its first layer sums over the colors.
    """
    weights, base = str(recipe.weights), parse(recipe.model)[0]
    if (Path(weights) / "recipe.json").is_file():
        data = Run.open(Path(weights)).environment["data"]
        mean, std = tuple(data["mean"]), tuple(data["std"])
    else:
        row = origin(base, weights) or next(iter(published(base)), None)
        if row is None:
            return None
        mean, std = row.mean, row.std
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
