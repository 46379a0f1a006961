"""The recipe of `convatlas train NETWORK --data SET` when nothing else is said."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import family_of, parse

ADAM = {"convnext": 2e-3, "vit": 5e-4, "swin": 1e-3, "maxvit": 1e-3} | dict.fromkeys(
    "mobilenet_v1 mobilenet_v2 mobilenet_v3 mnasnet shufflenet_v2 efficientnet efficientnet_v2 regnet".split(), 2e-3
)
"""Families with layer norm, depthwise or gated convolutions, with the rate of AdamW that they take."""

NO_NORM = ("alexnet", "zfnet", "squeezenet")
"""Families without any norm, or with one across channels alone."""


def default(model: str, data: str, **given: Any) -> Recipe:
    """What suits the network and the data, with the given fields put over it.

    Measured in docs/studies/accuracy.md: lenet5 on MNIST, resnet20 on Fashion-MNIST and CIFAR-10.

    Raises   InputError for an unknown network or a field out of range
    """
    # Small sets need small batches, to make enough steps.
    size = {"epochs": 10, "batch_size": 32} if data == "digits" else {}
    batch_size = given.get("batch_size", size.get("batch_size", 128))
    return Recipe(model=model, data=data, **(for_network(model, batch_size) | size | given))


def for_network(model: str, batch_size: int) -> dict[str, Any]:
    """Networks with batch norm take a high rate of SGD, proportional to the batch; the others are safer with Adam."""
    base = parse(model)[0]
    family = family_of(model).name
    if family in ("lenet", "tinyvgg"):
        return {"epochs": 30, "optimizer": "adamw", "lr": 4e-3 if family == "lenet" else 1e-2, "weight_decay": 0.01}
    if family in ADAM:
        return {"epochs": 16, "optimizer": "adamw", "lr": ADAM[family], "weight_decay": 0.05}
    if family in NO_NORM or base == "googlenet_2014" or (family == "vgg" and not base.endswith("_bn")):
        return {"epochs": 16, "optimizer": "adamw", "lr": 5e-4, "weight_decay": 0.01}
    highest = 0.1 if family in ("vgg", "inception") else 0.2
    return {"epochs": 16, "optimizer": "sgd", "lr": highest * batch_size / 128, "weight_decay": 5e-4}
