"""Averages of the weights, which are tested in place of the last ones."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..ops.mode import eval_mode
from .recipe import Recipe


def make_average(net: nn.Module, recipe: Recipe) -> "Average | None":
    """The average that a recipe asks for, None if it asks for none."""
    return Average(net, recipe) if recipe.ema or recipe.swa else None


class Average:
    """A moving average of the weights after each step (EMA), or the mean of those after each of the last epochs (SWA).

    Source   SWA: Izmailov et al. 2018, arXiv:1803.05407, algorithm 1, once per epoch
    """

    def __init__(self, net: nn.Module, recipe: Recipe) -> None:
        self.recipe = recipe
        moving = get_ema_multi_avg_fn(recipe.ema) if recipe.ema else None  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(net, multi_avg_fn=moving, use_buffers=moving is not None)
        self.learning = torch.zeros(len(norms(net)), dtype=torch.bool)  # norms whose statistics the mean has to find itself

    @property
    def module(self) -> nn.Module:
        """The network with the averaged weights, for testing."""
        return self.averaged.module

    @property
    def begun(self) -> bool:
        """Whether there is an average already; until then the network itself is tested."""
        return bool(self.recipe.ema) or bool(self.averaged.n_averaged > 0)

    def after_step(self, net: nn.Module) -> None:
        """Moves the average towards the weights, with EMA."""
        if self.recipe.ema:
            self.averaged.update_parameters(net)

    def after_epoch(self, net: nn.Module, done: int, end: int, start: int = 0) -> None:
        """Adds the weights to the mean if the epoch just done, counted from 1, is one of the last before `end`, with SWA.

        Of a run that was extended at `start` the mean begins again: the earlier one is no part of it.

        It is called before anything is tested: the mode of the norms tells which of them gather statistics.
        """
        if not self.recipe.swa:
            return
        first = swa_start(self.recipe.swa, end, start)
        if done > first:
            if done == first + 1:
                self.averaged.n_averaged.zero_()
                self.learning.zero_()
            self.averaged.update_parameters(net)
            self.learning |= torch.tensor([norm.training for norm in norms(net)], dtype=torch.bool)

    def update_batch_norms(
        self, batches: Iterable[tuple[Tensor, Tensor]], autocast: AbstractContextManager[Any] | None = None
    ) -> None:
        """Gives the norms of the mean the statistics they see on training images, since no step was made with its weights.

        Those that did not learn keep theirs. Statistics are means over batches in evaluation mode: nothing is dropped.

        Source   Izmailov et al. 2018, arXiv:1803.05407, §3.2
        """
        if not self.recipe.swa or not self.begun or self.recipe.freeze_norms:
            return
        learning = [norm for norm, flag in zip(norms(self.module), self.learning, strict=True) if flag]
        before = [(norm, norm.momentum, {k: v.clone() for k, v in norm.named_buffers()}) for norm in learning]
        with eval_mode(self.module), torch.no_grad(), autocast or nullcontext():
            for norm in learning:
                norm.train()
                norm.reset_running_stats()
                norm.momentum = None  # every batch counts alike
            for x, _ in batches if learning else ():
                self.module(x)
        for norm, momentum, buffers in before:
            norm.momentum = momentum
            if not norm.num_batches_tracked:  # an auxiliary head's
                norm.load_state_dict(buffers, strict=False)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` continues from."""
        return {"averaged": self.averaged.state_dict(), "learning": self.learning}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        self.averaged.load_state_dict(state["averaged"])
        self.learning = state["learning"].cpu()


def swa_start(share: float, end: int, start: int = 0) -> int:
    """The epochs that pass before those whose weights SWA averages, of a run that ends at one and was extended at `start`."""
    return max(start, end - max(1, int(end * share + 1e-9)))


def norms(net: nn.Module) -> list[_BatchNorm]:
    """The norms that gather statistics."""
    return [module for module in net.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
