"""Activation checkpointing: activations are dropped after the forward pass and recomputed in the backward pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import groupby, pairwise
from types import MethodType
from typing import Any

import torch
from torch import Tensor, compiler, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from ..errors import InputError
from .inplace import InplaceSequential


def checkpoint_activations(model: nn.Module) -> nn.Module:
    """The network itself, whose blocks save only their inputs in training; names and results stay the same.

    A block is an outermost part with a class of its own; rows of n plain convolutions are cut into √n pieces. While a
    compiler traces the network nothing changes: compilers choose themselves what to recompute.

    Raises   InputError for a network without blocks and rows
    Source   Chen et al. 2016, arXiv:1604.06174, §4
    """
    blocks = list(units(model))
    while len(blocks) == 1 and is_block(blocks[0]) and (inner := list(units(blocks[0]))):
        blocks = inner  # a single part held all the blocks
    if not blocks:
        raise InputError(
            f"{type(model).__name__} has no blocks whose activations could be computed again: "
            "leave out --checkpoint-activations"
        )
    for unit in blocks:
        unit.forward = MethodType(forward_of_block if is_block(unit) else forward_of_row, unit)
    return model


def units(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost blocks below a module, and the rows of layers beside them, itself included."""
    if not is_block(module) and isinstance(module, nn.Sequential) and any(forgets for *_, forgets in pieces(module)):
        yield module
    for child in module.children():
        if is_block(child):
            yield child
        else:
            yield from units(child)


def is_block(module: nn.Module) -> bool:
    """Whether it has a class of its own, and layers with weights in it."""
    own = not type(module).__module__.startswith("torch.") and type(module) is not InplaceSequential
    return own and any(isinstance(part, nn.Conv2d | nn.Linear) for part in module.modules() if part is not module)


def pieces(row: nn.Sequential) -> Iterator[tuple[int, int, bool]]:
    """Where each piece of a row starts and ends, and whether its activations are dropped.

    Each but the first starts with a convolution, so that nothing overwrites the input that a piece has saved.
    """
    layers = list(enumerate(row))
    for plain, run in groupby(layers, lambda layer: next(layer[1].children(), None) is None):
        places = list(run)
        start, stop = places[0][0], places[-1][0] + 1
        convolutions = [i for i, layer in places if isinstance(layer, nn.Conv2d)]
        n = len(convolutions)
        k = round(n**0.5)
        bounds = [start, *(convolutions[i * n // k] for i in range(1, k)), stop]
        for a, b in pairwise(bounds):
            yield a, b, plain and n > 0 and b - a > 1


def forward_of_block(block: nn.Module, x: Tensor) -> Any:
    """What the block's class computes.

    Shapes   as those of the block
    """
    return checkpoint_block(block, MethodType(type(block).forward, block), x)


def forward_of_row(row: nn.Sequential, x: Tensor) -> Any:
    """What the row's class computes, piece by piece.

    Shapes   as those of the row
    """
    if not row.training or not torch.is_grad_enabled() or compiler.is_compiling():
        return MethodType(type(row).forward, row)(x)
    for start, stop, forgets in pieces(row):
        piece = row[start:stop]
        x = checkpoint_block(piece, piece, x) if forgets else piece(x)
    return x


def checkpoint_block(block: nn.Module, compute: Callable[[Tensor], Any], x: Tensor) -> Any:
    """compute(x), which runs again in the backward pass if there is one through this block.

    Shapes   as those of the block
    """
    learns = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in block.parameters()))
    if not learns or not block.training or compiler.is_compiling():
        return compute(x)
    return checkpoint(compute, x, use_reentrant=False, context_fn=partial(contexts, block))


def contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """The context managers of the forward pass and of the recomputation."""
    return nullcontext(), preserve_statistics(block)


@contextmanager
def preserve_statistics(block: nn.Module) -> Iterator[None]:
    """Norms update copies of their statistics while the block runs: the recomputation must not count the same images twice."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm) and module.training]
    before = [dict(norm.named_buffers()) for norm in norms]
    try:
        for norm, buffers in zip(norms, before, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer.clone())
        yield
    finally:
        for norm, buffers in zip(norms, before, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
