"""The recipe of `convatlas train NETWORK --data SET` when nothing else is said."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import family_of, parse


def default(model: str, data: str, **given: Any) -> Recipe:
    """What suits the network and the data, with the given fields put over it.

    Raises   InputError for an unknown network or a field out of range
    """
    values = for_data(data)
    return Recipe(
        model=model, data=data, **(values | for_network(model, given.get("batch_size", values["batch_size"])) | given)
    )


def for_network(model: str, batch_size: int) -> dict[str, Any]:
    """Networks with batch norm take a high rate of SGD, proportional to the batch; the others are safer with Adam."""
    family = family_of(model).name
    if family in ("lenet", "tinyvgg"):
        return {"optimizer": "adamw", "lr": 6e-3 if family == "lenet" else 1e-2, "weight_decay": 0.01}
    if family == "convnext":
        return {"optimizer": "adamw", "lr": 2e-3, "weight_decay": 0.05}
    if family == "alexnet" or (family == "vgg" and not parse(model)[0].endswith("_bn")):
        return {"optimizer": "adamw", "lr": 5e-4, "weight_decay": 0.01}
    highest = 0.1 if family == "vgg" else 0.2
    return {"optimizer": "sgd", "lr": highest * batch_size / 128, "weight_decay": 5e-4}


def for_data(data: str) -> dict[str, Any]:
    """Small sets need small batches, to make enough steps."""
    if data == "digits":
        return {"epochs": 10, "batch_size": 32}
    return {"epochs": 14, "batch_size": 128}
