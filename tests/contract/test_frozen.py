"""What a strategy freezes stays as it was, to the bit, for the smallest network of every family; the rest learns."""

from collections import defaultdict
from typing import Any

import pytest
import torch
from catalogue import CLASSES, SMALLEST, small
from selection import networks
from torch import Tensor, nn
from torch.optim import Optimizer

from convatlas.anatomy.parts import parts
from convatlas.engine.optim import make_optimizer
from convatlas.engine.recipe import Recipe
from convatlas.engine.strategy import NORMS, Learning
from convatlas.engine.task import total
from convatlas.engine.tasks.classify import plain_loss
from convatlas.errors import InputError
from convatlas.models import CATALOG
from convatlas.ops.droppath import DropPath

RATE = 0.01
QUICK = ("resnet20", "squeezenet1_1", "vit_b_16")
WITH_A_HEAD = ["lenet5" if name == "lenet5_1998" else name for name in SMALLEST]  # LeNet-5's codes of 1998 are fixed
SLOW = ("lenet5", "densenet_bc_100_12", "mobilenet_v2", "convnext_tiny")
NETWORKS = networks(WITH_A_HEAD, QUICK, SLOW)


class Trial:
    """A small network under a strategy, with dropout and stochastic depth wherever it has a place for them."""

    def __init__(self, name: str, **recipe: Any) -> None:
        family = CATALOG[name]
        self.net, self.x = small(name)
        for module in self.net.modules():
            if isinstance(module, nn.Dropout | DropPath):
                module.p = 0.5
        self.y = torch.arange(len(self.x)) % CLASSES
        self.stages = parts(self.net, tuple(self.x.shape[1:]), family.heads, family.auxiliary)
        self.recipe = Recipe(model=name, optimizer="adamw", lr=RATE, weight_decay=0.1, **recipe)
        self.learning = Learning(self.net, self.recipe, self.stages)
        self.optimizer: Optimizer = make_optimizer(self.learning.learners, self.recipe, "cpu")
        self.modules = dict(self.net.named_modules())

    def enter(self, epoch: int) -> None:
        self.learning.enter(epoch)
        self.before = {id(value): value.detach().clone() for value in (*self.net.parameters(), *self.net.buffers())}

    def steps(self, count: int = 2) -> None:
        for _ in range(count):
            self.optimizer.zero_grad()
            total(plain_loss(self.net, self.x, self.y)).backward()
            for group in self.optimizer.param_groups:
                group["lr"] = RATE * self.learning.share(group["part"])
            self.optimizer.step()

    def frozen(self) -> dict[str, nn.Module]:
        """The modules that rest now."""
        phase = self.learning.phase
        names = [name for stage, names in self.stages.items() if stage not in phase.rates for name in names]
        return {name: self.modules[name] for name in names if not (phase.norms and isinstance(self.modules[name], NORMS))}

    def moved(self, value: Tensor) -> bool:
        return not torch.equal(value, self.before[id(value)])

    def check_frozen(self) -> set[int]:
        resting = set()
        for name, module in self.frozen().items():
            assert not module.training or not name, name  # the network as a whole trains: its auxiliary heads look at that
            for value in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                resting.add(id(value))
                assert not self.moved(value), name
                assert not value.requires_grad, name
                assert value.grad is None, name
                assert value not in self.optimizer.state, name
        return resting

    def check_learned(self, resting: set[int]) -> None:
        moved = defaultdict(list)
        for stage, names in self.stages.items():
            for name in names:
                for p in self.modules[name].parameters(recurse=False):
                    if id(p) not in resting:
                        assert p.grad is not None, name
                        assert self.moved(p) or not p.grad.any(), name
                        moved[stage].append(self.moved(p))
        assert moved["head"]
        assert all(2 * sum(each) > len(each) for each in moved.values())

    def outputs(self) -> dict[str, list[Tensor]]:
        """What the frozen modules without parts give in one forward pass."""
        seen: dict[str, list[Tensor]] = defaultdict(list)
        leaves = {name: module for name, module in self.frozen().items() if next(module.children(), None) is None}
        hooks = [
            module.register_forward_hook(lambda _, __, y, name=name: seen[name].append(y)) for name, module in leaves.items()
        ]
        with torch.no_grad():
            self.net(self.x)
        for hook in hooks:
            hook.remove()
        return seen


@pytest.mark.parametrize("strategy", ["head", "last-2", "bn-only"])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_frozen_does_not_change(name: str, strategy: str) -> None:
    if strategy == "bn-only" and not any(isinstance(module, NORMS) for module in small(name)[0].modules()):
        with pytest.raises(InputError, match="bn-only needs norms"):
            Trial(name, strategy=strategy)
        return
    trial = Trial(name, strategy=strategy)
    trial.enter(0)
    trial.steps()
    resting = trial.check_frozen()
    trial.check_learned(resting)
    in_groups = {id(p) for group in trial.optimizer.param_groups for p in group["params"]}
    assert in_groups.isdisjoint(resting)
    assert in_groups | resting >= {id(p) for p in trial.net.parameters()}
    first, second = trial.outputs(), trial.outputs()
    assert first
    assert all(torch.equal(y, z) for name in first for y, z in zip(first[name], second[name], strict=True))


def test_what_learns_keeps_its_dropout_and_statistics() -> None:
    """The control of the test above: where everything learns, two passes differ and batch norms move."""
    trial = Trial("mobilenet_v3_small", strategy="full")
    trial.enter(0)
    trial.steps()
    assert not trial.frozen()
    assert not torch.equal(trial.net(trial.x), trial.net(trial.x))
    statistics = [buffer for name, buffer in trial.net.named_buffers() if name.endswith("running_mean")]
    assert all(map(trial.moved, statistics))


@pytest.mark.parametrize("name", ["resnet20", "vit_b_16"])
def test_stages_rest_until_they_are_thawed(name: str) -> None:
    trial = Trial(name, strategy="gradual", epochs=9)
    resting = []
    for epoch in range(9):
        trial.enter(epoch)
        trial.steps()
        resting.append(len(trial.check_frozen()))
        trial.check_learned({id(p) for module in trial.frozen().values() for p in module.parameters(recurse=False)})
    assert resting == sorted(resting, reverse=True)
    assert len(set(resting)) == min(len(trial.stages), len(trial.learning.plan))
    assert resting[-1] == 0
