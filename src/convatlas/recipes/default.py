"""The recipe of `convatlas train NETWORK --data SET` when nothing else is said."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import family_of


def default(model: str, data: str, **given: Any) -> Recipe:
    """What suits the network and the data, with the given fields put over it.

    Raises   InputError for an unknown network or a field out of range
    """
    values = for_network(model) | for_data(data)
    return Recipe(model=model, data=data, **(values | given))


def for_network(model: str) -> dict[str, Any]:
    """Networks with batch norm take a high rate; without, Adam is the safer choice."""
    family = family_of(model).name
    if family in ("lenet", "tinyvgg"):
        return {"optimizer": "adamw", "lr": 4e-3, "weight_decay": 0.01}
    if family == "convnext":
        return {"optimizer": "adamw", "lr": 4e-3, "weight_decay": 0.05}
    if family == "alexnet" or (family == "vgg" and not model.partition(":")[0].endswith("_bn")):
        return {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01}
    return {"lr": 0.3, "label_smoothing": 0.1}


def for_data(data: str) -> dict[str, Any]:
    """Epochs and batches by how many images there are."""
    if data == "digits":
        return {"epochs": 12, "batch_size": 32}
    return {"epochs": 12}
