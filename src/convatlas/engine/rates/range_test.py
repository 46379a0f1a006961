"""The learning-rate range test: the rate rises geometrically, and the loss shows where learning begins and where it breaks.

Source   Smith 2015, arXiv:1506.01186, §3.3; differs: the rate rises geometrically, so that each power of ten gets as many steps
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch

from ...errors import InputError
from ..schedule import accumulation
from ..session import RANDOM, Position, Session
from .suggest import DivergenceWatch, RangeTest, suggest_rate

FEWEST = 10  # steps


def range_test(
    session: Session, low: float = 1e-6, high: float = 10.0, steps: int = 100, watch: Callable[[int], object] | None = None
) -> RangeTest:
    """Trains a few steps at rising rates as the session's recipe would, then puts everything back as it was, to the bit.

    Parts that learn at a share of the recipe's rate keep their shares. Small sets are gone through as often as it takes.
    Units    low and high are rates of the recipe, what --lr would be; `watch` gets the number of steps that are done
    Raises   InputError for rates or steps that make no test
    """
    if not 0 < low < high < math.inf:
        raise InputError(f"a range test needs rates that rise, above 0, got --from {low:g} --to {high:g}")
    if steps < FEWEST:
        raise InputError(f"a range test needs at least {FEWEST} --steps, got {steps}")
    rates = [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]
    losses: list[float] = []
    watched = DivergenceWatch(steps)
    diverged = False
    with restore_afterwards(session):
        session.learning.enter(0)
        for rate, loss in zip(rates, step_losses(session, rates), strict=False):
            diverged = watched.diverges(loss)
            if math.isfinite(loss):
                losses.append(loss)
            if diverged:
                return suggest_rate(rates[: len(losses)], losses, rate)
            if watch:
                watch(len(losses))
    return suggest_rate(rates, losses)


def step_losses(session: Session, rates: Sequence[float]) -> Iterator[float]:
    """The mean loss of the batches of each step, taken at each rate in turn."""
    remaining = iter(rates)
    accumulated: list[torch.Tensor] = []
    rate = next(remaining)
    for epoch in count():
        session.at = Position(epoch)
        for x, y in session.batches.epoch(epoch):
            accumulated.append(session.step(x, y, rate))
            before, together = accumulation(session.at.step, session.steps, session.recipe.accumulate)
            session.at.step += 1
            if before + 1 < together:
                continue
            yield torch.stack(accumulated).mean().item()
            accumulated.clear()
            following = next(remaining, None)
            if following is None:
                return
            rate = following


@contextmanager
def restore_afterwards(session: Session) -> Iterator[None]:
    """Puts weights, buffers, gradients, modes, optimizer, place and random numbers back, however the block ends."""
    net = session.net
    tensors = [*net.parameters(), *net.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    gradients = [parameter.grad for parameter in net.parameters()]
    learns = [parameter.requires_grad for parameter in net.parameters()]
    modes = [module.training for module in net.modules()]
    optimizer = copy.deepcopy(session.optimizer.state_dict())
    scaler = copy.deepcopy(session.fabric.strategy.precision.state_dict())
    chance = {name: RANDOM[name].get_rng_state() for name in sorted({"cpu", session.device})}
    place = session.at
    for parameter in net.parameters():
        parameter.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        for parameter, gradient, learning in zip(net.parameters(), gradients, learns, strict=True):
            parameter.grad = gradient
            parameter.requires_grad_(learning)
        for module, mode in zip(net.modules(), modes, strict=True):
            module.training = mode
        session.optimizer.load_state_dict(optimizer)
        session.fabric.strategy.precision.load_state_dict(scaler)
        session.at = place
        for name, state in chance.items():
            RANDOM[name].set_rng_state(state)
