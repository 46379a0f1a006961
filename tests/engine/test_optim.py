import pytest
import torch
from torch import nn

from convatlas.engine.optim import make_optimizer, parameter_groups
from convatlas.engine.recipe import Recipe
from convatlas.engine.strategy import Learning


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.layer_scale = nn.Parameter(torch.ones(8, 1, 1))
        self.head = nn.Linear(8, 4)
        self.frozen = nn.Parameter(torch.ones(3, 3), requires_grad=False)


def learners(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    return Learning(model, Recipe()).learners


def decays(model: nn.Module) -> dict[str, float]:
    groups = parameter_groups(learners(model), 0.1)
    of = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    return {name: of[id(p)] for name, p in model.named_parameters() if id(p) in of}


def test_kernels_decay_and_vectors_do_not():
    kernels = {"conv.weight", "depthwise.weight", "head.weight"}
    found = decays(Scaled())
    assert {name for name, decay in found.items() if decay} == kernels
    assert found.keys() == {name for name, p in Scaled().named_parameters() if p.requires_grad}


def test_a_network_without_vectors_has_one_group():
    assert len(parameter_groups(learners(nn.Linear(3, 3, bias=False)), 0.1)) == 1


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
def test_the_recipe_says_which_optimizer(name, kind):
    made = make_optimizer(learners(Scaled()), Recipe(optimizer=name, lr=0.01, momentum=0.8), "cpu")
    assert isinstance(made, kind)
    assert made.defaults["fused"]
    assert made.defaults["momentum" if name == "sgd" else "betas"] == (0.8 if name == "sgd" else (0.8, 0.999))


def test_no_momentum_means_no_nesterov():
    assert not make_optimizer(learners(Scaled()), Recipe(momentum=0), "cpu").defaults["nesterov"]


def test_scaled_gradients_are_clipped_by_an_optimizer_that_lets_them_be_unscaled():
    assert not make_optimizer(learners(Scaled()), Recipe(precision="fp16", clip=1), "cpu").defaults["fused"]
    assert make_optimizer(learners(Scaled()), Recipe(precision="fp16"), "cpu").defaults["fused"]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_fused_and_plain_steps_agree(name):
    after = []
    for device in ("cpu", "meta"):  # only the first is fused
        torch.manual_seed(0)
        model = Scaled()
        optimizer = make_optimizer(learners(model), Recipe(optimizer=name, lr=0.01), device)
        for _ in range(3):
            model.head(model.norm(model.conv(torch.ones(2, 3, 4, 4))).mean((2, 3))).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        after.append([p.detach() for p in model.parameters()])
    for a, b in zip(*after, strict=True):
        torch.testing.assert_close(a, b)
