"""One training step of every family with and without forgetting: same loss, gradients, statistics and chance, bit for bit."""

import copy

import pytest
import torch
from catalogue import CLASSES, SMALLEST, small
from selection import networks
from torch import nn

from convatlas.engine.task import total
from convatlas.engine.tasks.classify import plain_loss
from convatlas.ops.checkpoint import checkpoint_activations

HAVE = [name for name in SMALLEST if not name.startswith("lenet")]
QUICK = {"resnet20", "vgg11", "densenet_bc_100_12", "vit_b_16"}
SLOW = {"squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "resnet18", "efficientnet_lite0", "convnext_tiny", "swin_t"}
DEEP = 0.5  # of the memory, at most, where there is more than one block


def step(model: nn.Module, x: torch.Tensor) -> tuple[dict[str, torch.Tensor | None], int]:
    """All a step leaves behind by name, and the bytes that were kept for the backward pass beside the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    torch.manual_seed(3)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = total(plain_loss(model, x, torch.arange(len(x)) % CLASSES))
    size = sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights)
    kept.clear()
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {**gradients, **dict(model.named_buffers()), " loss": loss.detach(), " chance": torch.rand(1)}, size


def freeze(model: nn.Module) -> None:
    """The first half of the layers, as a strategy does."""
    leaves = [module for module in model.modules() if next(module.children(), None) is None and [*module.parameters()]]
    for leaf in leaves[: len(leaves) // 2]:
        leaf.eval().requires_grad_(False)


@pytest.mark.parametrize("frozen", [False, True], ids=["all", "half"])
@pytest.mark.parametrize("name", networks(HAVE, QUICK, SLOW))
def test_a_step_leaves_the_same_bits_behind(name, frozen):
    model, x = small(name)
    x = x[:2]
    model.train()
    if frozen:
        freeze(model)
    forgetful = copy.deepcopy(checkpoint_activations(copy.deepcopy(model)))
    (expected, usual), (found, less) = step(model, x), step(forgetful, x)
    assert list(found) == list(expected)
    for key, value in expected.items():
        other = found[key]
        assert (value is None) == (other is None), key
        assert value is None or torch.equal(value, other), key
    assert less < (usual if frozen else DEEP * usual)
    assert torch.equal(model.eval()(x), forgetful.eval()(x))
    assert list(forgetful.state_dict()) == list(model.state_dict())


def test_mixed_precision_is_computed_again_in_the_same():
    model, x = small("resnet20")
    forgetful = checkpoint_activations(copy.deepcopy(model))
    for each in (model, forgetful):
        with torch.autocast("cpu", torch.bfloat16):
            y = each.train()(x)
        y.float().square().mean().backward()
    for (name, a), b in zip(model.named_parameters(), forgetful.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad), name
