"""Encoders and pyramids of networks of the catalog, whose head is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..anatomy import pyramid as maps
from ..anatomy.encoder import Encoder, points_of
from ..anatomy.layer import Shape
from ..anatomy.layers import example, inspect, without_values
from ..anatomy.pyramid import Level
from ..errors import InputError
from ..models import check_options, create_model, settings_of_weights, variant
from ..ops.mode import eval_mode
from ..runs.preparation import size_of_run
from .head import HEADS, head_of


def levels(model: nn.Module, size: Shape) -> tuple[Level, ...]:
    """The last map of each stride, finest first, without computing anything; the head is left out.

    Shapes   size (channels, height, width)
    Raises   InputError for a network whose maps all have one stride, such as a ViT
    """
    return maps.levels(model, size, head_name(model, size))


def head_name(model: nn.Module, size: Shape) -> str:
    """The path of the module that gives the logits; empty if there is none.

    Raises   InputError if the network does not take such images
    """
    if type(model) in HEADS:
        return HEADS[type(model)]
    inspect(model, size)
    with eval_mode(model), torch.no_grad(), without_values(model):
        head = head_of(model, example(model, size))
    return next((name for name, module in model.named_modules() if module is head), "")


def pyramid(model: nn.Module, x: Tensor, at: Sequence[Level] | None = None) -> list[Tensor]:
    """The last map of each stride, finest first, in the mode the network is in; gradients flow back through them.

    `at` takes what `levels` gives, so that many batches of one size need to ask but once.

    Shapes   x (n, channels, h, w) → maps (n, c, h', w')
    Raises   InputError for a network whose maps all have one stride, such as a ViT
    """
    return maps.pyramid(model, x, levels(model, tuple(x.shape[1:])) if at is None else at)


def create_encoder(
    name: str,
    *,
    weights: str | Path | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
    levels: Sequence[int] | None = None,
    **changes: Any,
) -> Encoder:
    """A network of the catalog as an encoder: its pyramid, with channels and strides known before anything runs.

    Networks for segmentation and detection stand on it. `levels` are the strides to give, all of them if None; what only
    coarser ones need is left out. The other arguments are those of `create_model`.

    Raises   InputError as `create_model` does; for a network without a pyramid, such as a ViT, and a stride it does not have
    """
    check_options(None, in_channels, image_size, weights)
    channels, side = (None, None) if weights is None else size_of_run(weights)
    in_channels, image_size = in_channels or channels, image_size or side
    network = create_model(name, in_channels=in_channels, image_size=image_size, weights=weights, **changes)
    entry = variant(name)
    native = entry.native
    side = image_size or settings_of_weights(entry, weights)[1] or native.image_size
    size = (in_channels or native.in_channels, side, side)
    chosen = maps.levels(network, size, entry.family.heads[0])
    if levels is not None:
        strides = [level.stride for level in chosen]
        if not levels or not set(levels) <= set(strides):
            there = ", ".join(map(str, strides))
            raise InputError(f"{name} has maps of stride {there}: levels needs one or more of these, got {tuple(levels)}")
        chosen = tuple(level for level in chosen if level.stride in levels)
    points, behind = points_of(network, chosen, size)
    for path in (*behind, *entry.family.auxiliary):
        network.set_submodule(path, nn.Identity())
    return Encoder(network, chosen, points, side)
