"""The recipe of `convatlas train NETWORK --data SET` when nothing else is given."""

from typing import Any

from ..engine.recipe import Recipe
from ..models import Variant, variant

BATCH = 128
"""Images per batch that SGD's learning rates are for."""


def default(model: str | Variant, data: str, **settings: Any) -> Recipe:
    """What suits the network and the data, with the given settings put over it.

    Measured in docs/studies/accuracy.md: lenet5 on MNIST, resnet20 on Fashion-MNIST and CIFAR-10.

    Raises   InputError for an unknown network or a setting out of range
    """
    network = variant(model)
    # Small sets need small batches, to make enough steps.
    size = {"epochs": 10, "batch_size": 32} if data == "digits" else {}
    batch_size = settings.get("batch_size", size.get("batch_size", BATCH))
    return Recipe(model=network.name, data=data, **(for_network(network, batch_size) | size | settings))


def for_network(network: Variant, batch_size: int) -> dict[str, Any]:
    """Networks with batch norm take a high rate of SGD, proportional to the batch; the others are safer with Adam."""
    suits = network.family.suits_of(network.base)
    lr = suits.lr * batch_size / BATCH if suits.optimizer == "sgd" else suits.lr
    return {"epochs": suits.epochs, "optimizer": suits.optimizer, "lr": lr, "weight_decay": suits.weight_decay}
