"""The recipe of `convatlas tune NETWORK --weights … --data …` when nothing else is given."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import Variant, variant
from ..models.family import SMALL

FEW, SOME = 500, 20_000  # training images


def chosen_strategy(model: str | Variant, images: int, epochs: int | None = None) -> tuple[str, str]:
    """The strategy for so many training images, and epochs if these are given, and why."""
    if epochs == 1:
        return "head", "one epoch is little: the head alone learns"
    if images < FEW and not is_small(model):
        return "head", f"{images:,} training images are few: the head alone learns, on features that came with the weights"
    if images < SOME:
        return "lp-ft", f"{images:,} training images: the head learns first, then everything at a low rate"
    return "full", f"{images:,} training images are many: everything learns"


def is_small(model: str | Variant) -> bool:
    """Whether a network was published for small images: its features are fewer and carry less far."""
    return variant(model).native.image_size <= SMALL


def tuning_recipe(model: str | Variant, data: str, images: int, **settings: Any) -> Recipe:
    """What suits fine-tuning with so many training images, with the given settings put over it.

    Measured in docs/studies/transfer.md.

    Raises   InputError for an unknown network or a setting out of range
    """
    network = variant(model)
    chosen = {
        "strategy": chosen_strategy(network, images, settings.get("epochs"))[0],
        "epochs": 12 if images < SOME else 5,
        "batch_size": 32 if images < SOME else 64,
        "optimizer": "adamw",
        "lr": 1e-4,
        "weight_decay": 0.01,
        "schedule": "cosine",
        "warmup": 0.1,
        "head_rate": 30.0,
        "freeze_norms": True,
    }
    if is_small(network):
        chosen |= {"epochs": 30 if images < SOME else 12, "lr": 3e-3, "head_rate": 1.0, "freeze_norms": False}
    return Recipe(model=network.name, data=data, **(chosen | settings))
