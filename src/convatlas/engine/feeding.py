"""The way of a recipe's images to the network."""

from dataclasses import fields, replace

from ..data import Augment, Data, Feed
from .recipe import Recipe


def make_feed(recipe: Recipe, data: Data, image_size: int, device: str, *, training: bool) -> Feed:
    """One way through the recipe's images: in training shuffled and augmented, else as they are."""
    return Feed(
        batch_size=recipe.batch_size,
        image_size=image_size,
        mean=data.mean,
        std=data.std,
        augment=augmentation(data.augment, recipe) if training else None,
        shuffle=training,
        drop_last=training and len(data.train) >= recipe.batch_size,
        seed=recipe.seed,
        device=device,
        channels_last=recipe.channels_last,
        workers=recipe.workers,
        classes=len(data.classes),
        balanced=training and recipe.balance == "sampling",
        fit=recipe.fit,
    )


def augmentation(own: Augment, recipe: Recipe) -> Augment:
    """The data set's augmentation with what the recipe sets itself."""
    changes = {field.name: getattr(recipe, field.name) for field in fields(Augment)}
    return replace(own, **{name: value for name, value in changes.items() if value is not None})
