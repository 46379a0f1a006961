"""The recipe of `convatlas tune NETWORK --weights … --data …` when nothing else is said."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import family_of
from .default import ADAM

FEW, SOME = 1_000, 20_000  # training images


def chosen_strategy(images: int) -> tuple[str, str]:
    """The strategy for so many training images, and why."""
    if images < FEW:
        return "lp-ft", f"{images:,} training images are few: the head learns first, then everything at a low rate"
    if images < SOME:
        return "discriminative", f"{images:,} training images: everything learns, stages near the image more slowly"
    return "full", f"{images:,} training images are many: everything learns"


def tuned(model: str, data: str, images: int, **given: Any) -> Recipe:
    """What suits fine-tuning with so many training images, with the given fields put over it.

    Measured in docs/studies/transfer.md.

    Raises   InputError for an unknown network or a field out of range
    """
    transformer = family_of(model).name in ("vit", "swin", "maxvit", "convnext")
    chosen = {
        "strategy": chosen_strategy(images)[0],
        "epochs": 12 if images < FEW else 8 if images < SOME else 5,
        "batch_size": 32 if images < SOME else 64,
        "optimizer": "adamw",
        "lr": 1e-4 if transformer else 3e-4 if family_of(model).name in ADAM else 2e-4,
        "weight_decay": 0.01,
        "schedule": "cosine",
        "warmup": 0.1,
        "head_rate": 10.0,
        "freeze_norms": True,
    }
    return Recipe(model=model, data=data, **(chosen | given))
