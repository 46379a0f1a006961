"""Fine-tuning: a network with weights, one's own images, and what is chosen where no option is given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Data
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.strategy import count_of_last
from ..errors import InputError
from ..models import variant
from ..models.family import SMALL
from ..recipes import refuse_idle, tuning_recipe
from ..recipes.transfer import chosen_strategy
from ..weights.checkpoints import checkpoints_of
from ..weights.origin import nearest_published
from .build import check_is_no_run, image_size, open_data, with_statistics, with_weight_settings
from .preparation import Values, per_channel, preparation_of_run, size_of_run


def network_and_weights(model: str, weights: str | None) -> tuple[str, str]:
    """The network that fine-tuning starts from and its weights; a run folder stands for both.

    Raises   InputError if there are no weights to start from
    """
    if weights is None and is_run(model):
        return Run.open(Path(model)).recipe.model, model
    check_is_no_run(model, weights)
    base = variant(model).base
    if weights is not None:
        return model, weights
    if not checkpoints_of(base):
        raise InputError(
            f"tune needs weights to start from, and {base} has no published ones: add --weights FILE or --weights RUN, "
            f"or train it from scratch with `convatlas train {model}`"
        )
    return model, "default"


def plan_tuning(
    model: str, weights: str, data: str, options: Mapping[str, Any], varied: Sequence[str] = ()
) -> tuple[Recipe, Data, tuple[str, ...]]:
    """The recipe of a fine-tuning, the images, and what was chosen and why; `varied` fields will have other values too.

    Raises   InputError if there are no such weights or images, or they do not go together
    """
    settings = reading_of(weights) | dict(options) | {"weights": weights}
    first = with_weight_settings(tuning_recipe(model, data, 1, **settings))
    images = open_data(first)
    if "mean" not in options and "std" not in options and (statistics := statistics_of_weights(first, images.channels)):
        settings |= {"mean": statistics[0], "std": statistics[1]}
    settings = {"fresh_head": not has_same_classes(weights, images)} | settings
    recipe = with_weight_settings(tuning_recipe(model, data, len(images.train), **settings))
    refuse_idle(recipe, options, varied)
    strategy, reason = chosen_strategy(recipe.model, len(images.train), recipe.epochs)
    notes = () if "strategy" in options else (f"strategy {strategy}: {reason}",)
    return recipe, with_statistics(recipe, images), (*notes, *form_notes(recipe, images), *fold_notes(recipe))


def reading_of(weights: str) -> dict[str, Any]:
    """How a run that training starts from sees images of other proportions and of 16 bits; nothing of other weights."""
    recipe = Run.open(Path(weights)).recipe if is_run(weights) else None
    return {"fit": recipe.fit, "white": recipe.white} if recipe else {}


def has_same_classes(weights: str, data: Data) -> bool:
    """Whether the head of the weights names the very classes of the data."""
    return is_run(weights) and preparation_of_run(Run.open(Path(weights)))[1] == data.classes


def form_notes(recipe: Recipe, data: Data) -> tuple[str, ...]:
    """A warning where the network has its form for small images with these images and not with its weights, or reversed."""
    native = variant(recipe.model).native.image_size
    before = size_of_run(str(recipe.weights))[1] or native
    side = image_size(recipe, data)
    if native <= SMALL or (before <= SMALL) == (side <= SMALL):
        return ()
    remedy = f"at most {SMALL}" if before <= SMALL else f"{3 * SMALL // 2} or more"
    words = f"at {side} pixels {recipe.model} has another form than at the {before} its weights were trained at"
    return (f"{words}, and they are worth little in it: try --image-size of {remedy}",)


def fold_notes(recipe: Recipe) -> tuple[str, ...]:
    """A warning where folds hold out images that the weights were trained on."""
    weights = Path(str(recipe.weights))
    if not recipe.folds or not is_run(weights) or Path(Run.open(weights).recipe.data).resolve() != Path(recipe.data).resolve():
        return ()
    return (f"{weights} learned from images of {recipe.data}, which the folds hold out: their figures will be too good",)


def statistics_of_weights(recipe: Recipe, channels: int) -> tuple[Values, Values] | None:
    """Mean and standard deviation that the weights were trained with; None where nothing is known of them.

    A network for color that is given gray images sees their average, since its first layer sums over the colors.
    """
    weights, base = str(recipe.weights), variant(recipe.model).base
    source = preparation_of_run(Run.open(Path(weights)))[0] if is_run(weights) else nearest_published(base, weights)
    if source is None or channels not in (1, len(source.mean)):
        return None
    return per_channel(source.mean, channels), per_channel(source.std, channels)


def strategy_recipes(models: Sequence[str], strategies: Sequence[str], options: Mapping[str, Any]) -> list[Recipe]:
    """The recipe of each network with each strategy; all train for equally many epochs.

    Raises   InputError if there is no network, no data, or a strategy that does not exist
    """
    if not models or "data" not in options:
        raise InputError("--strategies needs a network and images: convatlas compare mobilenet_v2 --strategies … --data FOLDER")
    if "strategy" in options:
        raise InputError("--strategies names the strategies that are compared: leave --strategy out")
    others = {name: value for name, value in options.items() if name not in ("data", "weights")}
    recipes = []
    for model in models:
        network, weights = network_and_weights(model, options.get("weights"))
        recipe = plan_tuning(network, weights, options["data"], others, ("strategy",))[0]
        recipes += [replace(recipe, strategy=strategy) for strategy in strategies]
    if not any(recipe.strategy == "discriminative" for recipe in recipes):
        refuse_idle(recipes[0], options)
    for strategy in strategies:
        count_of_last(strategy)
    return [replace(recipe, epochs=min(r.epochs for r in recipes)) for recipe in recipes]
